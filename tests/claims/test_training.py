"""Training experiments with a known truth get the verdicts that are due."""

import numpy as np
import pytest

from jaxadv.claims.catalogue import judge_all
from jaxadv.claims.training import FasterAtSmallerScale
from jaxadv.claims.verdicts import Outcome, Verdict
from jaxadv.stats.trainings import COMPARISONS, PHASES, robust_losses
from tests.synthetic_training import decay, synthetic_training

FASTER = decay(lambda cell: 0.05 / (1 + cell["scale"]))
SLOWER = decay(lambda cell: 0.01 * (1 + cell["scale"]))
EQUAL = decay(lambda cell: 0.02)


def verdicts(dataset, **settings):
    rule = FasterAtSmallerScale(**{"quantity": "loss", "comparison": "common", **settings})
    return {finding.outcome for finding in rule.findings(dataset)}


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
@pytest.mark.parametrize("comparison", COMPARISONS)
@pytest.mark.parametrize("quantity", ["loss", "share"])
def test_what_is_faster_is_said_to_be(quantity, comparison, phase):
    settings = {"quantity": quantity, "comparison": comparison, "phase": phase}
    assert verdicts(synthetic_training(FASTER), **settings) == {Outcome.FOR}
    assert verdicts(synthetic_training(SLOWER), **settings) == {Outcome.AGAINST}
    assert verdicts(synthetic_training(EQUAL), **settings) == {Outcome.TIE}
    few = synthetic_training(FASTER, networks=20)
    assert verdicts(few, **settings) == {Outcome.TOO_FEW}


def test_the_order_may_turn_from_phase_to_phase():
    def crossing(cell, steps):
        early = np.exp(-0.05 / (1 + cell["scale"]) * np.minimum(steps, 10))
        return early * np.exp(-0.01 * cell["scale"] * np.maximum(0, steps - 10))

    dataset = synthetic_training(crossing)
    assert verdicts(dataset, phase=PHASES[0]) == {Outcome.FOR}
    assert verdicts(dataset, phase=PHASES[2]) == {Outcome.AGAINST}
    found = {judgement.claim.name: judgement.verdict for judgement in judge_all({"a": dataset})}
    assert found["C2-first-share"] == Verdict.SUPPORTED
    assert found["C2-late-share"] == Verdict.NOT_SUPPORTED


def test_each_split_is_judged_by_itself():
    """Held-out losses that rise with the scale, training losses that fall with it."""
    dataset = synthetic_training(FASTER)
    turned = dataset.robust_loss.copy()
    turned.loc[{"split": "train"}] = synthetic_training(SLOWER).robust_loss.sel(split="train")
    dataset = dataset.assign(robust_loss=turned)
    assert verdicts(dataset, phase=PHASES[1]) == {Outcome.FOR}
    assert verdicts(dataset, phase=PHASES[1], split="train") == {Outcome.AGAINST}
    found = {judgement.claim.name: judgement.verdict for judgement in judge_all({"a": dataset})}
    assert found["C2-early"] == Verdict.SUPPORTED
    assert found["C2-early-training"] == Verdict.NOT_SUPPORTED


def test_errors_and_inner_steps_are_read_as_well():
    dataset = synthetic_training(EQUAL)
    rising = 0.9 - 0.05 * dataset.scale
    dataset = dataset.assign(
        robust_accuracy=rising.broadcast_like(dataset.robust_accuracy),
        inner_steps=(10 + 2 * dataset.scale).broadcast_like(dataset.inner_steps),
    )
    for quantity in ("errors", "inner"):
        assert Outcome.FOR in verdicts(dataset, quantity=quantity, phase=PHASES[0])
        assert Outcome.AGAINST not in verdicts(dataset, quantity=quantity, phase=PHASES[0])
    without = synthetic_training(EQUAL, diverged=lambda cell: 3 if cell["scale"] == 1.0 else -1)
    without = without.assign(robust_accuracy=without.robust_accuracy * np.nan)
    assert not verdicts(without, quantity="errors", phase=PHASES[0])


def test_clean_training_is_no_evidence_on_attacks():
    dataset = synthetic_training(FASTER)
    rule = FasterAtSmallerScale("loss", "common", PHASES[0])
    assert {finding.settings["ratio"] for finding in rule.findings(dataset)} == {0.1}
    assert len(list(rule.findings(dataset))) == 2 * 2  # two rates, two pairs of scales
    control = FasterAtSmallerScale("loss", "common", PHASES[0], attacked=False)
    assert {finding.settings["ratio"] for finding in control.findings(dataset)} == {0.0}


def test_two_that_never_arrive_are_censored():
    dataset = synthetic_training(decay(lambda cell: 1e-9))
    assert verdicts(dataset, quantity="steps", phase=PHASES[2]) == {Outcome.CENSORED}


def test_a_diverged_run_has_converged_nowhere():
    dataset = synthetic_training(FASTER, diverged=lambda cell: 9 if cell["scale"] == 1.0 else -1)
    losses = robust_losses(dataset)
    at_one = losses.isel(cell=dataset.scale.values == 1.0)
    assert np.isfinite(at_one.sel(evaluation=slice(0, 8))).all()
    assert np.isinf(at_one.sel(evaluation=slice(9, None))).all()
    assert np.isfinite(losses.isel(cell=dataset.scale.values != 1.0)).all()
    assert verdicts(dataset, phase=PHASES[0]) == {Outcome.FOR, Outcome.AGAINST}
