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


class Verdict(enum.StrEnum):
    """What the numbers say of a claim."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    INCONCLUSIVE = "inconclusive"


def verdict(*, supported: bool, against: bool) -> Verdict:
    """The verdict for what holds; inconclusive if neither does."""
    if supported:
        return Verdict.SUPPORTED
    return Verdict.NOT_SUPPORTED if against else Verdict.INCONCLUSIVE


def verdict_near(estimate: Estimate, expected: float, margin: float) -> Verdict:
    """Whether an interval lies within ``expected`` ± ``margin``, or outside of it.

    Example:
        >>> verdict_near(Estimate(1.0, 0.9, 1.2), 1.0, 0.1).value
        'inconclusive'
    """
    low, high = expected - margin, expected + margin
    return verdict(supported=estimate.within(low, high), against=estimate.outside(low, high))


Number = Estimate | float | int


@dataclass(frozen=True)
class Finding:
    """What a rule found in one family of cells, or in one cell.

    Attributes:
        settings: what the cells have in common.
        numbers: by name, as they appear in the report.
        verdict: on this family alone.
    """

    settings: dict[str, Any]
    numbers: Mapping[str, Number]
    verdict: Verdict


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
