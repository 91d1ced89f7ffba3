"""The rules by which finished sweeps become verdicts (docs/theory.md, section 8).

A rule looks through a dataset for what it can judge, families of cells or single cells, and gives a
finding for each. `claims` says which rules a claim needs; `agreement` has those of our predictions.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import xarray as xr
from jaxtyping import Bool
from scipy.stats import fisher_exact

from jaxadv.ascent.kinds import Kind
from jaxadv.claims.verdicts import LEAST_NETWORKS, Finding, Number, Verdict, sign_test, verdict
from jaxadv.stats.cells import (
    EVERYWHERE,
    Domain,
    by_network,
    cells,
    families,
    is_maximum,
    kappa_0_of,
    settings_of,
)
from jaxadv.stats.fits import LEAST_SIZES, growth, paired
from jaxadv.stats.intervals import LEVEL, median, network_medians, share
from jaxadv.stats.lines import Along, Line, lines
from jaxadv.stats.survival import step_counts

TRIALS = ("example", "start")
SYMBOLS = {"dim": "d", "width": "m", "scale": "s"}
LEAST_STEPS = 10
"""Quantiles below are left out of fits: they are whole numbers, and a step is 10% of them."""


@dataclass(frozen=True)
class PolynomialGrowth:
    """Do the median steps grow as a power of a size, and not exponentially?

    Attributes:
        along: the size; for ``"tolerance"`` it is 1/tol.
        flat: an exponent surely below is no growth, whichever law describes it.
    """

    along: Along
    flat: float = 0.1

    @property
    def text(self) -> str:
        """The rule in words."""
        size = {**SYMBOLS, "tolerance": "1/tol"}[self.along]
        return (
            f"Median steps at at least {LEAST_SIZES} values of {size}, those below {LEAST_STEPS} "
            f"left out, on at least {LEAST_NETWORKS} networks. Supported where a power law "
            f"predicts the two largest values better than an exponential in at least {LEVEL:.0%} "
            f"of the resamples, or where the exponent's interval lies below {self.flat}, and no "
            f"median (of any resample) is beyond the budget; not supported where the exponential "
            f"predicts better in as many."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each family along the size."""
        for line in lines(dataset, self.along, 0.5, LEAST_SIZES):
            fitted = line.where(fit_for_growth(line))
            censored = int(np.isinf(line.values).any(axis=0).sum())
            numbers: dict[str, Number] = {
                "values": len(fitted.sizes),
                "beyond the budget": censored,
            }
            if len(fitted.sizes) < LEAST_SIZES or dataset.sizes["network"] < LEAST_NETWORKS:
                yield Finding(line.settings, numbers, Verdict.INCONCLUSIVE)
                continue
            law = growth(fitted.sizes, fitted.values)
            numbers |= {
                "exponent": law.exponent,
                "error of power law": law.power_error,
                "error of exponential": law.exponential_error,
                "power law better in": law.power_wins,
            }
            slow = law.power_wins >= LEVEL or law.exponent.high < self.flat
            found = verdict(
                supported=slow and not censored, against=law.power_wins <= 1 - LEVEL and not slow
            )
            yield Finding(line.settings, numbers, found)


def fit_for_growth(line: Line) -> Bool[np.ndarray, " size"]:
    """Which points of a line can be fitted: neither few steps nor, in any replicate, censored."""
    usable = (line.values >= LEAST_STEPS) & np.isfinite(line.values)
    return np.logical_and.reduce(usable, axis=0)


