"""Training experiments with a known truth get the verdicts that are due."""

import numpy as np
import pytest

from jaxadv.claims.catalogue import judge_all
from jaxadv.claims.training import FasterAtSmallerScale
from jaxadv.claims.verdicts import Verdict
from jaxadv.stats.trainings import COMPARISONS, PHASES, robust_losses
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
