"""Training experiments with a known truth get the numbers and the verdicts that are due."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from jaxadv.claims.claims import CLAIMS, claims_on, judge_all
from jaxadv.claims.judgements import judge
from jaxadv.claims.training_rules import FasterAtSmallerScale
from jaxadv.claims.verdicts import Verdict
from jaxadv.figures import trainings as plots
from jaxadv.figures.rates import plot_rates
from jaxadv.reports import training as training_report
from jaxadv.reports.claims import as_markdown
from jaxadv.stats.trainings import (
    COMPARISONS,
    PHASES,
    QUANTITIES,
    best_cells,
    robust_losses,
    series,
    steps_to,
)
from jaxadv.training.evaluate import ACCURACIES
from tests.synthetic import along, synthetic
from tests.synthetic_training import decay, synthetic_training

FASTER = decay(lambda cell: 0.05 / (1 + cell["scale"]))
SLOWER = decay(lambda cell: 0.01 * (1 + cell["scale"]))
EQUAL = decay(lambda cell: 0.02)


def verdicts(dataset, **settings):
    rule = FasterAtSmallerScale(**{"quantity": "loss", "comparison": "common", **settings})
    return {finding.verdict for finding in rule.findings(dataset)}


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("quantity", ["loss", "share"])
def test_what_is_faster_is_said_to_be(quantity, comparison, phase):
    settings = {"quantity": quantity, "comparison": comparison, "phase": phase}
    assert verdicts(synthetic_training(FASTER), **settings) == {Verdict.SUPPORTED}
    assert verdicts(synthetic_training(SLOWER), **settings) == {Verdict.NOT_SUPPORTED}
    assert verdicts(synthetic_training(EQUAL), **settings) == {Verdict.INCONCLUSIVE}
    few = synthetic_training(FASTER, networks=20)
    assert verdicts(few, **settings) == {Verdict.INCONCLUSIVE}


def test_the_order_may_turn_from_phase_to_phase():
    def crossing(cell, steps):
        early = np.exp(-0.05 / (1 + cell["scale"]) * np.minimum(steps, 10))
        return early * np.exp(-0.01 * cell["scale"] * np.maximum(0, steps - 10))

    dataset = synthetic_training(crossing)
    assert verdicts(dataset, phase=PHASES[0]) == {Verdict.SUPPORTED}
    assert verdicts(dataset, phase=PHASES[2]) == {Verdict.NOT_SUPPORTED}
    found = {judgement.claim.name: judgement.verdict for judgement in judge_all({"a": dataset})}
    assert found["C2-first-share"] == Verdict.SUPPORTED
    assert found["C2-late-share"] == Verdict.NOT_SUPPORTED


def test_clean_training_is_no_evidence_on_attacks():
    dataset = synthetic_training(FASTER)
    rule = FasterAtSmallerScale("loss", "common", PHASES[0])
    assert {finding.settings["ratio"] for finding in rule.findings(dataset)} == {0.1}
    assert len(list(rule.findings(dataset))) == 2 * 2  # two rates, two pairs of scales
    control = FasterAtSmallerScale("loss", "common", PHASES[0], attacked=False)
    assert {finding.settings["ratio"] for finding in control.findings(dataset)} == {0.0}


def test_steps_to_a_target_are_the_first_and_censored_where_there_are_none():
    dataset = synthetic_training(decay(lambda cell: 0.05), scales=(1.0,), rates=(0.1,), networks=3)
    found = steps_to(dataset, 0.7, 200)  # ln(1/0.7)/0.05 = 7.1 steps
    assert set(found.ravel()) <= {7.0, 8.0}
    assert np.isinf(steps_to(dataset, 0.7, 5)).all()
    assert (steps_to(dataset, 0.1, 200) == 56).all()
    assert (steps_to(dataset, 1.5, 200) == 0).all()


def test_two_that_never_arrive_are_a_tie():
    dataset = synthetic_training(decay(lambda cell: 1e-9))
    assert verdicts(dataset, quantity="steps", phase=PHASES[2]) == {Verdict.INCONCLUSIVE}


def test_a_diverged_run_has_converged_nowhere():
    dataset = synthetic_training(FASTER, diverged=lambda cell: 9 if cell["scale"] == 1.0 else -1)
    losses = robust_losses(dataset)
    at_one = losses.isel(cell=dataset.scale.values == 1.0)
    assert np.isfinite(at_one.sel(evaluation=slice(0, 8))).all()
    assert np.isinf(at_one.sel(evaluation=slice(9, None))).all()
    assert np.isfinite(losses.isel(cell=dataset.scale.values != 1.0)).all()
    assert verdicts(dataset, phase=PHASES[0]) == {Verdict.SUPPORTED, Verdict.NOT_SUPPORTED}


def test_the_best_rate_is_chosen_on_the_other_half_of_the_networks():
    """Even networks do well at one rate, odd ones at the other: each gets the one that is bad."""
    dataset = synthetic_training(EQUAL, scales=(1.0,), ratios=(0.1,), sharpness_rates=())
    losses = dataset.robust_loss.values.copy()
    losses[0, 0::2], losses[1, 1::2] = 0.1, 0.1
    losses[1, 0::2], losses[0, 1::2] = 0.9, 0.9
    dataset["robust_loss"] = (dataset.robust_loss.dims, losses)
    cells = best_cells(dataset, np.array([True, True]), 200)
    assert cells.tolist() == [[1, 0] * 16]
    values = robust_losses(dataset).sel(evaluation=200).values
    (only,) = series(dataset, values, "best", 200)
    assert (only.values == 0.9).all()


def test_the_best_rate_may_be_of_any_unit():
    dataset = synthetic_training(
        decay(lambda cell: 0.1 if cell["unit"] == "sharpness" else 0.01), ratios=(0.1,)
    )
    (only,) = series(dataset, robust_losses(dataset).sel(evaluation=200).values, "best", 200)
    assert set(dataset.unit.values[only.cells.ravel()]) == {"sharpness"}


def test_claims_are_asked_of_their_own_experiments_alone():
    training, sweep = (
        synthetic_training(FASTER),
        synthetic(along("scale", [0.1, 1.0]), lambda *_: 9),
    )
    assert {claim.experiment for claim in claims_on({"a": training})} == {"training"}
    assert {claim.experiment for claim in claims_on({"a": sweep})} == {"sweep"}
    assert claims_on({"a": training, "b": sweep}) == list(CLAIMS)
    by_name = {claim.name: claim for claim in CLAIMS}
    both = {"a": training, "b": sweep}
    for claim, source in ((by_name["C2-first"], "a"), (by_name["C3-steps"], "b")):
        findings = [name for ruling in judge(claim, both).rulings for name, _ in ruling.findings]
        assert set(findings) == {source}


def test_the_claims_report_has_the_kinds_that_there_are():
    both = {
        "trained": synthetic_training(FASTER),
        "swept": synthetic(along("scale", [0.1, 1.0]), lambda *_: 9),
    }
    text = as_markdown(judge_all(both), both, {}, "python report.py")
    for part in ("### C2-first", "### C1-dim", "| trained | teacher | 8 | 16 |", "| swept | 64 |"):
        assert part in text
    alone = {"trained": both["trained"]}
    text = as_markdown(judge_all(alone), alone, {}, "python report.py")
    assert "### C2-first" in text
    assert "C1-dim" not in text
    assert "| sweep |" not in text


def test_the_table_has_every_number_and_the_report_says_what_it_found():
    dataset = synthetic_training(FASTER, optimizers=("sgd", "adam"))
    table = training_report.tabulate(dataset)
    # Per scale: phases × quantities × (sgd: 2 rates, best, 1 of sharpness; adam: 2, best) × ratios.
    assert len(table) == 3 * len(PHASES) * len(QUANTITIES) * (4 + 3) * 2
    text = training_report.as_markdown(dataset, table, [], "python scripts/train.py")
    assert "**yes** 32:0" in text
    assert not re.search(r"\*\*no\*\* \d", text)
    assert "best rates" in text
    assert "lr·λ₁ = 0.3" in text
    assert "| adam | 0.1 | 10 |" in text


def test_the_report_has_accuracies_only_where_there_are_any():
    dataset = synthetic_training(FASTER)
    without = dataset.assign({name: np.nan * dataset[name] for name in ACCURACIES})
    table = training_report.tabulate(dataset)
    texts = [training_report.as_markdown(part, table, [], "") for part in (dataset, without)]
    assert ["| robust loss | clean accuracy |" in text for text in texts] == [True, False]
    assert "accuracy" not in texts[1]
    ends = [line for line in texts[1].splitlines() if line.startswith("| sgd | 0.1 |")]
    assert ends
    assert all(line.count("|") == 9 + 1 for line in ends)


def test_figures_show_every_scale_and_rate():
    dataset = synthetic_training(FASTER, optimizers=("sgd", "adam"), diverged=lambda cell: (
        5 if cell["scale"] == 10.0 and cell["rate"] == 1.0 else -1))  # fmt: skip
    own = dataset.isel(cell=dataset.optimizer.values == "sgd")
    figure = plots.plot_curves(own, ("common", "best"), "a caption")
    assert [axes.get_title() for axes in figure.axes[:3]] == ["rate 0.1", "rate 1", "best rates"]
    assert all(len(axes.lines) == 3 + 1 for axes in figure.axes)
    figure = plots.plot_steps_to(own, ("sharpness",), "a caption")
    assert len(figure.axes) == 1
    figure = plot_rates(dataset, "a caption")
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert titles == ["sgd", "sgd", "adam"]
    texts = {text.get_text() for axes in figure.axes[:3] for text in axes.texts}
    assert "×" in texts
    line = figure.axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), 2 / (line.get_xdata() + 0.1))
    assert not figure.axes[2].lines
    figure = plots.plot_inner(own, "a caption")
    assert len(figure.axes) == 3
    unknown = own.assign(curvature_ratio=own.curvature_ratio * np.nan)
    figure = plots.plot_inner(unknown, "a caption")
    assert "no certificates" in figure.axes[0].texts[0].get_text()
    plt.close("all")
