"""How the steps grow with a size: C1-dim, C1-width, C1-tolerance, and exponents.

Source: docs/theory.md, sections 8.5 and 8.7.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from jaxadv.claims.judgements import Claim
from jaxadv.claims.laws import predicted_steps
from jaxadv.claims.verdicts import (
    LEAST_NETWORKS,
    Finding,
    Number,
    Outcome,
    outcome,
    outcome_near,
)
from jaxadv.stats.fits import LEAST_SIZES, exponents, growth
from jaxadv.stats.intervals import LEVEL, estimate
from jaxadv.stats.lines import Along, Line, lines

SYMBOLS = {"dim": "d", "width": "m", "scale": "s"}
# Quantiles below are left out of fits: they are whole numbers, and a step is 10% of them.
LEAST_STEPS = 10
# The cells that the claims are about.
QUADRATIC = {"loss": "quadratic"}
POLYNOMIAL = (
    "Projected gradient ascent finds a local maximum of the non-concave problem, for a two-layer "
    "network with quadratic loss, in a polynomial number of iterations with high probability."
)
TWO_LAWS = (
    "Two laws are compared over the sizes that were run; a growth that is neither, or that changes "
    "beyond them, is not seen."
)


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
                yield Finding(line.settings, numbers, Outcome.TOO_FEW)
                continue
            law = growth(fitted.sizes, fitted.values)
            numbers |= {
                "exponent": law.exponent,
                "error of power law": law.power_error,
                "error of exponential": law.exponential_error,
                "power law better in": law.power_wins,
            }
            slow = law.power_wins >= LEVEL or law.exponent.high < self.flat
            result = outcome(
                holds=slow and not censored, fails=law.power_wins <= 1 - LEVEL and not slow
            )
            yield Finding(line.settings, numbers, result)


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
                yield Finding(line.settings, {}, Outcome.TOO_FEW)
                continue
            sizes = np.log(fitted.sizes) if self.along == "tolerance" else fitted.sizes
            exponent = growth(sizes, fitted.values).exponent
            result = outcome_near(exponent, self.expected, self.margin)
            yield Finding(line.settings, {"exponent": exponent}, result)


@dataclass(frozen=True)
class ExponentOfLaw:
    """Is the exponent of the median steps in a size that of the mean field's steps?

    Both are fitted to the same cells, with the same resamples of networks.

    Attributes:
        along: the size; for ``"tolerance"`` it is ln(1/tol).
        margin: how far apart they may be.
    """

    along: Along
    margin: float = 0.1

    @property
    def text(self) -> str:
        """The rule in words."""
        size = {**SYMBOLS, "tolerance": "ln(1/tol)"}[self.along]
        return (
            f"The exponent of the median steps in {size} less that of the steps that M2 predicts "
            f"for the same trials, at at least {LEAST_SIZES} values, those below {LEAST_STEPS} or "
            f"beyond the budget left out, on at least {LEAST_NETWORKS} networks. Supported where "
            f"the interval of the difference lies within ± {self.margin:g}, not supported where it "
            f"lies outside of that."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each family along the size whose steps have a law."""
        measured, predicted = (
            lines(counts, self.along, 0.5, LEAST_SIZES)
            for counts in (dataset, predicted_steps(dataset))
        )
        for line, law in zip(measured, predicted, strict=True):
            keep = fit_for_growth(line) & fit_for_growth(law)
            if not np.isfinite(law.values).any():
                continue
            if keep.sum() < LEAST_SIZES or dataset.sizes["network"] < LEAST_NETWORKS:
                yield Finding(line.settings, {}, Outcome.TOO_FEW)
                continue
            ours, theirs = (self._exponents(each.where(keep)) for each in (line, law))
            difference = estimate(ours - theirs)
            numbers = {
                "exponent": estimate(ours),
                "predicted": estimate(theirs),
                "difference": difference,
            }
            yield Finding(line.settings, numbers, outcome_near(difference, 0.0, self.margin))

    def _exponents(self, line: Line) -> Float[np.ndarray, " replicate"]:
        sizes = np.log(line.sizes) if self.along == "tolerance" else line.sizes
        return exponents(sizes, line.values)


CLAIMS = (
    Claim(
        "C1-dim", "steps grow polynomially with the dimension", POLYNOMIAL,
        "The median number of steps to the tightest tolerance grows as a power of d.",
        (PolynomialGrowth("dim"),), TWO_LAWS, QUADRATIC,
    ),
    Claim(
        "C1-width", "steps grow polynomially with the width", POLYNOMIAL,
        "The median number of steps to the tightest tolerance grows as a power of m, or not at "
        "all.",
        (PolynomialGrowth("width"),), TWO_LAWS, QUADRATIC,
    ),
    Claim(
        "C1-tolerance", "steps grow polynomially with the accuracy", POLYNOMIAL,
        "The median number of steps grows as a power of 1/tol, or more slowly.",
        (PolynomialGrowth("tolerance"),),
        TWO_LAWS + " An exponential of 1/tol is easily beaten; M2-tolerance asks for more.",
        QUADRATIC,
    ),
)  # fmt: skip
