"""Figures of growth show what was planted."""

import math

import numpy as np

from jaxadv.figures import growth
from tests.synthetic import along, synthetic

DIMS = along("dim", (16, 32, 64, 128, 256, 512))
SCALES = along("scale", (0.3, 1.0, 3.0))


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


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
