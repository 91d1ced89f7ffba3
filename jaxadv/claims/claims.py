"""The claims that are put to the test, and the verdicts on them.

What the paper says (its abstract; docs/theory.md, section 1) and how we read it are kept
apart: definitions, rules and predictions are ours.
"""

from collections.abc import Mapping, Sequence

import xarray as xr

from jaxadv.claims.agreement import Agreement
from jaxadv.claims.judgements import Claim, Judgement, judge
from jaxadv.claims.rules import (
    EndsAreMaxima,
    Exponent,
    FailuresAreRare,
    PolynomialGrowth,
    RisesWithScale,
)
from jaxadv.claims.training_rules import FasterAtSmallerScale
from jaxadv.stats.cells import Domain
from jaxadv.stats.trainings import COMPARISONS, PHASES, Quantity

POLYNOMIAL = (
    "Projected gradient ascent finds a local maximum of the non-concave problem, for a two-layer "
    "network with quadratic loss, in a polynomial number of iterations with high probability."
)
TWO_LAWS = (
    "Two laws are compared over the sizes that were run; a growth that is neither, or that changes "
    "beyond them, is not seen."
)
REGULAR = "A smaller input scale gives a more regular landscape of the adversarial loss."
ONE_MEASURE = (
    "One measure of regularity, at the maxima that were found, and where ascent converged: not the "
    "number of maxima, nor the way to them."
)
LOSS = "loss"
OF_SWEEPS = (
    Claim(
        "C1-dim", "steps grow polynomially with the dimension", POLYNOMIAL,
        "The median number of steps to the tightest tolerance grows as a power of d.",
        (PolynomialGrowth("dim"),), TWO_LAWS, {LOSS: "quadratic"},
    ),
    Claim(
        "C1-width", "steps grow polynomially with the width", POLYNOMIAL,
        "The median number of steps to the tightest tolerance grows as a power of m, or not at "
        "all.",
        (PolynomialGrowth("width"),), TWO_LAWS, {LOSS: "quadratic"},
    ),
    Claim(
        "C1-tolerance", "steps grow polynomially with the accuracy", POLYNOMIAL,
        "The median number of steps grows as a power of 1/tol, or more slowly.",
        (PolynomialGrowth("tolerance"),),
        TWO_LAWS + " An exponential of 1/tol is easily beaten; M2-tolerance asks for more.",
        {LOSS: "quadratic"},
    ),
    Claim(
        "C1-probability", "ascent succeeds with high probability in wide networks",
        POLYNOMIAL,
        "In wide networks, ascent ends in a certified local maximum within the budget.",
        (FailuresAreRare(),),
        "Asked of sweeps over the width alone. A failure may be a budget that was too small. The "
        "share of random networks, not of trained ones.", {LOSS: "quadratic"},
    ),
    Claim(
        "C1-maximum", "where ascent converges there is a local maximum", POLYNOMIAL,
        "Ends that reached the tightest tolerance are certified strict local maxima; how far the "
        "true ones are is measured.",
        (EndsAreMaxima(),),
        "Certified in double precision at the end; trials that did not converge are counted in "
        "C1-probability, not here.", {LOSS: "quadratic"},
    ),
    Claim(
        "C3-curvature", "a smaller scale is more regular, while the larger one is regular still",
        REGULAR,
        "At the maxima that ascent finds, the largest tangent curvature over the multiplier is "
        "smaller at the smaller scale, where κ₀ (M1) is at most 1 at the larger.",
        (RisesWithScale("curvature_ratio", Domain(most_kappa_0=1.0)),), ONE_MEASURE,
    ),
    Claim(
        "C3-beyond", "a smaller scale is more regular, beyond", REGULAR,
        "The same where κ₀ is above 1 at the larger scale.",
        (RisesWithScale("curvature_ratio", Domain(least_kappa_0=1.0)),),
        ONE_MEASURE
        + " Split from C3-curvature when the scales had been judged and most exceptions were here.",
    ),
    Claim(
        "C3-steps", "ascent is faster at a smaller input scale",
        REGULAR,
        "On the same network, from the same start and with the same step rule, ascent takes fewer "
        "steps at the smaller scale.",
        (RisesWithScale("num_steps"),),
        "Constant steps mean another thing at each scale: the inputs, the radius and the gradient "
        "all change with it.",
    ),
    Claim(
        "C4", "the same holds for the logistic loss",
        "The result extends to general losses under conditions on their derivatives (from "
        "summaries of the paper).",
        "All rules of C1 hold with the logistic loss.",
        (PolynomialGrowth("dim"), PolynomialGrowth("width"), PolynomialGrowth("tolerance"),
         FailuresAreRare(), EndsAreMaxima()),
        "One loss is not all.", {LOSS: "logistic"},
    ),
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
FASTER = (
    "In the initial phase of adversarial training, a smaller input scale leads to faster "
    "convergence."
)
THE_RATE_DECIDES = (
    "How learning rates are compared decides much: one common rate, each scale's best of those "
    "that were run, the same rate in units of 1/λ₁; all three must agree. At larger scales the "
    "loss begins higher, for the attack gains more there; the claims of the share that is left "
    "leave that out."
)


def _of_training(
    name: str, title: str, reading: str, quantities: Sequence[Quantity]
) -> list[Claim]:
    """One reading of C2 in each phase: with every comparison of rates."""
    return [
        Claim(
            name.format(phase.name),
            f"{title}, {phase.text}",
            FASTER,
            reading,
            tuple(
                FasterAtSmallerScale(quantity, comparison, phase)
                for quantity in quantities
                for comparison in COMPARISONS
            ),
            THE_RATE_DECIDES,
            experiment="training",
        )
        for phase in PHASES
    ]


OF_TRAINING = (
    *_of_training(
        "C2-{}",
        "adversarial training is faster at a smaller scale",
        "On the same network and examples, the robust loss is lower at the smaller scale at the "
        "end of the phase, and falls to a target in fewer steps within it.",
        ("loss", "steps"),
    ),
    *_of_training(
        "C2-{}-share",
        "more of the robust loss is gone at a smaller scale",
        "On the same network and examples, less of the robust loss at the start is left at the "
        "smaller scale at the end of the phase.",
        ("share",),
    ),
)
CLAIMS = OF_SWEEPS + OF_TRAINING
"""All claims, in the order of the report."""


def claims_on(datasets: Mapping[str, xr.Dataset]) -> Sequence[Claim]:
    """The claims on such experiments as these are; of sweeps, if there are none at all.

    Example:
        >>> claims_on({})[0].name
        'C1-dim'
    """
    kinds = {claim.experiment for claim in CLAIMS}
    present = {kind for kind in kinds for dataset in datasets.values() if kind in dataset.attrs}
    return [claim for claim in CLAIMS if claim.experiment in (present or {"sweep"})]


def judge_all(datasets: Mapping[str, xr.Dataset]) -> Sequence[Judgement]:
    """The judgements on all `claims_on` these experiments."""
    return [judge(claim, datasets) for claim in claims_on(datasets)]
