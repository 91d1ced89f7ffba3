"""The rules by which finished sweeps become verdicts: written down before looking (THEORY 8).

A rule looks through a dataset for what it can judge, families of cells or single cells, and gives a
finding for each. `claims` says which rules a claim needs; `agreement` has those of our predictions.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float
from scipy.stats import fisher_exact

from jaxadv.analysis.cells import by_network, cells, families, is_maximum, settings_of
from jaxadv.analysis.estimates import LEVEL, median, network_medians, share
from jaxadv.analysis.fits import LEAST_SIZES, growth, paired
from jaxadv.analysis.lines import Along, Line, lines
from jaxadv.analysis.survival import step_counts
from jaxadv.analysis.verdicts import LEAST_NETWORKS, Finding, Number, Verdict, verdict

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
            f"and beyond the budget left out. Supported where a power law predicts the two largest "
            f"values better than an exponential in at least {LEVEL:.0%} of the resamples, or where "
            f"the exponent's interval lies below {self.flat}; not supported where the exponential "
            f"predicts better in as many."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each family along the size."""
        for line in lines(dataset, self.along, 0.5, LEAST_SIZES):
            fitted = line.where(fit_for_growth(line))
            left_out = len(line.sizes) - len(fitted.sizes)
            numbers: dict[str, Number] = {"values": len(fitted.sizes), "left out": left_out}
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
            yield Finding(
                line.settings,
                numbers,
                verdict(
                    supported=law.power_wins >= LEVEL or law.exponent.high < self.flat,
                    against=law.power_wins <= 1 - LEVEL,
                ),
            )


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
            f"The exponent of the median steps in {size}, at at least {LEAST_SIZES} values. "
            f"Supported where its interval lies within {self.expected:g} ± {self.margin:g}, not "
            f"supported where it lies outside of that."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each family along the size."""
        for line in lines(dataset, self.along, 0.5, LEAST_SIZES):
            fitted = line.where(fit_for_growth(line))
            if len(fitted.sizes) < LEAST_SIZES or dataset.sizes["network"] < LEAST_NETWORKS:
                continue
            sizes = np.log(fitted.sizes) if self.along == "tolerance" else fitted.sizes
            exponent = growth(sizes, fitted.values).exponent
            low, high = self.expected - self.margin, self.expected + self.margin
            found = verdict(
                supported=exponent.within(low, high), against=exponent.outside(low, high)
            )
            yield Finding(line.settings, {"exponent": exponent}, found)


@dataclass(frozen=True)
class FailuresFall:
    """Does the share of networks on which an ascent fails fall with the width?

    Attributes:
        most: the share that may fail at the largest width.
    """

    most: float = 0.1

    @property
    def text(self) -> str:
        """The rule in words."""
        return (
            f"A network fails if any of its trials does not end, within the budget, in a certified "
            f"maximum. Supported where the share of failures at the largest width is surely below "
            f"{self.most:.0%} (Clopper-Pearson) and not surely above that at the smallest "
            f"(Fisher's exact test, {1 - LEVEL:.0%}); not supported where it is surely above "
            f"either."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each family along the width."""
        for _, family in families(dataset, "width"):
            points = list(cells(family))
            if len(points) < 2 or dataset.sizes["network"] < LEAST_NETWORKS:
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
            found = verdict(
                supported=wide.high < self.most and not grows,
                against=wide.low > self.most or grows,
            )
            yield Finding(settings, numbers, found)


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
            f"The share of networks on which every trial that reached the tightest tolerance ended "
            f"in a certified strict local maximum. Supported where it is surely above "
            f"{self.least:.0%} (Clopper-Pearson), not supported where it is surely below."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each cell in which trials converged on enough networks."""
        for cell in cells(dataset.isel(tolerance=-1)):
            any_reached = cell.reached.any(TRIALS).values
            if any_reached.sum() < LEAST_NETWORKS:
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
    """

    quantity: Literal["curvature_ratio", "num_steps"]

    @property
    def text(self) -> str:
        """The rule in words."""
        ends = self.quantity == "curvature_ratio"
        what = "curvature ratio where ascent converged" if ends else "steps"
        return (
            f"For every two neighbouring scales, the two-sided sign test at {1 - LEVEL:.0%} of the "
            f"networks' median {what}. Supported where the smaller one is at the smaller scale, "
            f"not supported where it is at the larger."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each two neighbouring scales of each family along the scale."""
        for _, family in families(step_counts(dataset.isel(tolerance=-1)), "scale"):
            for left, right in itertools.pairwise(cells(family)):
                test = paired(self._medians(left), self._medians(right))
                decisive = test.larger + test.smaller >= LEAST_NETWORKS
                level = (1 - LEVEL) / 2
                found = verdict(
                    supported=decisive and test.p_larger < level,
                    against=decisive and test.p_smaller < level,
                )
                numbers: dict[str, Number] = {
                    "larger on": test.larger, "smaller on": test.smaller, "ratio": test.ratio,
                }  # fmt: skip
                scales = f"{right.scale.item():g} against {left.scale.item():g}"
                yield Finding(settings_of(left) | {"scale": scales}, numbers, found)

    def _medians(self, cell: xr.Dataset) -> Float[np.ndarray, " network"]:
        """Each network's median; beyond the budget steps are inf, and curvatures not known."""
        beyond = np.inf if self.quantity == "num_steps" else np.nan
        return network_medians(by_network(cell[self.quantity].where(cell.reached, beyond)))
