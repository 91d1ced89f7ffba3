"""Figures of a sweep show what its dataset holds."""

import numpy as np

from jaxadv.figures import sweeps as plots
from jaxadv.stats import cells
from jaxadv.stats.survival import survival
from jaxadv.sweeps.traces import run_traces


def test_the_figure_of_steps_shows_the_curves_and_the_censoring(dataset, axes):
    _, family = next(cells.families(dataset))
    drawn = plots.plot_steps(axes, family)
    assert drawn is axes
    censored = 1 - float(family.reached.isel(cell=1, tolerance=-1).mean())
    labels = ["0.1", f"10 ({censored:.1%} not converged)"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == labels
    curves = [line for line in axes.lines if line.get_label() in labels]
    for line, index in zip(curves, range(2), strict=True):
        cell = family.isel(cell=index, tolerance=-1)
        at, share = line.get_data()
        steps, reached = cells.by_network(cell.num_steps), cells.by_network(cell.reached)
        times, curves = survival(steps, reached, np.ones((1, 3), int))
        np.testing.assert_array_equal(at[1:-1], times)
        np.testing.assert_array_equal(share[1:-1], curves[0])
        assert share[0] == 1


def test_the_figure_of_curvature_shows_medians_and_the_predicted_curve(dataset, axes):
    _, family = next(cells.families(dataset))
    plots.plot_curvature(axes, family)
    lines = {line.get_label(): line for line in axes.lines}
    certified = family.curvature_ratio.where(cells.is_maximum(family))
    expected = np.nanquantile(certified.values[0], 0.5, method="inverted_cdf")
    assert lines["median, simulated"].get_ydata()[0] == expected
    assert lines["mean field"].get_ydata()[0] < lines["mean field"].get_ydata()[-1] <= 1


def test_the_predicted_curve_is_drawn_for_two_layers_alone(sweep, dataset, axes):
    _, family = next(cells.families(dataset))
    other = sweep.to_toml().replace("two-layer", "mine:three_layers")
    plots.plot_curvature(axes, family.assign_attrs(sweep=other))
    labels = [line.get_label() for line in axes.lines]
    assert "median, simulated" in labels
    assert "mean field" not in labels


def test_a_scale_without_a_certified_trial_leaves_a_gap(dataset, axes):
    _, family = next(cells.families(dataset))
    plots.plot_curvature(axes, family.assign(kind=family.kind.where(family.scale < 1, 0)))
    medians = next(line for line in axes.lines if line.get_label() == "median, simulated")
    assert np.isnan(medians.get_ydata()).tolist() == [False, True]


def test_the_figure_of_residuals_has_a_line_per_trial(sweep, dataset, axes):
    traces = run_traces(sweep, networks=2).assign_coords(dataset.coords)
    _, family = next(cells.families(traces))
    plots.plot_residuals(axes, family)
    paths = [line for line in axes.lines if len(line.get_xdata()) > 1]
    assert len(paths) == 4
    for line in paths:
        assert np.isfinite(line.get_ydata()).all()
