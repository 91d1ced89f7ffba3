"""How the steps grow with a size: C1-dim, C1-width, C1-tolerance, and exponents.

Source: docs/theory.md, sections 8.5 and 8.7.
"""

import math
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
    judged_within,
)
from jaxadv.stats.fits import LEAST_SIZES, bends, exponents
from jaxadv.stats.intervals import estimate
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
OVER_THESE_SIZES = (
    "Over the sizes that were run. No finite range of sizes shows what happens beyond it. The "
    "margin of 0.4 was chosen after the sweeps over the dimension had been seen: it is about half "
    "the bend of an exponential that grows by a factor e."
)
WIDTH_POWERS = (1.0, 1.5, 2.0)


@dataclass(frozen=True)
class NoFasterThanPower:
    """Do the median steps grow with a size no faster than a power of it?

    Attributes:
        along: the size; for ``"tolerance"`` it is 1/tol.
        growing_widths: whether to look at networks whose width is a power of the dimension, rather
            than the same in all dimensions.
        most: the largest bend that still counts as none.
    """

    along: Along
    growing_widths: bool = False
    most: float = 0.4

    @property
    def text(self) -> str:
        """The rule in words."""
        size = {**SYMBOLS, "tolerance": "1/tol"}[self.along]
        widths = ", in networks of width d, d^1.5 or d²" if self.growing_widths else ""
        return (
            f"The bend of the median steps against {size}{widths}: how much the local exponent "
            f"d ln T/d ln {size} rises from the smallest to the largest value, by a quadratic that "
            f"is fitted to at least {LEAST_SIZES} values, those below {LEAST_STEPS} steps left "
            f"out, on at least {LEAST_NETWORKS} networks. A power law has a bend of 0, slower "
            f"growth a negative one, and an exponential one of about ln(T_max/T_min). For where "
            f"the bend's interval lies below {self.most:g}, against where it lies above; censored "
            f"where a median is beyond the budget."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each family along the size."""
        if self.growing_widths:
            dataset = with_width_powers(dataset)
        if not dataset.sizes["cell"]:
            return
        for line in lines(dataset, self.along, 0.5, LEAST_SIZES):
            fitted = line.where(fit_for_growth(line))
            numbers: dict[str, Number] = {"values": len(fitted.sizes)}
            censored = int(np.isinf(line.values).any(axis=0).sum())
            if censored:
                numbers["beyond the budget"] = censored
            if len(fitted.sizes) < LEAST_SIZES or dataset.sizes["network"] < LEAST_NETWORKS:
                yield Finding(line.settings, numbers, Outcome.TOO_FEW)
                continue
            bend = judged_within(bends(fitted.sizes, fitted.values), -math.inf, self.most)
            exponent = estimate(exponents(fitted.sizes, fitted.values))
            numbers |= {"bend": bend.number, "exponent": exponent}
            result = Outcome.CENSORED if censored else bend.outcome
            yield Finding(line.settings, numbers, result, bend.votes)


def with_width_powers(dataset: xr.Dataset) -> xr.Dataset:
    """The cells whose width is a power of the dimension, with that power in place of the width.

    Example:
        >>> coords = {"dim": ("cell", [16, 16, 64]), "width": ("cell", [64, 100, 512])}
        >>> with_width_powers(xr.Dataset(coords=coords)).width.values.tolist()
        ['d^1.5', 'd^1.5']
    """
    names = np.full(dataset.sizes["cell"], "", dtype="<U8")
    for power in WIDTH_POWERS:
        follows = dataset.width.values == np.round(dataset.dim.values.astype(float) ** power)
        names[follows] = f"d^{power:g}"
    kept = dataset.assign_coords(width=("cell", names))
    return kept.isel(cell=names != "")


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
            low, high = self.expected - self.margin, self.expected + self.margin
            exponent = judged_within(exponents(sizes, fitted.values), low, high)
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
            f"beyond the budget left out, on at least {LEAST_NETWORKS} networks. Supported where "
            f"the interval of the difference lies within ± {self.margin:g}, not supported where it "
            f"lies outside of that."
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
            ours, theirs = (self._exponents(each.where(keep)) for each in (line, law))
            difference = judged_within(ours - theirs, -self.margin, self.margin)
            numbers = {
                "exponent": estimate(ours),
                "predicted": estimate(theirs),
                "difference": difference.number,
            }
            yield Finding(line.settings, numbers, difference.outcome, difference.votes)

    def _exponents(self, line: Line) -> Float[np.ndarray, " replicate"]:
        sizes = np.log(line.sizes) if self.along == "tolerance" else line.sizes
        return exponents(sizes, line.values)


CLAIMS = (
    Claim(
        "C1-dim", "steps grow polynomially with the dimension", POLYNOMIAL,
        "The median number of steps to the tightest tolerance grows with d no faster than a power.",
        (NoFasterThanPower("dim"),), OVER_THESE_SIZES + " The width is the same in all dimensions.",
        QUADRATIC,
    ),
    Claim(
        "C1-shapes", "so they do where the width grows with the dimension", POLYNOMIAL,
        "The same in networks of width m = d, d^1.5 and d².",
        (NoFasterThanPower("dim", growing_widths=True),), OVER_THESE_SIZES, QUADRATIC,
    ),
    Claim(
        "C1-width", "steps grow polynomially with the width", POLYNOMIAL,
        "The median number of steps to the tightest tolerance grows with m no faster than a power.",
        (NoFasterThanPower("width"),), OVER_THESE_SIZES, QUADRATIC,
    ),
    Claim(
        "C1-tolerance", "steps grow polynomially with the accuracy", POLYNOMIAL,
        "The median number of steps grows with 1/tol no faster than a power.",
        (NoFasterThanPower("tolerance"),),
        OVER_THESE_SIZES + " M2-tolerance asks for more: whether growth is nearly linear in "
        "ln(1/tol).", QUADRATIC,
    ),
)  # fmt: skip
