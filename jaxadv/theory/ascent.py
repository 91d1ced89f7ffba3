"""Mean-field predictions of ascent on wide random networks, m ≫ d ≫ 1: ours, heuristic.

Source: docs/theory.md, section 6.

As a function of the perturbation δ on the sphere, f(x + δ) is close to a stationary Gaussian field.
Activation, scale and ratio enter through κ₀ alone. Activations are as in `theory.integrals`.
"""

from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Float
from scipy.special import logsumexp
from scipy.stats import norm

from jaxadv.problems.activations import Activation
from jaxadv.theory.integrals import (
    FIRST_POINTS_PER_UNIT,
    WIDEST,
    as_scale,
    as_smooth,
    derivative_norms,
    gaussian_means,
    moments,
)

# The mean of the largest eigenvalue of random symmetric matrices lies below the edge of the
# semicircle by so much of its radius, times d^(−2/3): half the mean of the Tracy-Widom law.
EDGE = 0.603
CRITICAL = 2.0  # the κ₀ at which the landscape loses its regularity
MOST_PRODUCTS = 1e9  # of the double integral of the cosine; they take about a minute
# Of the quadrature on the semicircle.
NUM_NODES = 200
NUM_HALVINGS = 40
NDArray = npt.NDArray[np.floating]
Numbers = float | npt.NDArray[np.float64]


def end_scale(scale: float, ratio: float) -> float:
    """S' = s√(1 + ρ²), the scale of x + δ at the end of an ascent."""
    return scale * (1 + ratio**2) ** 0.5


def kappa_0(activation: str | Activation, scale: float, ratio: float) -> float:
    """κ₀ = 2ρs σ₂/σ₁, with σ₁ and σ₂ at s' = s√(1 + ρ²): regularity is lost where it passes 2.

    Source: docs/theory.md, section 6.1.

    Raises:
        ValueError: as `moments`.

    Example:
        >>> round(kappa_0("tanh", 1.0, 0.1), 3)
        0.161
    """
    first, second = derivative_norms(activation, end_scale(scale, ratio))
    return 2 * ratio * scale * second / first


def tangent_spectrum(kappa_0: Numbers, dim: int | None = None) -> tuple[NDArray, NDArray]:
    """Centre −κ₀²/4 and radius κ₀ of the semicircle of h/λ, h the tangent Hessian's eigenvalues.

    Source: docs/theory.md, section 6.2. It holds for κ₀ ≤ 2.

    Args:
        kappa_0: κ₀.
        dim: d, for the edges in so many dimensions, κ₀(1 − 0.60 d^(−2/3)); None for many.

    Example:
        >>> [float(number) for number in tangent_spectrum(1.0)]
        [-0.25, 1.0]
    """
    kappa = np.asarray(kappa_0, float)
    share = 1 if dim is None else 1 - EDGE * dim ** (-2 / 3)
    return np.asarray(-(kappa**2) / 4), np.asarray(kappa * share)


def curvature_ratio(kappa_0: Numbers, dim: int | None = None) -> NDArray:
    """κ = h₁/λ = κ₀ − κ₀²/4 at the maximum, and 1 from κ₀ = 2 on, where each is marginal.

    Source: docs/theory.md, section 6.3. The arguments are those of `tangent_spectrum`.

    Example:
        >>> curvature_ratio(np.array([0.0, 1.0, 2.0, 3.0])).tolist()
        [0.0, 0.75, 1.0, 1.0]
    """
    centre, radius = tangent_spectrum(kappa_0, dim)
    return np.where(np.asarray(kappa_0) < CRITICAL, centre + radius, 1.0)


def condition_number(kappa_0: Numbers, dim: int | None = None) -> NDArray:
    """C = (λ − h_min)/(λ − h₁) = ((1 + κ₀/2)/(1 − κ₀/2))², inf from κ₀ = 2 on.

    Source: docs/theory.md, section 6.3. The arguments are those of `tangent_spectrum`.

    Example:
        >>> condition_number(np.array([0.0, 1.0, 2.0])).tolist()
        [1.0, 9.0, inf]
    """
    centre, radius = tangent_spectrum(kappa_0, dim)
    is_regular = np.asarray(kappa_0) < CRITICAL
    gap = np.where(is_regular, 1 - centre - radius, 1.0)
    return np.where(is_regular, (1 - centre + radius) / gap, np.inf)


