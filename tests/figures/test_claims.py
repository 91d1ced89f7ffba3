"""Figures of the claims show what was planted."""

import math
from functools import partial

import numpy as np
import pytest

import jaxadv as ja
from jaxadv.figures import growth, predictions
from jaxadv.figures.style import points
from jaxadv.stats.intervals import Estimate
from jaxadv.theory import curvature_ratio, kappa_0
from tests.synthetic import along, synthetic

DIMS = along("dim", (16, 32, 64, 128, 256, 512))
SCALES = along("scale", (0.3, 1.0, 3.0))
OF_ALL = (
    growth.plot_distances,
    predictions.plot_collapse,
    predictions.plot_step_collapse,
    predictions.plot_rates,
)


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def predicted(cell):
    return float(curvature_ratio(kappa_0("tanh", cell["scale"], 0.1)))


def test_growth_shows_the_exponent_and_the_sizes_that_were_run(axes):
    growth.plot_growth(axes, synthetic(DIMS, lambda cell, _: 20 * cell["dim"] ** 0.5), "dim")
    (label,) = legend(axes)
    scale, exponent = label.rstrip(")").split(" (")
    assert scale == "1"
    assert abs(float(exponent) - 0.5) < 0.05
    ticks = [tick.get_text() for tick in axes.get_xticklabels()]
    assert ticks == ["16", "32", "64", "128", "256", "512"]


def test_growth_along_the_tolerance_is_drawn_for_every_scale(axes):
    ladder = tuple(10.0**-k for k in range(1, 7))
    dataset = synthetic(SCALES, lambda _, tol: 40 * math.log(1 / tol), tolerances=ladder)
    growth.plot_growth(axes, dataset, "tolerance")
    exponents = [float(label.split("(")[1].rstrip(")")) for label in legend(axes)]
    np.testing.assert_allclose(exponents, 1, atol=0.02)


def test_censored_quantiles_are_left_out_of_a_figure(axes):
    dataset = synthetic(SCALES, lambda cell, _: 100 * cell["scale"], budget=150)
    growth.plot_growth(axes, dataset, "scale", by="ratio")
    drawn = [y for line in axes.lines for y in np.atleast_1d(line.get_ydata())]
    assert max(y for y in drawn if np.isfinite(y)) <= 3 * 150


def test_failures_are_drawn_by_scale_and_loss(axes):
    settings = [{"width": w, "loss": loss} for w in (16, 64) for loss in ("quadratic", "logistic")]
    growth.plot_failures(axes, synthetic(settings, lambda *_: 100))
    assert legend(axes) == ["s = 1, quadratic loss", "s = 1, logistic loss"]


@pytest.mark.parametrize("activation", ["relu", "identity", "gone:away"])
def test_what_the_theory_does_not_cover_is_drawn_without_it(axes, activation):
    settings = [{"scale": s, "activation": activation} for s in (0.3, 1.0, 3.0)]
    dataset = synthetic(settings, lambda *_: 100)
    for draw in (
        predictions.plot_curvature_ratios,
        partial(growth.plot_growth, along="scale", by="ratio"),
    ):
        draw(axes, dataset)
        axes.clear()
    for draw in (predictions.plot_collapse, predictions.plot_step_collapse):
        draw(axes, {"a": dataset, "b": synthetic(SCALES, lambda *_: 100)})
        axes.clear()


def test_figures_without_data_say_so(axes):
    """No trial converged, and nothing is certified: as with relu."""
    dataset = synthetic(
        SCALES, lambda *_: 100, budget=10, kind=int(ja.Kind.NOT_SMOOTH), curvature_ratio=np.nan,
        distance=np.nan,
    )  # fmt: skip
    drawings = [
        partial(growth.plot_growth, dataset=dataset, along="scale", by="ratio"),
        partial(predictions.plot_curvature_ratios, dataset=dataset),
        *(partial(plot, datasets={"a": dataset}) for plot in OF_ALL),
    ]
    for draw in drawings:
        draw(axes)
        assert axes.texts
        axes.figure.canvas.draw()
        axes.clear()
    growth.plot_failures(axes, dataset)
    axes.figure.canvas.draw()


def test_an_interval_without_an_upper_end_has_an_arrow(axes):
    points(axes, [1.0, 2.0], [Estimate(3.0, 2.0, math.inf), Estimate(3.0, 2.0, 4.0)])
    assert np.isfinite(axes.get_ylim()).all()
    assert axes.get_ylim()[1] > 5


def test_distances_need_sweeps_that_differ_in_their_tolerance(axes):
    sweeps = {
        str(k): synthetic(SCALES, lambda *_: 100, tolerances=(10.0**-k,), distance=10.0**-k)
        for k in (2, 4)
    }
    growth.plot_distances(axes, sweeps)
    assert legend(axes) == ["distance = tolerance", "0.3", "1", "3"]
    axes.clear()
    growth.plot_distances(axes, {"2": sweeps["2"]})
    assert axes.get_legend() is None
    assert "no sweeps" in axes.texts[0].get_text()


def test_the_collapse_has_a_point_for_each_cell_on_the_curve(axes):
    dataset = synthetic(SCALES, lambda *_: 100, curvature_ratio=predicted)
    predictions.plot_collapse(axes, {"a": dataset})
    drawn = [line.get_xydata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
    assert len(drawn) == 3
    for x, y in drawn:
        np.testing.assert_allclose(y, curvature_ratio(x))
    assert "mean field" in legend(axes)


def test_the_collapse_of_steps_leaves_out_large_steps(axes):
    both = [{"scale": 3.0}, {"scale": 3.0, "step_size": 10.0}]
    predictions.plot_step_collapse(axes, {"a": synthetic(both, lambda *_: 100)})
    assert len([line for line in axes.lines if len(line.get_xdata()) == 1]) == 1
    assert "all modes, tolerance 1e-04" in legend(axes)


def test_curvature_ratios_are_drawn_with_a_curve_for_each_ratio(axes):
    settings = [{"scale": s, "ratio": r} for s in (0.3, 1.0) for r in (0.1, 0.3)]
    predictions.plot_curvature_ratios(axes, synthetic(settings, lambda *_: 100))
    assert legend(axes) == ["0.1", "0.3"]


def test_rates_are_drawn_for_tight_sweeps_alone(axes):
    def law(_, tolerance):
        return math.log(1 / tolerance) / 0.01

    ladder = (1e-5, 1e-6)
    dataset = synthetic(SCALES, law, tolerances=ladder, local_rate=math.exp(-0.01))
    predictions.plot_rates(axes, {"a": dataset})
    assert f"n = {3 * 60 * 2} trials" in axes.get_title(loc="left")
    axes.clear()
    predictions.plot_rates(axes, {"a": dataset.isel(tolerance=[0])})
    assert "no sweep" in axes.texts[0].get_text()
