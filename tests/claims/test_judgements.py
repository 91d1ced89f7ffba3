"""Findings become verdicts by the rule that is written down."""

from dataclasses import dataclass

import pytest

from jaxadv.claims.catalogue import CLAIMS
from jaxadv.claims.judgements import Claim, Judgement, Ruling, judge
from jaxadv.claims.verdicts import Finding, Outcome, Rule, Verdict, outcome
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


def ruling(supported, against, undecided):
    every = [FOR] * supported + [AGAINST] * against + [OPEN] * undecided
    return Ruling(Fixed(FOR), tuple(("a", Finding({}, {}, found)) for found in every))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((1, 0, 0), HOLDS),
        ((0, 1, 0), FAILS),
        ((0, 0, 0), UNDECIDED),
        ((0, 0, 9), UNDECIDED),
        ((5, 0, 5), HOLDS),
        ((4, 0, 6), UNDECIDED),
        ((19, 1, 0), HOLDS),
        ((18, 1, 0), FAILS),
        ((0, 4, 6), UNDECIDED),
    ],
)
def test_a_rule_needs_decided_findings_and_few_against(counts, expected):
    assert ruling(*counts).verdict == expected


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
