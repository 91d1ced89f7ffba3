"""What a claim is, and how findings on it become one verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import xarray as xr

from jaxadv.claims.verdicts import Finding, Outcome, Rule, Verdict
from jaxadv.stats.cells import cells_where, finished_networks

# A rule holds with at most this share of its decided findings against it,
MOST_AGAINST = 0.05
# and with at least this share of all findings decided.
LEAST_DECIDED = 0.5
# How findings become one verdict.
OVERALL = (
    f"A rule holds if at least {LEAST_DECIDED:.0%} of its findings are for or against it, and at "
    f"most {MOST_AGAINST:.0%} of those against it; it fails if more are. A claim is supported if "
    "all its rules hold, not supported if any fails, and else inconclusive."
)


@dataclass(frozen=True)
class Claim:
    """A claim, how we read it, and what decides it.

    Attributes:
        name: by which it is cited.
        title: in a few words.
        paper: what the paper's abstract says; empty for predictions of our own.
        reading: what we take it to mean, or what we predict.
        rules: each gives findings; all must hold.
        limits: what a verdict on it does not say.
        where: settings of the cells that it is about; empty for all cells.
        experiment: the kind of experiment that it is asked of, by the key of its manifest.
    """

    name: str
    title: str
    paper: str
    reading: str
    rules: tuple[Rule, ...]
    limits: str
    where: Mapping[str, str] = field(default_factory=dict)
    experiment: str = "sweep"


@dataclass(frozen=True)
class Ruling:
    """A rule with its findings, each with the name of the experiment that it is from."""

    rule: Rule
    findings: tuple[tuple[str, Finding], ...]

    def count(self, *outcomes: Outcome) -> int:
        """How many findings have one of some outcomes."""
        return sum(finding.outcome in outcomes for _, finding in self.findings)

    @property
    def verdict(self) -> Verdict:
        """Whether the rule holds: `OVERALL`."""
        against = self.count(Outcome.AGAINST)
        decided = against + self.count(Outcome.FOR)
        if not decided or decided < LEAST_DECIDED * len(self.findings):
            return Verdict.INCONCLUSIVE
        few = against <= MOST_AGAINST * decided
        return Verdict.SUPPORTED if few else Verdict.NOT_SUPPORTED


@dataclass(frozen=True)
class Judgement:
    """A claim with what its rules found."""

    claim: Claim
    rulings: tuple[Ruling, ...]

    @property
    def verdict(self) -> Verdict:
        """The verdict on the claim: `OVERALL`."""
        verdicts = {ruling.verdict for ruling in self.rulings}
        if verdicts == {Verdict.SUPPORTED}:
            return Verdict.SUPPORTED
        fails = Verdict.NOT_SUPPORTED in verdicts
        return Verdict.NOT_SUPPORTED if fails else Verdict.INCONCLUSIVE


def judge(claim: Claim, datasets: Mapping[str, xr.Dataset]) -> Judgement:
    """All findings on a claim.

    Args:
        claim: the claim.
        datasets: finished experiments by name; those of other kinds than the claim's are left out.

    Raises:
        ValueError: as `cells.finished_networks`.

    Example:
        >>> judge(Claim("C0", "", "", "", (), ""), {}).verdict.value
        'inconclusive'
    """
    parts = {
        name: cells_where(finished_networks(dataset), claim.where)
        for name, dataset in datasets.items()
        if claim.experiment in dataset.attrs
    }
    return Judgement(
        claim,
        tuple(
            Ruling(
                rule,
                tuple(
                    (name, finding)
                    for name, part in parts.items()
                    if part.sizes["cell"]
                    for finding in rule.findings(part)
                ),
            )
            for rule in claim.rules
        ),
    )
