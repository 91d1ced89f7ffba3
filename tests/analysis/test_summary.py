"""Tables and figures of a dataset."""

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.analysis import cells, plots, summary
from jaxadv.analysis.survival import survival
from jaxadv.sweeps.traces import run_traces

SWEEP = ja.Sweep(
    scales=(10.0, 0.1), ratios=(0.1, 0.2), dims=8, widths=32, networks=3, examples=4, starts=2,
    max_steps=300,
)  # fmt: skip


@pytest.fixture(scope="module")
def dataset():
    return ja.run_sweep(SWEEP, progress=False)


@pytest.fixture
def axes():
    with mpl.rc_context(plots.STYLE):
        figure, axes = plt.subplots()
        yield axes
        plt.close(figure)


def test_the_table_counts_what_the_dataset_holds(dataset):
    table = summary.summarize(dataset)
    assert table.scale.tolist() == [10, 10, 0.1, 0.1]
    for index, row in table.iterrows():
        cell = dataset.isel(cell=index)
        assert row.trials == 24
        assert row.certified == np.mean(np.isin(cell.kind, [1, 2]))
        assert row.out_of_budget == np.mean(cell.status == ja.Status.MAX_STEPS)
        counts = np.sort(cell.num_steps.values[..., -1].ravel())
        expected = counts[11] if cell.reached.values[..., -1].sum() >= 12 else np.inf
        assert row["steps_50%"] == expected
    easy, hard = table[table.scale == 0.1], table[table.scale == 10]
    assert (easy.certified == 1).all()
    assert (hard.out_of_budget > 0).all()
    assert np.isinf(hard["steps_99%"]).all()
    text = summary.as_text(table, SWEEP.max_steps)
    assert "> 300" in text
    assert "width" not in text


def test_a_trial_that_stalled_early_is_not_taken_for_one_that_would_have_converged(dataset):
    cell = dataset.isel(cell=[3]).copy(deep=True)
    late = cell.num_steps.isel(tolerance=-1) > cell.num_steps.isel(tolerance=-1).median()
    cell["reached"] = cell.reached & ~late
    cell["num_steps"] = cell.num_steps.where(~late, 1)
    cell["status"] = cell.status.where(~late, int(ja.Status.STALLED))
    row = summary.summarize(cell).iloc[0]
    assert row.stalled == late.mean() > 0.3
    assert np.isinf(row["steps_90%"])


def test_only_networks_that_were_run_in_every_cell_count(dataset):
    partial = dataset.copy(deep=True)
    partial.complete[0, 1] = False
    assert summary.summarize(partial).trials.tolist() == [16] * 4
    partial.complete[1] = False
    with pytest.raises(ValueError, match="no network was run in every cell"):
        summary.summarize(partial)


def test_families_differ_in_scale_alone(dataset):
    families = list(cells.families(dataset))
    assert [settings for settings, _ in families] == [{"ratio": 0.1}, {"ratio": 0.2}]
    for settings, family in families:
        assert family.scale.values.tolist() == [0.1, 10]
        assert (family.ratio == settings["ratio"]).all()


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
    assert lines["mean field"].get_ydata()[0] < lines["mean field"].get_ydata()[-1] < 1


def test_the_predicted_curve_is_drawn_for_two_layers_alone(dataset, axes):
    _, family = next(cells.families(dataset))
    other = SWEEP.to_toml().replace("two-layer", "mine:three_layers")
    plots.plot_curvature(axes, family.assign_attrs(sweep=other))
    labels = [line.get_label() for line in axes.lines]
    assert "median, simulated" in labels
    assert "mean field" not in labels


def test_a_scale_without_a_certified_trial_leaves_a_gap(dataset, axes):
    _, family = next(cells.families(dataset))
    plots.plot_curvature(axes, family.assign(kind=family.kind.where(family.scale < 1, 0)))
    medians = next(line for line in axes.lines if line.get_label() == "median, simulated")
    assert np.isnan(medians.get_ydata()).tolist() == [False, True]


def test_the_figure_of_residuals_has_a_line_per_trial(dataset, axes):
    traces = run_traces(SWEEP, networks=2).assign_coords(dataset.coords)
    _, family = next(cells.families(traces))
    plots.plot_residuals(axes, family)
    paths = [line for line in axes.lines if len(line.get_xdata()) > 1]
    assert len(paths) == 4
    for line in paths:
        assert np.isfinite(line.get_ydata()).all()
