"""Whether ascent ends in local maxima: C1-success and C1-maximum.

Source: docs/theory.md, sections 8.4 and 8.7.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Bool

from jaxadv.ascent.kinds import Kind
from jaxadv.claims.growth import POLYNOMIAL, QUADRATIC
from jaxadv.claims.judgements import Claim
from jaxadv.claims.scales import CONTRACTS, GRADIENT_STEP
from jaxadv.claims.verdicts import LEAST_NETWORKS, Finding, Number, Outcome, judged_share
from jaxadv.stats.cells import (
    EVERYWHERE,
    Domain,
    by_network,
    cells,
    is_maximum,
    kappa_0_of,
    settings_of,
)
from jaxadv.stats.intervals import median

TRIALS = ("example", "start")
REGULAR_AND_WIDE = Domain(least_aspect=16, most_kappa_0=1.5)


@dataclass(frozen=True)
class Succeeds:
    """Do ascents end in confirmed maxima, within the budget?

    Attributes:
        domain: the cells that are asked about.
        least: the share of networks on which all ascents do.
    """

    domain: Domain = EVERYWHERE
    least: float = 0.9

    @property
    def text(self) -> str:
        """The rule in words."""
        return (
            f"In every cell{self.domain.text}: the share of networks on which all trials end, "
            f"within the budget, in a confirmed strict local maximum; at least {LEAST_NETWORKS} "
            f"networks. For where it is surely above {self.least:.0%} (Clopper-Pearson), against "
            f"where it is surely below. The iteration δ ← ε g/|g| is asked about up to κ₀ = 0.83 "
            f"alone, up to which it contracts."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each cell of smooth networks."""
        for cell in cells(dataset):
            kappa_0 = kappa_0_of(cell)
            if has_kinks(cell) or not self.domain.has(cell, kappa_0):
                continue
            if cell.step_size.item() == GRADIENT_STEP and kappa_0 > CONTRACTS:
                continue  # δ ← ε g/|g| does not contract there
            succeeded = judged_share(~fails_on(cell), self.least)
            numbers: dict[str, Number] = {
                "κ₀": kappa_0,
                "networks on which all trials succeed": succeeded.number,
            }
            if dataset.sizes["network"] < LEAST_NETWORKS:
                yield Finding(settings_of(cell), numbers, Outcome.TOO_FEW)
            else:
                yield Finding(settings_of(cell), numbers, succeeded.outcome, succeeded.votes)


def has_kinks(dataset: xr.Dataset) -> bool:
    """Whether some end has no certificate because the network has kinks there."""
    return bool((dataset.kind == Kind.NOT_SMOOTH).any())


def fails_on(cell: xr.Dataset) -> Bool[np.ndarray, " network"]:
    """On which networks any trial of a cell does not end in a confirmed maximum."""
    return np.logical_not(is_maximum(cell).all(TRIALS).values)


@dataclass(frozen=True)
class EndsAreMaxima:
    """Are the points in which ascents end strict local maxima?

    Attributes:
        least: the share of networks on which all ends are.
    """

    least: float = 0.9

    @property
    def text(self) -> str:
        """The rule in words."""
        return (
            f"Of the networks on which any trial reached the tightest tolerance, at least "
            f"{LEAST_NETWORKS}: the share on which all that did ended in a confirmed strict local "
            f"maximum. For where it is surely above {self.least:.0%} (Clopper-Pearson), against "
            f"where it is surely below."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each cell of smooth networks."""
        for cell in cells(dataset.isel(tolerance=-1)):
            if has_kinks(cell):
                continue
            any_reached = cell.reached.any(TRIALS).values
            if any_reached.sum() < LEAST_NETWORKS:
                converged = {"converged trials": float(cell.reached.mean())}
                yield Finding(settings_of(cell), converged, Outcome.TOO_FEW)
                continue
            all_maxima = (is_maximum(cell) | ~cell.reached).all(TRIALS).values
            certified = judged_share(all_maxima, self.least, any_reached)
            numbers = {
                "networks with all ends confirmed": certified.number,
                "median distance": median(by_network(cell.distance)),
                "converged trials": float(cell.reached.mean()),
            }
            yield Finding(settings_of(cell), numbers, certified.outcome, certified.votes)


CLAIMS = (
    Claim(
        "C1-success", "ascent ends in a local maximum in wide networks, where the landscape is "
        "regular", POLYNOMIAL,
        "In wide networks ascents end in confirmed local maxima within the budget, where κ₀ is at "
        "most 1.5.",
        (Succeeds(REGULAR_AND_WIDE),),
        "A failure may be a budget that was too small, or a step that was too large. It is the "
        "share of random networks, not of trained ones.", QUADRATIC,
    ),
    Claim(
        "C1-maximum", "where ascent converges there is a local maximum", POLYNOMIAL,
        "Ends that reached the tightest tolerance are confirmed strict local maxima. How far the "
        "true ones are is measured.",
        (EndsAreMaxima(),),
        "Trials that did not converge are counted in C1-success, not here.", QUADRATIC,
    ),
)  # fmt: skip
