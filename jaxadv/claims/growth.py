"""How the steps grow with a size: C1-dim, C1-shapes, C1-width and C1-tolerance.

Source: docs/theory.md, sections 8.5 and 8.7.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Bool

from jaxadv.claims.judgements import Claim
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
            f"ln T, T the median number of steps, is fitted by a quadratic in ln({size}){widths}. "
            f"The bend is its slope at the largest value less its slope at the smallest. It is 0 "
            f"for a power law and negative for slower growth. For an exponential it is about "
            f"ln(T_max/T_min). A finding is for the claim where the bend's interval lies below "
            f"{self.most:g}, and against it where it lies above. It is censored where a median, "
            f"in the sample or in a resample, is beyond the budget. Values below {LEAST_STEPS} "
            f"steps are left out. At least {LEAST_SIZES} values and {LEAST_NETWORKS} networks are "
            f"needed."
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
                yield Finding(line.settings, numbers, Outcome.CENSORED)
                continue
            if len(fitted.sizes) < LEAST_SIZES or dataset.sizes["network"] < LEAST_NETWORKS:
                yield Finding(line.settings, numbers, Outcome.TOO_FEW)
                continue
            bend = judged_within(bends(fitted.sizes, fitted.values), -math.inf, self.most)
            exponent = estimate(exponents(fitted.sizes, fitted.values))
            numbers |= {
                "bend": bend.number,
                "ln(T_max/T_min)": math.log(fitted.values[0].max() / fitted.values[0].min()),
                "exponent": exponent,
            }
            yield Finding(line.settings, numbers, bend.outcome, bend.votes)


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


CLAIMS = (
    Claim(
        "C1-dim", "steps grow polynomially with the dimension", POLYNOMIAL,
        "The median number of steps to the tightest tolerance grows with d no faster than a power.",
        (NoFasterThanPower("dim"),), OVER_THESE_SIZES + " The width is the same in all dimensions.",
        QUADRATIC,
    ),
    Claim(
        "C1-shapes", "steps grow polynomially with the dimension where the width grows as well",
        POLYNOMIAL,
        "In networks of width m = d, d^1.5 and d², the median number of steps grows with d no "
        "faster than a power.",
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
