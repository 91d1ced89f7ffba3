"""What rises with the scale is found, and what is censored or unknown is kept apart."""

import numpy as np
import pytest

import jaxadv as ja
from jaxadv.claims.scales import RisesWithScale
from jaxadv.claims.verdicts import Outcome
from jaxadv.stats.cells import Domain
from tests.synthetic import along, synthetic

SCALES = along("scale", (0.1, 1.0, 10.0))


def verdicts(rule, dataset):
    return [finding.outcome for finding in rule.findings(dataset)]


def test_what_rises_with_the_scale_is_supported_and_what_falls_is_not():
    rule = RisesWithScale("num_steps")
    faster = synthetic(SCALES, lambda cell, _: 100 * cell["scale"])
    slower = synthetic(SCALES, lambda cell, _: 10_000 / cell["scale"])
    alike = synthetic(SCALES, lambda *_: 1000)
    assert verdicts(rule, faster) == [Outcome.FOR] * 2
    assert verdicts(rule, slower) == [Outcome.AGAINST] * 2
    assert set(verdicts(rule, alike)) <= {Outcome.TIE, Outcome.STRADDLED}
    found = next(iter(rule.findings(faster)))
    assert found.settings["scale"] == "1 against 0.1"
    assert found.numbers["relative change"].value == pytest.approx(2 * 9 / 11, rel=0.1)


def test_steps_beyond_the_budget_are_more_than_any_and_condition_numbers_there_unknown():
    censored = synthetic(SCALES, lambda cell, _: 100 * cell["scale"], budget=200)
    found = list(RisesWithScale("num_steps").findings(censored))
    assert found[1].outcome == Outcome.FOR
    assert found[1].numbers["relative change"].value == 2
    found = list(RisesWithScale("condition_number").findings(censored))
    assert found[1].outcome == Outcome.TOO_FEW
    assert found[1].numbers["networks with more"] == 0


def test_condition_numbers_are_compared_over_the_trials_that_converged_at_both_scales():
    """The same numbers at both: what is not known at one must not count at the other."""
    rng = np.random.default_rng(0)
    same = rng.random((100, 2, 1))
    dataset = synthetic(SCALES[:2], lambda *_: 100, networks=100, condition_number=same)
    hard = np.ones((2, 100, 2, 1, 1), bool)
    hard[1, :, 0] = False
    (found,) = RisesWithScale("condition_number").findings(
        dataset.assign(reached=dataset.reached & hard)
    )
    assert (found.numbers["networks with more"], found.numbers["with less"]) == (0, 0)


def test_condition_numbers_are_those_of_confirmed_maxima():
    kinds = np.full((100, 2, 1), int(ja.Kind.BOUNDARY_MAX))
    kinds[:80] = int(ja.Kind.UNCONFIRMED)
    dataset = synthetic(
        SCALES, lambda *_: 100, networks=100, kind=kinds,
        condition_number=lambda cell: 1 + cell["scale"],
    )  # fmt: skip
    assert verdicts(RisesWithScale("condition_number"), dataset) == [Outcome.TOO_FEW] * 2
    confirmed = dataset.assign(kind=dataset.kind * 0 + int(ja.Kind.BOUNDARY_MAX))
    assert verdicts(RisesWithScale("condition_number"), confirmed) == [Outcome.FOR] * 2


def test_scales_are_split_by_kappa_0():
    dataset = synthetic(along("scale", (0.1, 1.0, 10.0)), lambda cell, _: 100 * cell["scale"])
    regular = list(RisesWithScale("num_steps", Domain(most_kappa_0=1.0)).findings(dataset))
    beyond = list(RisesWithScale("num_steps", Domain(least_kappa_0=1.0)).findings(dataset))
    assert [f.settings["scale"] for f in regular] == ["1 against 0.1"]
    assert [f.settings["scale"] for f in beyond] == ["10 against 1"]
    assert "κ₀ ≤ 1" in RisesWithScale("num_steps", Domain(most_kappa_0=1.0)).text
