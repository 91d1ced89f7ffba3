"""Findings become verdicts by the rule that is written down."""

from dataclasses import dataclass

import numpy as np
import pytest

from jaxadv.claims.catalogue import CLAIMS
from jaxadv.claims.judgements import Claim, Judgement, Ruling, judge
from jaxadv.claims.neighbours import compare
from jaxadv.claims.verdicts import Finding, Outcome, Rule, Verdict, outcome, votes_for
from jaxadv.stats.intervals import quantiles, replicates
from tests.synthetic import along, synthetic

FOR, AGAINST, OPEN = Outcome.FOR, Outcome.AGAINST, Outcome.STRADDLED
HOLDS, FAILS, UNDECIDED = Verdict


@dataclass(frozen=True)
class Fixed:
    """Finds what it is told to, one for each cell."""

    found: Outcome
    text: str = "as told"

    def findings(self, dataset):
        """One for each cell."""
        for index in range(dataset.sizes["cell"]):
            yield Finding({"loss": dataset.loss.values[index]}, {}, self.found)


VOTES = {FOR: 1, AGAINST: -1, OPEN: 0}


def ruling(supported, against, undecided):
    every = [FOR] * supported + [AGAINST] * against + [OPEN] * undecided
    return Ruling(
        Fixed(FOR),
        tuple(
            ("a", Finding({}, {}, found, np.full(1001, VOTES[found], np.int8))) for found in every
        ),
    )


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((1, 0, 0), HOLDS),
        ((0, 1, 0), FAILS),
        ((0, 0, 0), UNDECIDED),
        ((0, 0, 9), UNDECIDED),
        ((5, 0, 5), HOLDS),
        ((4, 0, 6), UNDECIDED),
        ((9, 1, 0), HOLDS),
        ((8, 1, 0), FAILS),
        ((0, 4, 6), UNDECIDED),
    ],
)
def test_a_rule_needs_decided_findings_and_few_against(counts, expected):
    assert ruling(*counts).verdict == expected


def judged_pairs(shifts, *, networks=100, spread=1.0, shared=True):
    """A rule on pairs of scales whose numbers differ by some shifts, in units of their spread."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=networks)
    findings = []
    for shift in shifts:
        each = noise if shared else rng.normal(size=networks)
        first = np.full(networks, 100.0)
        pair = compare((0.1, 1.0), first, first + 20 * (shift + spread * each))
        findings.append(("a", Finding({}, {}, pair.outcome, pair.votes)))
    return Ruling(Fixed(FOR), tuple(findings))


def test_findings_that_share_their_noise_are_worth_no_more_than_one():
    """Half of the findings are a little against: the share of all that are is known badly.

    With the noise shared, one resample turns all of them at once.
    """
    shifts = [1.0] * 20 + [-0.3] * 20
    alone, joint = (judged_pairs(shifts, shared=shared).share_against for shared in (False, True))
    assert joint.high - joint.low > 2 * (alone.high - alone.low)
    clear = judged_pairs([1.0] * 19 + [-1.0])
    assert clear.share_against.within(0.05, 0.05)
    assert clear.verdict == HOLDS
    assert judged_pairs([1.0] * 16 + [-1.0] * 4).verdict == FAILS


def test_the_interval_of_the_share_against_covers():
    """Planted differences that share their noise; the share that is truly against is 3 of 10."""
    rng = np.random.default_rng(0)
    weights = replicates(100)
    shifts, covered = np.linspace(-0.65, 1.15, 10), []
    for _ in range(300):
        values = 0.1 * (
            shifts[:, None] + 0.4 * rng.normal(size=100) + 0.8 * rng.normal(size=(10, 100))
        )
        votes = [
            votes_for(medians > 0, medians < 0)
            for medians in (quantiles(row[:, None], 0.5, weights) for row in values)
        ]
        ruled = Ruling(Fixed(FOR), tuple(("a", Finding({}, {}, FOR, vote)) for vote in votes))
        truth = (shifts < 0).mean()
        covered.append(ruled.share_against.low <= truth <= ruled.share_against.high)
    # A share moves in steps of a tenth, so that its interval covers more than 95%.
    assert np.mean(covered) >= 0.93


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, FAILS], FAILS),
        ([UNDECIDED, FAILS], FAILS),
        ([HOLDS, UNDECIDED], UNDECIDED),
    ],
)
def test_a_claim_needs_all_its_rules(verdicts, expected):
    counts = {HOLDS: (1, 0, 0), FAILS: (0, 1, 0), UNDECIDED: (0, 0, 1)}
    judgement = Judgement(CLAIMS[0], tuple(ruling(*counts[v]) for v in verdicts))
    assert judgement.verdict == expected


def test_a_claim_looks_at_its_own_cells_in_all_sweeps():
    datasets = {
        "one": synthetic(along("loss", ("quadratic", "logistic")), lambda *_: 100),
        "two": synthetic(along("loss", ("logistic",)), lambda *_: 100),
    }
    claim = Claim("X", "x", "", "", (Fixed(FOR),), "", {"loss": "logistic"})
    (found,) = judge(claim, datasets).rulings
    assert [(name, f.settings["loss"]) for name, f in found.findings] == [
        ("one", "logistic"),
        ("two", "logistic"),
    ]


def test_what_neither_holds_nor_fails_is_straddled():
    assert outcome(holds=True, fails=False) == FOR
    assert outcome(holds=False, fails=True) == AGAINST
    assert outcome(holds=False, fails=False) == OPEN


def test_claims_have_names_of_their_own_and_rules_with_words():
    assert len({claim.name for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        assert all(isinstance(rule, Rule) and rule.text for rule in claim.rules)
        assert bool(claim.paper) == claim.name.startswith("C")
