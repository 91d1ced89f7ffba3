"""What a rule is, and what it says: a verdict with the numbers beside it.

Source: docs/theory.md, section 8.7.
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import xarray as xr

from jaxadv.stats.intervals import Estimate

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


def outcome_near(estimate: Estimate, expected: float, margin: float) -> Outcome:
    """Whether an interval lies within ``expected`` ± ``margin``, or outside of it.

    Example:
        >>> outcome_near(Estimate(1.0, 0.9, 1.2), 1.0, 0.1).value
        'straddled'
    """
    low, high = expected - margin, expected + margin
    return outcome(holds=estimate.within(low, high), fails=estimate.outside(low, high))


Number = Estimate | float | int


@dataclass(frozen=True)
class Finding:
    """What a rule found in one family of cells, or in one cell.

    Attributes:
        settings: what the cells have in common.
        numbers: by name, as they appear in the report.
        outcome: what they say.
    """

    settings: dict[str, Any]
    numbers: Mapping[str, Number]
    outcome: Outcome


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
