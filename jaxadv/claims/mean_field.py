"""Our predictions beside the simulation: M1, M2 and M3.

Source: docs/theory.md, sections 4.5 and 6.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxadv.ascent.kinds import Kind
from jaxadv.claims.growth import LEAST_STEPS, Exponent
from jaxadv.claims.judgements import Claim
from jaxadv.claims.verdicts import LEAST_NETWORKS, Finding, Number, Verdict, verdict_near
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
# Rates are measured close to the maximum: where the tightest tolerance is at most this.
TIGHT = 1e-6
# With a smaller share of the trials, those that converged would not stand for all.
LEAST_CONVERGED = 0.95


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
# What is predicted: in words, and as ratios of the simulated to the predicted.
PREDICTIONS: Mapping[str, tuple[str, Callable[[xr.Dataset, float], Ratios]]] = {
    "curvature": ("curvature ratio at certified maxima over κ(κ₀)", _curvature),
    "steps of slowest": (f"{STEPS} the slowest mode", partial(_steps, steps_of_slowest)),
    "steps of spectrum": (f"{STEPS} all modes", partial(_steps, steps_of_spectrum)),
    "rate": (RATE, _rate),
}


@dataclass(frozen=True)
class Agreement:
    """Does the simulation agree with a prediction in the median?

    Attributes:
        prediction: a name of `PREDICTIONS`.
        margin: how far the ratio may be from 1.
        domain: the cells that it is asked of.
    """

    prediction: str
    margin: float
    domain: Domain = EVERYWHERE

    @property
    def text(self) -> str:
        """The rule in words."""
        what, _ = PREDICTIONS[self.prediction]
        return (
            f"In every cell{self.domain.text}, the median of the {what}. Supported where its "
            f"interval lies within 1 ± {self.margin:g}, not supported where it lies outside of "
            f"that; inconclusive where less than {LEAST_CONVERGED:.0%} of the trials converged, or "
            f"on fewer than {LEAST_NETWORKS} networks."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each cell of the domain."""
        _, ratios_of = PREDICTIONS[self.prediction]
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
            is_enough = converged >= LEAST_CONVERGED and known.any(axis=1).sum() >= LEAST_NETWORKS
            outcome = verdict_near(ratio, 1.0, self.margin) if is_enough else Verdict.INCONCLUSIVE
            yield Finding(settings_of(cell), numbers, outcome)


CLAIMS = (
    Claim(
        "M1", "the mean-field curvature, where the landscape is regular", "",
        "κ = √(1 − (1 + κ₀²/2)⁻²), κ₀ = 2ρs σ₂/σ₁, for wide networks of many dimensions: whatever "
        "the activation, the loss, the scale and the ratio.",
        (Agreement("curvature", 0.1, Domain(200, 20, 0.0, 1.0)),),
        "Heuristic: a linear field and a random quadratic form on the sphere.",
    ),
    Claim(
        "M1-beyond", "the mean-field curvature, where it is not", "",
        "The same law beyond κ₀ = 1, where we do not expect many maxima to be alike.",
        (Agreement("curvature", 0.1, Domain(64, 16, least_kappa_0=1.0)),),
        "As M1; and only the maxima that ascent finds.",
    ),
    Claim(
        "M2", "the number of steps of the slowest mode", "",
        "T = ln(1/tol)/ln((1 + ηλ)/(1 + ηκλ)) with λ = eσ₁/ε, which is ln(1/tol) ε/(η e σ₁(1 − κ)) "
        "for small steps; e = |ℓ'| at the end.",
        (Agreement("steps of slowest", 0.25, Domain(64, 16, 0.0, 1.0)),),
        "Takes e from the trial itself, and the residual at the start for 1.",
    ),
    Claim(
        "M2-spectrum", "the number of steps of all modes", "",
        "T is where the mean of (1 − h/λ)² ((1 + ηh)/(1 + ηλ))^2T over h on the semicircle of "
        "radius κλ is tol²: a random start errs in all directions alike, and the slowest are few.",
        (Agreement("steps of spectrum", 0.25, Domain(128, 16, 0.0, 1.0)),),
        "Takes e from the trial itself. This law was found after M2 had failed at d = 64, and is "
        "therefore asked of d ≥ 128 alone.",
    ),
    Claim(
        "M2-dim", "steps grow as the root of the dimension", "",
        "At a fixed scale and constant steps, T ∝ d^½: the radius grows so.",
        (Exponent("dim", 0.5),),
        "The law has e in the denominator, which grows with d itself where the attack gains more "
        "than the loss at the start.", {"step_rule": "constant"},
    ),
    Claim(
        "M2-width", "steps do not depend on the width", "",
        "At a fixed scale and dimension, T ∝ m⁰.",
        (Exponent("width", 0.0),), "For m ≫ d; narrow networks are in the fit, too.",
    ),
    Claim(
        "M2-tolerance", "steps are linear in ln(1/tol)", "",
        "T ∝ ln(1/tol): ascent converges linearly.",
        (Exponent("tolerance", 1.0),),
        "An offset (the steps before the linear regime) moves the exponent from 1.",
    ),
    Claim(
        "M3", "certificates predict the rate of convergence", "",
        "Close to the maximum the residual falls by max |1 + ηhᵢ|/(1 + ηλ) a step.",
        (Agreement("rate", 0.05),),
        "Measured between the last two tolerances, where other eigenvalues may still count.",
    ),
)  # fmt: skip
