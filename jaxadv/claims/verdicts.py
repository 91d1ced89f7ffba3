"""What a rule is, and what it says: a verdict with the numbers beside it.

Source: docs/theory.md, section 8.7.
"""

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import xarray as xr

from jaxadv.stats.fits import Paired
from jaxadv.stats.intervals import LEVEL, Estimate

LEAST_NETWORKS = 30
"""With fewer, nothing is concluded: the percentiles of a bootstrap would mean little."""


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


def sign_test(test: Paired, *, larger: bool = True) -> Verdict:
    """Whether one side is surely the larger: the two-sided sign test, of enough that differ.

    Args:
        test: of pairs of numbers.
        larger: whether the claim is that the second ones are larger; else that they are smaller.
    """
    chances = (test.p_larger, test.p_smaller)[:: 1 if larger else -1]
    decisive = test.larger + test.smaller >= LEAST_NETWORKS
    level = (1 - LEVEL) / 2
    return verdict(
        supported=decisive and chances[0] < level, against=decisive and chances[1] < level
    )


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
