"""Figures of sweeps without data, predictions or ends of intervals say so, and are drawn."""

import math
from functools import partial

import numpy as np
import pytest

import jaxadv as ja
from jaxadv.figures import growth, predictions, success
from jaxadv.figures.style import points
from jaxadv.stats.intervals import Estimate
from tests.synthetic import along, synthetic

SCALES = along("scale", (0.3, 1.0, 3.0))
OF_ALL = (
    growth.plot_distances,
    predictions.plot_collapse,
    predictions.plot_step_collapse,
    predictions.plot_rates,
)


@pytest.mark.parametrize("activation", ["relu", "identity", "gone:away"])
def test_what_the_theory_does_not_cover_is_drawn_without_it(axes, activation):
    settings = [{"scale": s, "activation": activation} for s in (0.3, 1.0, 3.0)]
    dataset = synthetic(settings, lambda *_: 100)
    for draw in (
        predictions.plot_condition_numbers,
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
        partial(predictions.plot_condition_numbers, dataset=dataset),
        *(partial(plot, datasets={"a": dataset}) for plot in OF_ALL),
    ]
    for draw in drawings:
        draw(axes)
        assert axes.texts
        axes.figure.canvas.draw()
        axes.clear()
    success.plot_failures(axes, dataset)
    axes.figure.canvas.draw()


def test_an_interval_without_an_upper_end_has_an_arrow(axes):
    points(axes, [1.0, 2.0], [Estimate(3.0, 2.0, math.inf), Estimate(3.0, 2.0, 4.0)])
    assert np.isfinite(axes.get_ylim()).all()
    assert axes.get_ylim()[1] > 5
