"""The table of a dataset, and what it is made of."""

import numpy as np
import pytest

import jaxadv as ja
from jaxadv.reports import sweep as summary
from jaxadv.stats import cells


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
    assert np.isinf(hard["steps_90%"]).all()
    text = summary.as_text(table, 300)
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