# e = |ℓ'(o)| as a function of the loss ℓ(o, y), by the loss's name.
LOSS_SLOPES: Mapping[str, Callable[[NDArray], NDArray]] = {
    "quadratic": lambda loss: np.sqrt(2 * loss),
    "logistic": lambda loss: -np.expm1(-loss),
}


def multiplier(slope: NDArray, radius: float, first_norm: float) -> NDArray:
    """λ = eσ₁/ε at a maximum on the boundary.

    Source: docs/theory.md, section 6.2.

    Args:
        slope: e, `LOSS_SLOPES` of the loss there.
        radius: ε = ρs√d.
        first_norm: σ₁ at s', the first of `derivative_norms`.

    Example:
        >>> multiplier(np.array([1.0]), 0.8, 0.6).round(6).tolist()
        [0.75]
    """
    return slope * first_norm / radius


def median_slope(activation: str | Activation, scale: float, ratio: float, dim: int) -> float:
    """E = 0.67 √(1 + v₀) + εσ₁, the median of |f(x + δ*) − y| at maxima of the quadratic loss.

    Ascent adds to |f(x) − y| what the output rises by, εσ₁. For labels y ~ N(0, 1) the first is the
    absolute value of a normal variable of variance 1 + v₀, v₀ = E σ(sZ)².

    Source: docs/theory.md, section 6.6.

    Raises:
        ValueError: as `moments`.

    Example:
        >>> round(median_slope("identity", 1.0, 0.1, 64), 3)  # 0.674 √2 + 0.8
        1.754
    """
    means = moments(activation, scale)
    variance = means.rest + (scale * means.slope) ** 2
    first, _ = derivative_norms(activation, end_scale(scale, ratio))
    radius = ratio * scale * dim**0.5
    return float(norm.ppf(0.75)) * (1 + variance) ** 0.5 + output_rise(radius, first)


def output_rise(radius: float, first_norm: float) -> float:
    """f(x + δ*) − f(x) = εσ₁ at the maximum δ* of f.

    Source: docs/theory.md, section 6.2. The arguments are those of `multiplier`.

    Example:
        >>> output_rise(0.5, 0.6)
        0.3
    """
    return radius * first_norm


def gradient_cosine(activation: str | Activation, scale: float, ratio: float) -> float:
    """cos∠(∇f(x), δ*) = E[σ'(sZ) σ'(sZ + sρZ')]/(σ₁(s) σ₁(s')): how good one gradient step is.

    Source: docs/theory.md, section 6.5.

    Raises:
        ValueError: as `moments`, and for scales at which the double integral would take too long.

    Example:
        >>> round(gradient_cosine("tanh", 5.0, 0.1), 3)
        0.916
    """
    sigma, scale = as_smooth(activation), as_scale(scale)
    # Z' by the trapezoidal rule as well; its steps follow the activation's unit of length.
    step = min(1.0, 1 / (scale * ratio)) / 8 if ratio > 0 else 1.0
    points = 2 * WIDEST * max(1.0, scale) * FIRST_POINTS_PER_UNIT
    if points * 2 * WIDEST / step > MOST_PRODUCTS:
        raise ValueError(f"scale: {scale:g} at the ratio {ratio:g} is too large for this integral")
    nodes = np.arange(-WIDEST, WIDEST + step, step)
    weights = np.exp(-0.5 * nodes**2)
    shifts = scale * ratio * nodes, weights / weights.sum()
    near, far = (
        derivative_norms(sigma, scale)[0],
        derivative_norms(sigma, end_scale(scale, ratio))[0],
    )
    mean, _ = gaussian_means(partial(_products, shifts=shifts, sigma=sigma), scale)
    return float(mean) / (near * far)


