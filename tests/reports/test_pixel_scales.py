"""The page on the scale of pixels, from small trainings that the script runs."""

import importlib
from pathlib import Path

import numpy as np
import pytest

import jaxadv as ja
from jaxadv.claims.training import FasterAtSmallerScale
from jaxadv.stats.pixel_scales import is_control, largest_difference, tabulate
from jaxadv.stats.trainings import Phase

CONFIG = """
[base]
data = "digits"
inputs = "pixels"
scales = [0.25, 1, 4]
losses = "cross-entropy"
widths = 4
layers = "both"
examples = 40
test_examples = 8
batch = 4
steps = 12
evaluate_at = [1, 10]
optimizers = "sgd"
ratios = 0.1
rates = []
sharpness_rates = 0.3
attack_steps = 2
strong_steps = 3
restarts = 0
networks = 30

[variations.base]

[variations.undone]
undo_scale = true
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page, its figures and the stores."""
    folder = tmp_path_factory.mktemp("scale")
    (folder / "scale.toml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[2] / "scripts")
        main = importlib.import_module("real_scale").main
    main(str(folder), str(folder / "scale.toml"))
    return folder


@pytest.fixture(scope="module")
def datasets(folder):
    return {name: ja.open(folder / name).load() for name in ("base", "undone")}


def test_the_table_has_the_medians(datasets):
    table = tabulate(datasets)
    assert len(table) == 2 * 3 * 3 * 3
    base = datasets["base"]
    losses = base.robust_loss.sel(split="test", evaluation=10)
    errors = 1 - base.robust_accuracy.sel(split="test", evaluation=10)
    for quantity, values in (("loss", losses), ("errors", errors)):
        of_quantity = table.loc[table["quantity"] == quantity]
        row = of_quantity.query("variation == 'base' and scale == 4 and step == 10")
        # Of an even number the lower one of the middle two.
        middle = np.quantile(values[base.scale.values == 4], 0.5, method="inverted_cdf")
        assert row.value.item() == pytest.approx(middle)
        assert row.low.item() <= row.value.item() <= row.high.item()


def test_a_run_that_diverged_is_worse_than_all_others(datasets):
    diverged = datasets["base"].copy(deep=True)
    diverged.diverged_step[0] = 2
    table = tabulate({"base": diverged})
    of_loss = table.loc[table["quantity"] == "loss"]
    assert np.isinf(of_loss.query("scale == 0.25 and step == 10").value.item())
    assert np.isnan(largest_difference(diverged))


def test_controls_are_known_by_what_they_are(datasets):
    assert [is_control(dataset) for dataset in datasets.values()] == [False, True]


def test_no_claim_is_judged_on_trainings_without_a_scale(datasets):
    phase = Phase("epoch", "in the first epoch", 10, 0.7)
    rule = FasterAtSmallerScale("loss", "sharpness", phase)
    assert len(list(rule.findings(datasets["base"]))) == 2
    assert not list(rule.findings(datasets["undone"]))


def test_undoing_the_scale_leaves_no_difference(datasets, folder):
    assert largest_difference(datasets["undone"]) == 0
    assert largest_difference(datasets["base"]) > 0.01
    page = (folder / "report.md").read_text()
    assert (
        "the same question of the loss: in the first tenth of an epoch 0 for, 0 against, 2 tie"
        in page
    )
    assert "between scales, on the same network, is 0." in page


def test_the_page_answers_its_question_with_numbers_and_figures(folder):
    page = (folder / "report.md").read_text()
    assert page.startswith("# Does the scale of pixels matter?")
    for heading in ("## In short", "## Is a smaller scale ahead?", "## Numbers"):
        assert heading in page
    question = "robust loss is lower, in the first epoch: "
    (answer,) = [line for line in page.splitlines() if question in line]
    # Two pairs of scales of the variation that is no control.
    outcomes = answer.partition(question)[2].partition(". The")[0].split(", ")
    counts = [int(outcome.split()[0]) for outcome in outcomes]
    assert sum(counts) == 2
    for name in ("loss.png", "errors.png", "inner.png"):
        assert f"({name})" in page
        assert (folder / name).stat().st_size > 10_000
