"""Our predictions beside the simulation: M1, M2 and M3.

Source: docs/theory.md, sections 4.5 and 6.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr

from jaxadv.ascent.kinds import Kind
from jaxadv.claims.exponents import Exponent, ExponentOfLaw
from jaxadv.claims.growth import LEAST_STEPS
from jaxadv.claims.judgements import Claim
from jaxadv.claims.laws import (
    LEAST_BETWEEN,
    TIGHT,
    Ratios,
    gains,
    rate_ratio,
    rate_ratios,
    typical_gain,
)
from jaxadv.claims.verdicts import LEAST_NETWORKS, Finding, Number, Outcome, judged_within
from jaxadv.stats.cells import (
    EVERYWHERE,
    Domain,
    by_network,
    cells,
    is_maximum,
    kappa_0_of,
    settings_of,
)
from jaxadv.stats.intervals import medians
from jaxadv.theory import (
    CRITICAL,
    condition_number,
    curvature_ratio,
    earlier_curvature_ratio,
    steps,
    steps_of_slowest,
)

StepLaw = Callable[[float, Ratios, float], Ratios]
# With a smaller share of the trials, those that converged would not stand for all.
LEAST_CONVERGED = 0.95


def curvature_ratios(cell: xr.Dataset, kappa: float) -> Ratios:
    """The curvature ratio at certified maxima on the boundary over the mean field's κ."""
    return by_network(cell.curvature_ratio.where(cell.kind == Kind.BOUNDARY_MAX)) / kappa


def rescaled_steps(cell: xr.Dataset) -> Ratios:
    """T·ηλ/ln(1/tol), which the slowest mode alone would make (1 − κ₀/2)⁻² for small ηλ."""
    return by_network(cell.num_steps) * gains(cell) / math.log(1 / cell.tolerance.item())


def _curvature(cell: xr.Dataset, kappa_0: float) -> Ratios:
    law = float(curvature_ratio(kappa_0, cell.dim.item()))
    return curvature_ratios(cell.isel(tolerance=-1), law)


def _condition(cell: xr.Dataset, kappa_0: float) -> Ratios:
    if "condition_number" not in cell:  # stores of version 0.1
        return np.full_like(by_network(cell.loss_end), np.nan)
    known = cell.condition_number.where(is_maximum(cell))
    return by_network(known) / float(condition_number(kappa_0, cell.dim.item()))


def _earlier_curvature(cell: xr.Dataset, kappa_0: float) -> Ratios:
    return curvature_ratios(cell.isel(tolerance=-1), float(earlier_curvature_ratio(kappa_0)))


def _steps(law: StepLaw, cell: xr.Dataset, kappa_0: float) -> Ratios:
    last = cell.isel(tolerance=-1)
    expected = law(last.tolerance.item(), gains(last), kappa_0)
    # A few steps are what the start makes of them, and whole numbers.
    return by_network(last.num_steps) / np.where(expected >= LEAST_STEPS, expected, np.nan)


def _steps_alone(cell: xr.Dataset, kappa_0: float) -> Ratios:
    last = cell.isel(tolerance=-1)
    counts = by_network(last.num_steps.where(last.reached, np.inf)).astype(float)
    expected = steps(last.tolerance.item(), np.array([typical_gain(last)]), kappa_0).item()
    return counts / (expected if expected >= LEAST_STEPS else np.nan)


def _rate(cell: xr.Dataset, kappa_0: float) -> Ratios:
    if math.isnan(kappa_0) or kappa_0 >= CRITICAL or cell.sizes["tolerance"] < 2:
        return np.full_like(by_network(cell.loss_end), np.nan)
    ratios = rate_ratios(cell)
    if np.isnan(ratios).all():
        return ratios
    return ratios / rate_ratio(kappa_0, *cell.tolerance.values[-2:].tolist())