@partial(jax.jit, static_argnames="sigma")
def _products(
    t: Float[Array, " point"],
    shifts: tuple[Float[Array, " node"], Float[Array, " node"]],
    sigma: Activation,
) -> Float[Array, "2 point"]:
    """σ'(t) times the mean of σ'(t + shift), and σ'(t)², beside which it may be small."""
    slopes = jax.vmap(jax.grad(sigma))

    def add(total: Array, node: tuple[Array, Array]) -> tuple[Array, None]:
        shift, weight = node
        return total + weight * slopes(t + shift), None

    total, _ = jax.lax.scan(add, jnp.zeros_like(t), shifts)
    return jnp.stack([slopes(t) * total, slopes(t) ** 2])


def steps_of_slowest(tolerance: float, gain: NDArray, kappa_0: float) -> NDArray:
    """T = ln(1/tol)/ln((1 + ηλ)/(1 + ηh₁)), the steps to a residual of ``tol`` by the slowest mode.

    The slowest eigenvalue of the linearised map (docs/theory.md, section 4.5) from a residual of 1
    on; for small ηλ it is ln(1/tol)/(ηλ(1 − κ₀/2)²), the law of docs/theory.md, section 6.6. It is
    inf from κ₀ = 2 on.

    Args:
        tolerance: tol.
        gain: ηλ.
        kappa_0: κ₀.

    Example:
        >>> law = steps_of_slowest(1e-4, np.array([1e-3]), 0.5)[0]
        >>> bool(abs(law * 1e-3 * (1 - 0.25) ** 2 / np.log(1e4) - 1) < 1e-3)
        True
    """
    slowest = np.log1p(gain) - np.log1p(curvature_ratio(kappa_0) * gain)
    with np.errstate(divide="ignore"):
        return np.log(1 / tolerance) / slowest


def steps(tolerance: float, gain: NDArray, kappa_0: float) -> NDArray:
    """The T at which E (1 − h/λ)² ((1 + ηh)/(1 + ηλ))^2T = tol², h on the shifted semicircle.

    A random start errs equally in all directions of the tangent space, whose eigenvalues of the
    Hessian fill the semicircle. An error e in the direction of h makes a residual (1 − h/λ)e/2,
    and the start on the far side of the sphere counts twice. So the slowest modes are few, weigh
    little, and rule alone only at the very end.

    Source: docs/theory.md, section 6.6. It is inf from κ₀ = 2 on.

    Args:
        tolerance: tol.
        gain: ηλ.
        kappa_0: κ₀.

    Example:
        >>> gain = np.array([0.01])
        >>> [int(law(1e-4, gain, 1.5)[0]) for law in (steps_of_slowest, steps)]
        [14879, 4642]
    """
    gains = np.asarray(gain, float)[..., None]
    if kappa_0 >= CRITICAL:
        return np.where(np.isnan(gains), np.nan, np.inf)[..., 0]
    # Gauss' rule for the semicircle: Chebyshev polynomials of the second kind.
    angles = np.arange(1, NUM_NODES + 1) * np.pi / (NUM_NODES + 1)
    centre, radius = tangent_spectrum(kappa_0)
    ratios = centre + radius * np.cos(angles)
    weights = 2 / (NUM_NODES + 1) * np.sin(angles) ** 2 * (1 - ratios) ** 2
    logs = np.log(np.abs(1 + gains * ratios)) - np.log1p(gains)
    # The residual of the slowest mode alone is above that of all, but for the weight of the fast.
    high = 2 * steps_of_slowest(tolerance, gains[..., 0], kappa_0)
    low = np.zeros_like(high)
    for _ in range(NUM_HALVINGS):
        middle = (low + high) / 2
        above = logsumexp(2 * middle[..., None] * logs, b=weights, axis=-1) > 2 * np.log(tolerance)
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return (low + high) / 2


def earlier_curvature_ratio(kappa_0: Numbers) -> NDArray:
    """κ = √(1 − (1 + κ₀²/2)⁻²), an earlier prediction of ours, as a rival of `curvature_ratio`.

    It neglects the shift of the semicircle, and takes κ₀ at the scale s in place of s'.

    Source: docs/theory.md, section 6.3.

    Example:
        >>> float(earlier_curvature_ratio(0.0)), float(earlier_curvature_ratio(1e9))
        (0.0, 1.0)
    """
    half = np.asarray(kappa_0, float) ** 2 / 2
    # 1 − (1 + h)⁻² without cancellation at small h.
    return np.asarray(np.sqrt(half * (2 + half)) / (1 + half))
