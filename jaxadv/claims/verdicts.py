"""What a rule is, and what it says: a verdict with the numbers beside it.

Source: docs/theory.md, section 8.7.
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int8

from jaxadv.stats.intervals import Estimate, estimate, replicates, share

# With fewer, nothing is concluded: the percentiles of a bootstrap would mean little.
LEAST_NETWORKS = 30


class Outcome(enum.StrEnum):
    """What one finding says of a claim.

    Source: docs/theory.md, section 8.6.
    """

    FOR = "for"
    AGAINST = "against"
    TIE = "tie"
    """The difference lies within the margin."""
    STRADDLED = "straddled"
    """The interval contains an end of what was claimed or of the margin."""
    CENSORED = "censored"
    """Too many counts are beyond the budget."""
    TOO_FEW = "too few"
    """Too few networks or sizes to say anything."""


class Verdict(enum.StrEnum):
    """What all findings together say of a rule or a claim."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    INCONCLUSIVE = "inconclusive"


def outcome(*, holds: bool, fails: bool) -> Outcome:
    """The outcome where an interval lies on one side; straddled if on neither."""
    if holds:
        return Outcome.FOR
    return Outcome.AGAINST if fails else Outcome.STRADDLED


Number = Estimate | float | int
# What a finding says in each replicate (`intervals.replicates`): 1 for, -1 against, 0 neither.
Votes = Int8[np.ndarray, " replicate"]


def votes_for(
    holds: Bool[np.ndarray, " replicate"], fails: Bool[np.ndarray, " replicate"]
) -> Votes:
    """The votes of the replicates.

    Example:
        >>> votes_for(np.array([True, False, False]), np.array([False, True, False])).tolist()
        [1, -1, 0]
    """
    return holds.astype(np.int8) - fails.astype(np.int8)


class Judged(NamedTuple):
    """A number that is held against bounds.

    Attributes:
        number: with its interval.
        outcome: for where all of the interval is within the bounds, against where none of it is.
        votes: of the replicates.
    """

    number: Estimate
    outcome: Outcome
    votes: Votes


def judged_within(values: Float[np.ndarray, " replicate"], low: float, high: float) -> Judged:
    """Is a number within two bounds?

    Args:
        values: the number in each replicate.
        low: the lower bound.
        high: the upper bound.

    Example:
        >>> judged_within(np.array([1.0, 0.9, 1.2]), 0.9, 1.1).outcome.value
        'straddled'
    """
    number, inside = estimate(values), (low <= values) & (values <= high)
    return Judged(
        number,
        outcome(holds=number.within(low, high), fails=number.outside(low, high)),
        votes_for(inside, ~inside & ~np.isnan(values)),
    )


def judged_share(
    success: Bool[np.ndarray, " network"],
    least: float,
    counts: Bool[np.ndarray, " network"] | None = None,
) -> Judged:
    """Is the share of networks with a success at least so large? By the Clopper-Pearson interval.

    Args:
        success: of each network.
        least: the share.
        counts: which networks count; all by default.

    Example:
        >>> judged_share(np.ones(100, bool), 0.9).outcome.value
        'for'
    """
    counts = np.ones_like(success) if counts is None else counts
    weights = replicates(success.size)
    enough = weights @ (success & counts) >= least * (weights @ counts)
    number = share(success[counts])
    return Judged(
        number,
        outcome(holds=number.low > least, fails=number.high < least),
        votes_for(enough, ~enough),
    )


@dataclass(frozen=True)
class Finding:
    """What a rule found in one family of cells, or in one cell.

    Attributes:
        settings: what the cells have in common.
        numbers: by name, as they appear in the report.
        outcome: what they say.
        votes: what they say in each resample of the networks; none where there is too little to
            say anything.
    """

    settings: dict[str, Any]
    numbers: Mapping[str, Number]
    outcome: Outcome
    votes: Votes | None = None


@runtime_checkable
class Rule(Protocol):
    """What makes a claim supported or not."""

    @property
    def text(self) -> str:
        """The rule in words, with its numbers."""
        ...

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for everything in the dataset that the rule speaks of."""
        ...