STEPS = (
    f"the measured number of steps of constant size, with the quadratic or logistic loss and where "
    f"{LEAST_STEPS} or more are predicted, over that of"
)
RATE = (
    "decay rate of the residual over the certificate's, between the last two tolerances where the "
    f"last is {TIGHT:g} or less and {LEAST_BETWEEN} steps or more are expected between them, over "
    "what all modes together make of this ratio"
)
STEPS_ALONE = (
    f"the measured number of steps of constant size, with the quadratic loss and where "
    f"{LEAST_STEPS} or more are predicted, over that of all modes at the median of e, which "
    f"follows from the settings alone"
)
# What is predicted: in words, and as ratios of the simulated to the predicted.
PREDICTIONS: Mapping[str, tuple[str, Callable[[xr.Dataset, float], Ratios]]] = {
    "condition": ("condition number at confirmed maxima over C(κ₀, d)", _condition),
    "curvature": ("curvature ratio at confirmed maxima over κ(κ₀, d)", _curvature),
    "earlier curvature": (
        "curvature ratio at confirmed maxima over the earlier law's",
        _earlier_curvature,
    ),
    "steps of slowest": (f"{STEPS} the slowest mode", partial(_steps, steps_of_slowest)),
    "steps": (f"{STEPS} all modes", partial(_steps, steps)),
    "steps alone": (STEPS_ALONE, _steps_alone),
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
            f"In every cell{self.domain.text}, the median of a ratio: {what}. For where its "
            f"interval lies within 1 ± {self.margin:g}, against where it lies outside of that. It "
            f"is censored where less than {LEAST_CONVERGED:.0%} of the trials converged, and too "
            f"few where these are on fewer than {LEAST_NETWORKS} networks."
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
            judged = judged_within(medians(ratios), 1 - self.margin, 1 + self.margin)
            converged = float(cell.reached.isel(tolerance=-1).mean())
            numbers: dict[str, Number] = {
                "κ₀": kappa_0,
                "simulated over predicted": judged.number,
                "converged trials": converged,
            }
            if converged < LEAST_CONVERGED:
                result = Outcome.CENSORED
            elif known.any(axis=1).sum() < LEAST_NETWORKS:
                result = Outcome.TOO_FEW
            else:
                result = judged.outcome
            votes = None if result in (Outcome.CENSORED, Outcome.TOO_FEW) else judged.votes
            yield Finding(settings_of(cell), numbers, result, votes)


OF_WIDE = Domain(200, 20, 0.0, CRITICAL)
CLAIMS = (
    Claim(
        "M1", "the mean-field curvature, where the landscape is regular", "",
        "κ = κ₀(1 − 0.60 d^(−2/3)) − κ₀²/4, κ₀ = 2ρs σ₂/σ₁, for wide networks of many dimensions: "
        "whatever the activation, the loss, the scale and the ratio.",
        (Agreement("curvature", 0.1, OF_WIDE),),
        "Heuristic: a Gaussian field on the sphere. It says nothing beyond κ₀ = 2, where every "
        "maximum is nearly degenerate.",
    ),
    Claim(
        "M1-condition", "the mean-field condition number, up to κ₀ = 1.5", "",
        "C = ((1 + κ₀/2)/(1 − κ₀/2))², with the edges in d dimensions.",
        (Agreement("condition", 0.1, Domain(200, 20, 0.0, 1.5)),),
        "Heuristic: a Gaussian field on the sphere. Close to κ₀ = 2 it is a quotient of small "
        "numbers.",
    ),
    Claim(
        "M1-earlier", "the earlier law of the curvature, a rival of M1", "",
        "κ = √(1 − (1 + κ₀²/2)⁻²), which neglects how the height of the maximum lowers its "
        "curvature.",
        (Agreement("earlier curvature", 0.1, OF_WIDE),),
        "Asked of the same cells as M1.",
    ),
    Claim(
        "M2", "the number of steps of all modes", "",
        "T is where the mean of (1 − h/λ)² ((1 + ηh)/(1 + ηλ))^2T over h on the shifted semicircle "
        "is tol²: a random start errs in all directions alike, and the slowest are few.",
        (Agreement("steps", 0.25, Domain(64, 16, 0.0, CRITICAL)),),
        "Takes e from the trial itself. The residual is a mean over modes, and the steps of a "
        "single trial scatter about it.",
    ),
    Claim(
        "M2-slowest", "the number of steps of the slowest mode, a rival of M2", "",
        "T = ln(1/tol)/ln((1 + ηλ)/(1 + ηκλ)) with λ = eσ₁/ε, which is "
        "ln(1/tol) ε/(η e σ₁(1 − κ₀/2)²) for small steps; e = |ℓ'| at the end.",
        (Agreement("steps of slowest", 0.25, Domain(64, 16, 0.0, CRITICAL)),),
        "Takes e from the trial itself, and the residual at the start for 1.",
    ),
    Claim(
        "M2-alone", "the number of steps, from the settings alone", "",
        "The median of T is M2's T at λ = eσ₁/ε with e = 0.67 √(1 + v₀) + εσ₁, which saturates: T "
        "is proportional to √d/(0.67 √(1 + v₀) + ρs√d σ₁).",
        (Agreement("steps alone", 0.25, Domain(64, 16, 0.0, CRITICAL)),),
        "No number of the simulation enters. For labels from N(0, 1).",
    ),
    Claim(
        "M2-dim", "steps grow with the dimension as M2 says", "",
        "At a fixed scale and constant steps T is proportional to √d/(e₀ + ρs√d σ₁), which "
        "saturates: over the dimensions that were run, its exponent is that of M2's steps.",
        (ExponentOfLaw("dim"),),
        "Takes e from the trials themselves.", {"step_rule": "constant"},
    ),
    Claim(
        "M2-width", "steps do not depend on the width", "",
        "At a fixed scale and dimension, T ∝ m⁰.",
        (Exponent("width", 0.0),), "For m ≫ d; narrow networks are in the fit, too.",
    ),
    Claim(
        "M2-tolerance", "steps grow with the accuracy as M2 says", "",
        "A little faster than linearly in ln(1/tol), because the residual is a sum over all modes: "
        "over the tolerances that were run, the exponent is that of M2's steps.",
        (ExponentOfLaw("tolerance"),),
        "Takes e from the trials themselves.", {"step_rule": "constant"},
    ),
    Claim(
        "M3", "certificates predict the rate of convergence", "",
        "Close to the maximum the residual falls by max |1 + ηhᵢ|/(1 + ηλ) a step, and by a little "
        "more as long as faster modes count, as M2 says.",
        (Agreement("rate", 0.05, Domain(most_kappa_0=CRITICAL)),),
        "Measured between the last two tolerances.",
    ),
)  # fmt: skip
