"""What a claim is, and how findings on it become one verdict."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from jaxadv.claims.verdicts import Finding, Outcome, Rule, Verdict
from jaxadv.stats.cells import cells_where, finished_networks
from jaxadv.stats.intervals import Estimate, estimate

# A rule holds with at most this share of its findings against it,
MOST_AGAINST = 0.1
# and with at least this share of all findings decided.
LEAST_DECIDED = 0.5
# How findings become one verdict.
OVERALL = (
    f"Each finding votes for or against its rule, by the side on which its estimate lies, also "
    f"where its interval straddles a bound. The findings share their networks. So the networks are "
    f"resampled 1,000 times, and all votes are counted again each time. This gives the share of "
    f"votes against the rule a 95% interval. The rule holds if all of the interval is at most "
    f"{MOST_AGAINST:.0%}. It fails if all of it is above. Otherwise it is inconclusive, and so it "
    f"is where fewer than {LEAST_DECIDED:.0%} of its findings are for or against it. A claim is "
    f"supported if all its rules hold, not supported if any fails, and otherwise inconclusive."
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
    where: Mapping[str, str | float] = field(default_factory=dict)
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
    def share_against(self) -> Estimate:
        """The share of votes against the rule, with its interval over resamples of networks.

        All findings are counted in the same resamples, in which networks of the same number are
        drawn together. NaN where no finding is for or against it.
        """
        votes = [finding.votes for _, finding in self.findings if finding.votes is not None]
        if not votes:
            return Estimate(math.nan, math.nan, math.nan)
        against, decided = (np.array(votes) < 0).sum(axis=0), (np.array(votes) != 0).sum(axis=0)
        return estimate(np.where(decided > 0, against / np.maximum(decided, 1), np.nan))

    @property
    def verdict(self) -> Verdict:
        """Whether the rule holds: `OVERALL`."""
        decided = self.count(Outcome.FOR, Outcome.AGAINST)
        if not decided or decided < LEAST_DECIDED * len(self.findings):
            return Verdict.INCONCLUSIVE
        if self.share_against.within(0.0, MOST_AGAINST):
            return Verdict.SUPPORTED
        is_failed = self.share_against.low > MOST_AGAINST
        return Verdict.NOT_SUPPORTED if is_failed else Verdict.INCONCLUSIVE


@dataclass(frozen=True)
class Judgement:
    """A claim with what its rules found."""

    claim: Claim
    rulings: tuple[Ruling, ...]

    def count(self, *outcomes: Outcome) -> int:
        """How many findings of all rules have one of some outcomes."""
        return sum(ruling.count(*outcomes) for ruling in self.rulings)

    @property
    def share_against(self) -> Estimate:
        """The share of votes against the rule that is closest to failing; NaN if none is judged."""
        shares = [ruling.share_against for ruling in self.rulings]
        return max(shares, key=lambda share: -1 if math.isnan(share.value) else share.value)

    @property
    def verdict(self) -> Verdict:
        """The verdict on the claim: `OVERALL`."""
        verdicts = {ruling.verdict for ruling in self.rulings}
        if verdicts == {Verdict.SUPPORTED}:
            return Verdict.SUPPORTED
        fails = Verdict.NOT_SUPPORTED in verdicts
        return Verdict.NOT_SUPPORTED if fails else Verdict.INCONCLUSIVE


# The sets and the method that the claims are about.
SETTING = {"constraint": "l2-ball", "method": "gradient"}


def _within_the_theory(dataset: xr.Dataset) -> xr.Dataset:
    """The cells of a sweep or a landscape with L2 balls and steps along the gradient."""
    return dataset if "training" in dataset.attrs else cells_where(dataset, SETTING)


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
        name: cells_where(_within_the_theory(finished_networks(dataset)), claim.where)
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
