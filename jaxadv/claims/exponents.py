"""Whether the exponent of the steps in a size is what is predicted: rules of M2.

Source: docs/theory.md, sections 6.6 and 8.5.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxadv.claims.growth import LEAST_STEPS, SYMBOLS, fit_for_growth
from jaxadv.claims.laws import predicted_steps
from jaxadv.claims.verdicts import LEAST_NETWORKS, Finding, Outcome, judged_within
from jaxadv.stats.fits import LEAST_SIZES, exponents
from jaxadv.stats.intervals import estimate
from jaxadv.stats.lines import Along, Line, lines


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
            f"networks. For where its interval lies within {self.expected:g} ± {self.margin:g}, "
            f"against where it lies outside of that."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each family along the size."""
        for line in lines(dataset, self.along, 0.5, LEAST_SIZES):
            fitted = line.where(fit_for_growth(line))
            if len(fitted.sizes) < LEAST_SIZES or dataset.sizes["network"] < LEAST_NETWORKS:
                yield Finding(line.settings, {}, Outcome.TOO_FEW)
                continue
            low, high = self.expected - self.margin, self.expected + self.margin
            exponent = judged_within(exponents_of(fitted, self.along), low, high)
            numbers = {"exponent": exponent.number}
            yield Finding(line.settings, numbers, exponent.outcome, exponent.votes)


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
            f"beyond the budget left out, on at least {LEAST_NETWORKS} networks. For where the "
            f"interval of the difference lies within ± {self.margin:g}, against where it lies "
            f"outside of that."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each family along the size whose steps have a law."""
        measured = list(lines(dataset, self.along, 0.5, LEAST_SIZES))
        if not measured:
            return
        predicted = lines(predicted_steps(dataset), self.along, 0.5, LEAST_SIZES)
        for line, law in zip(measured, predicted, strict=True):
            keep = fit_for_growth(line) & fit_for_growth(law)
            if not np.isfinite(law.values).any():
                continue
            if keep.sum() < LEAST_SIZES or dataset.sizes["network"] < LEAST_NETWORKS:
                yield Finding(line.settings, {}, Outcome.TOO_FEW)
                continue
            ours, theirs = (exponents_of(each.where(keep), self.along) for each in (line, law))
            difference = judged_within(ours - theirs, -self.margin, self.margin)
            numbers = {
                "exponent": estimate(ours),
                "predicted": estimate(theirs),
                "difference": difference.number,
            }
            yield Finding(line.settings, numbers, difference.outcome, difference.votes)


def exponents_of(line: Line, along: Along) -> Float[np.ndarray, " replicate"]:
    """The exponent of the steps in each replicate; along the tolerance, in ln(1/tol)."""
    sizes = np.log(line.sizes) if along == "tolerance" else line.sizes
    return exponents(sizes, line.values)