@dataclass(frozen=True)
class Exponent:
    """Is the exponent of the median steps in a size what is predicted?

    Attributes:
        along: the size; for ``"tolerance"`` it is ln(1/tol).
        expected: the exponent.
        margin: how far from it the interval may reach.
    """

    along: Along
    expected: float
    margin: float = 0.1

    @property
    def text(self) -> str:
        """The rule in words."""
        size = {**SYMBOLS, "tolerance": "ln(1/tol)"}[self.along]
        return (
            f"The exponent of the median steps in {size}, at at least {LEAST_SIZES} values, those "
            f"below {LEAST_STEPS} or beyond the budget left out, on at least {LEAST_NETWORKS} "
            f"networks. Supported where its interval lies within {self.expected:g} ± "
            f"{self.margin:g}, not supported where it lies outside of that."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each family along the size."""
        for line in lines(dataset, self.along, 0.5, LEAST_SIZES):
            fitted = line.where(fit_for_growth(line))
            if len(fitted.sizes) < LEAST_SIZES or dataset.sizes["network"] < LEAST_NETWORKS:
                yield Finding(line.settings, {}, Verdict.INCONCLUSIVE)
                continue
            sizes = np.log(fitted.sizes) if self.along == "tolerance" else fitted.sizes
            exponent = growth(sizes, fitted.values).exponent
            low, high = self.expected - self.margin, self.expected + self.margin
            found = verdict(
                supported=exponent.within(low, high), against=exponent.outside(low, high)
            )
            yield Finding(line.settings, {"exponent": exponent}, found)


@dataclass(frozen=True)
class FailuresAreRare:
    """Does ascent succeed on almost all wide networks, and no less often than on narrow ones?

    Attributes:
        most: the share that may fail at the largest width.
    """

    most: float = 0.1

    @property
    def text(self) -> str:
        """The rule in words."""
        return (
            f"A network fails if any of its trials does not end, within the budget, in a certified "
            f"maximum; at least {LEAST_NETWORKS} networks. Supported where the share of failures "
            f"at the largest width is surely below {self.most:.0%} (Clopper-Pearson) and not "
            f"surely above that at the smallest (Fisher's exact test, {1 - LEVEL:.0%}); not "
            f"supported where it is surely above either."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each family along the width, of smooth networks."""
        for _, family in families(dataset, "width"):
            points = list(cells(family))
            if len(points) < 2 or has_kinks(family):
                continue
            failed = [fails_on(points[0]), fails_on(points[-1])]
            narrow, wide = share(failed[0]), share(failed[1])
            counts = [[f.sum(), f.size - f.sum()] for f in reversed(failed)]
            rises = float(cast(Any, fisher_exact(counts, alternative="greater")).pvalue)
            numbers: dict[str, Number] = {
                "smallest width": points[0].width.item(),
                "failures there": narrow,
                "largest width": points[-1].width.item(),
                "failures at that": wide,
                "p of a rise": rises,
            }
            settings = settings_of(points[0])
            del settings["width"]
            grows = rises < 1 - LEVEL
            enough = dataset.sizes["network"] >= LEAST_NETWORKS
            found = verdict(
                supported=enough and wide.high < self.most and not grows,
                against=enough and (wide.low > self.most or grows),
            )
            yield Finding(settings, numbers, found)


def has_kinks(dataset: xr.Dataset) -> bool:
    """Whether certificates say nothing of any end, for the network has kinks there."""
    return bool((dataset.kind == Kind.NOT_SMOOTH).any())


def fails_on(cell: xr.Dataset) -> Bool[np.ndarray, " network"]:
    """On which networks any trial of a cell does not end in a certified maximum."""
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
            f"{LEAST_NETWORKS}: the share on which all that did ended in a certified strict local "
            f"maximum. Supported where it is surely above "
            f"{self.least:.0%} (Clopper-Pearson), not supported where it is surely below."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each cell of smooth networks."""
        for cell in cells(dataset.isel(tolerance=-1)):
            if has_kinks(cell):
                continue
            any_reached = cell.reached.any(TRIALS).values
            if any_reached.sum() < LEAST_NETWORKS:
                converged = {"converged trials": float(cell.reached.mean())}
                yield Finding(settings_of(cell), converged, Verdict.INCONCLUSIVE)
                continue
            all_maxima = (is_maximum(cell) | ~cell.reached).all(TRIALS).values
            found = share(all_maxima[any_reached])
            numbers = {
                "networks with all ends certified": found,
                "median distance": median(by_network(cell.distance)),
                "converged trials": float(cell.reached.mean()),
            }
            yield Finding(
                settings_of(cell),
                numbers,
                verdict(supported=found.low > self.least, against=found.high < self.least),
            )


@dataclass(frozen=True)
class RisesWithScale:
    """Is a quantity smaller at the smaller of two scales, on the same networks?

    Attributes:
        quantity: ``"curvature_ratio"`` or ``"num_steps"``.
        domain: in which the cell of the larger scale must be.
    """

    quantity: Literal["curvature_ratio", "num_steps"]
    domain: Domain = EVERYWHERE

    @property
    def text(self) -> str:
        """The rule in words."""
        ends = self.quantity == "curvature_ratio"
        what = "curvature ratio, over the trials that converged at both" if ends else "steps"
        where = f", the larger{self.domain.text}" if self.domain != EVERYWHERE else ""
        return (
            f"For every two neighbouring scales{where}: the two-sided sign test at {1 - LEVEL:.0%} "
            f"of the networks' median {what}; at least {LEAST_NETWORKS} networks that differ. "
            f"Supported where the smaller one is at the smaller scale, not supported where it is "
            f"at the larger."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each two neighbouring scales of each family along the scale."""
        for _, family in families(step_counts(dataset.isel(tolerance=-1)), "scale"):
            for left, right in itertools.pairwise(cells(family)):
                kappa_0 = kappa_0_of(right)
                if self.domain.has(right, kappa_0):
                    yield self._finding(left, right, kappa_0)

    def _finding(self, left: xr.Dataset, right: xr.Dataset, kappa_0: float) -> Finding:
        first, second = (by_network(cell[self.quantity]).astype(float) for cell in (left, right))
        reached = [by_network(cell.reached) for cell in (left, right)]
        ends = self.quantity == "curvature_ratio"
        if ends:
            # The same trials on both sides, or those that are hard would count on one alone.
            first, second = (np.where(reached[0] & reached[1], x, np.nan) for x in (first, second))
        else:
            # Beyond the budget, steps are more than any others.
            first, second = (
                np.where(r, x, np.inf) for r, x in zip(reached, (first, second), strict=True)
            )
        test = paired(network_medians(first), network_medians(second))
        numbers: dict[str, Number] = {
            "κ₀ at the larger": kappa_0,
            "networks with more": test.larger,
            "with less": test.smaller,
            **({"median difference": test.difference} if ends else {"median ratio": test.ratio}),
        }
        scales = f"{right.scale.item():g} against {left.scale.item():g}"
        return Finding(settings_of(left) | {"scale": scales}, numbers, sign_test(test))
