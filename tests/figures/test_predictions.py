"""Figures of predictions show what was planted."""

import math

import numpy as np

from jaxadv.figures import predictions
from jaxadv.theory import curvature_ratio, kappa_0
from tests.synthetic import along, synthetic

SCALES = along("scale", (0.3, 1.0, 3.0))


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def predicted(cell):
    return float(curvature_ratio(kappa_0("tanh", cell["scale"], 0.1)))


def test_the_collapse_has_a_point_for_each_cell_on_the_curve(axes):
    dataset = synthetic(SCALES, lambda *_: 100, curvature_ratio=predicted)
    predictions.plot_collapse(axes, {"a": dataset})
    drawn = [line.get_xydata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
    assert len(drawn) == 3
    for x, y in drawn:
        np.testing.assert_allclose(y, curvature_ratio(x))
    assert legend(axes)[-2:] == ["mean field", "earlier law"]


def test_the_collapse_of_steps_leaves_out_large_steps(axes):
    both = [{"scale": 3.0}, {"scale": 3.0, "step_size": 10.0}]
    predictions.plot_step_collapse(axes, {"a": synthetic(both, lambda *_: 100)})
    assert len([line for line in axes.lines if len(line.get_xdata()) == 1]) == 1
    assert "all modes, tolerance 1e-04" in legend(axes)


def test_curvature_ratios_are_drawn_with_a_curve_for_each_ratio(axes):
    settings = [{"scale": s, "ratio": r} for s in (0.3, 1.0) for r in (0.1, 0.3)]
    predictions.plot_condition_numbers(axes, synthetic(settings, lambda *_: 100))
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
