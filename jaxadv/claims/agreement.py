"""Our predictions beside the simulation, cell by cell (docs/theory.md, sections 4.5 and 6)."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxadv.ascent.kinds import Kind
from jaxadv.claims.rules import LEAST_STEPS
from jaxadv.claims.verdicts import LEAST_NETWORKS, Finding, Number, verdict
from jaxadv.stats.cells import EVERYWHERE, Domain, by_network, cells, kappa_0_of, settings_of
from jaxadv.stats.intervals import median
from jaxadv.theory import (
    LOSS_SLOPES,
    curvature_ratio,
    derivative_norms,
    multiplier,
    steps_of_slowest,
    steps_of_spectrum,
)

Ratios = Float[np.ndarray, "network trial"]
StepLaw = Callable[[float, Ratios, float], Ratios]
TIGHT = 1e-6
"""The tightest tolerance is at most that where rates are measured: close to the maximum."""
LEAST_CONVERGED = 0.95
"""Share of the trials: with fewer, those that converged would not stand for all."""


def curvature_ratios(cell: xr.Dataset, kappa: float) -> Ratios:
    """The curvature ratio at certified maxima on the boundary over the mean field's κ."""
    return by_network(cell.curvature_ratio.where(cell.kind == Kind.BOUNDARY_MAX)) / kappa


def gains(cell: xr.Dataset) -> Ratios:
    """ηλ of the mean field, λ = eσ₁/ε, for constant steps; e from the loss at the end.

    NaN for other step rules and losses, in cells without a κ₀, and where the tolerance was not
    reached.
    """
    has_law = cell.step_rule.item() == "constant" and cell.loss.item() in LOSS_SLOPES
    if not has_law or math.isnan(kappa_0_of(cell)):
        return np.full_like(by_network(cell.loss_end), np.nan)
    slope = LOSS_SLOPES[cell.loss.item()](by_network(cell.loss_end.where(cell.reached)))
    radius = cell.ratio.item() * cell.scale.item() * math.sqrt(cell.dim.item())
    first_norm, _ = derivative_norms(cell.activation.item(), cell.scale.item())
    return cell.step_size.item() * multiplier(slope, radius, first_norm)


def rescaled_steps(cell: xr.Dataset) -> Ratios:
    """T·ηλ/ln(1/tol), which the slowest mode alone would make 1/(1 − κ) where ηλ is small."""
    return by_network(cell.num_steps) * gains(cell) / math.log(1 / cell.tolerance.item())


def rate_ratios(cell: xr.Dataset) -> Ratios:
    """−ln(rate) as measured between the last two tolerances over the certificate's.

    NaN where the certificate has no maximum, and where it expects fewer than 2 × `LEAST_STEPS`
    steps between the two, so that their rounding would count.
    """
    last = cell.isel(tolerance=-1)
    rates = -np.log(by_network(last.local_rate))
    if cell.sizes["tolerance"] < 2 or last.tolerance.item() > TIGHT * (1 + 1e-6):
        return np.full_like(rates, np.nan)
    fall = math.log(float(cell.tolerance[-2] / cell.tolerance[-1]))
    between = last.num_steps - cell.num_steps.isel(tolerance=-2)
    known = last.reached & (between > 0) & (last.kind == Kind.BOUNDARY_MAX)
    measured = by_network(fall / between.where(known))
    return np.where(rates * 2 * LEAST_STEPS <= fall, measured / rates, np.nan)


def _curvature(cell: xr.Dataset, kappa_0: float) -> Ratios:
    return curvature_ratios(cell.isel(tolerance=-1), float(curvature_ratio(kappa_0)))


def _steps(law: StepLaw, cell: xr.Dataset, kappa_0: float) -> Ratios:
    last = cell.isel(tolerance=-1)
    expected = law(last.tolerance.item(), gains(last), float(curvature_ratio(kappa_0)))
    # A few steps are what the start makes of them, and whole numbers.
    return by_network(last.num_steps) / np.where(expected >= LEAST_STEPS, expected, np.nan)


def _rate(cell: xr.Dataset, kappa_0: float) -> Ratios:
    del kappa_0
    return rate_ratios(cell)


STEPS = (
    f"number of steps, of constant size, with the quadratic or logistic loss, and expected to be "
    f"{LEAST_STEPS} or more, over that of"
)
RATE = (
    "decay rate of the residual over the certificate's, between the last two tolerances where the "
    f"last is {TIGHT:g} or less and {2 * LEAST_STEPS} steps or more are expected between them"
)
QUANTITIES: Mapping[str, tuple[str, Callable[[xr.Dataset, float], Ratios]]] = {
    "curvature": ("curvature ratio at certified maxima over κ(κ₀)", _curvature),
    "steps of slowest": (f"{STEPS} the slowest mode", partial(_steps, steps_of_slowest)),
    "steps of spectrum": (f"{STEPS} all modes", partial(_steps, steps_of_spectrum)),
    "rate": (RATE, _rate),
}
"""What is compared: in words, and as ratios of simulated to predicted."""


@dataclass(frozen=True)
class Agreement:
    """Does the simulation agree with a prediction in the median?

    Attributes:
        quantity: of `QUANTITIES`.
        margin: how far the ratio may be from 1.
        domain: the cells that it is asked of.
    """

    quantity: str
    margin: float
    domain: Domain = EVERYWHERE

    @property
    def text(self) -> str:
        """The rule in words."""
        what, _ = QUANTITIES[self.quantity]
        return (
            f"In every cell{self.domain.text}, the median of the {what}. Supported where its "
            f"interval lies within 1 ± {self.margin:g}, not supported where it lies outside of "
            f"that; inconclusive where less than {LEAST_CONVERGED:.0%} of the trials converged, or "
            f"on fewer than {LEAST_NETWORKS} networks."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each cell of the domain."""
        _, ratios_of = QUANTITIES[self.quantity]
        for cell in cells(dataset):
            kappa_0 = kappa_0_of(cell)
            if not self.domain.has(cell, kappa_0):
                continue
            ratios = ratios_of(cell, kappa_0)
            known = ~np.isnan(ratios)
            if not known.any():
                continue
            ratio = median(ratios)
            converged = float(cell.reached.isel(tolerance=-1).mean())
            numbers: dict[str, Number] = {
                "κ₀": kappa_0,
                "simulated over predicted": ratio,
                "converged trials": converged,
            }
            enough = converged >= LEAST_CONVERGED and known.any(axis=1).sum() >= LEAST_NETWORKS
            low, high = 1 - self.margin, 1 + self.margin
            found = verdict(
                supported=enough and ratio.within(low, high),
                against=enough and ratio.outside(low, high),
            )
            yield Finding(settings_of(cell), numbers, found)
