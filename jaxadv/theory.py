"""Mean-field predictions for wide networks, m ≫ d ≫ 1 and small ρ: ours, heuristic.

Source: docs/theory.md, section 6.

Activations are functions, or names of built-in ones. A reference "module:function" is refused: such
names come from datasets here, and reading a dataset must not import what it names.
"""

import functools
from collections.abc import Callable, Mapping

import jax
import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Float
from scipy.special import logsumexp

from jaxadv.problems.activations import ACTIVATIONS, Activation, is_smooth
from jaxadv.problems.names import suggest

LARGEST_SCALE = 1e4
POINTS_PER_UNIT = 64
CHUNK = 2**14
# Of the quadrature on the semicircle.
NUM_NODES = 200
NUM_HALVINGS = 40
NDArray = npt.NDArray[np.floating]


def derivative_norms(activation: str | Activation, scale: float) -> tuple[float, float]:
    """σ₁ = √E σ'(sZ)² and σ₂ = √E σ''(sZ)², Z ~ N(0, 1).

    By the trapezoidal rule in t = sZ, whose error falls exponentially for smooth integrands; the
    grid follows the activation's own unit of length, however large s is (Gauss-Hermite's nodes
    grow too sparse there).

    Args:
        activation: the name of a built-in activation, or a function.
        scale: s, at most 10⁴.

    Raises:
        ValueError: for an activation with kinks, a name that is not built in, or a scale out of
            range.

    Example:
        >>> round(derivative_norms("sin", 1.0)[0] ** 2, 15)  # E cos² Z = (1 + exp(−2))/2
        0.567667641618306
    """
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            hint = suggest(activation, ACTIVATIONS)
            raise ValueError(f"activation: {activation!r} is not built in{hint}, or a function")
        sigma = ACTIVATIONS[activation]
    else:
        sigma = activation
    if not is_smooth(sigma):
        raise ValueError(f"activation: {activation!r} has kinks; it must be twice differentiable")
    if not 0 < scale <= LARGEST_SCALE:
        raise ValueError(f"scale: {scale} must be positive, {LARGEST_SCALE:g} at most")
    return _norms_of(sigma, scale)


@functools.lru_cache(maxsize=4096)
def _norms_of(sigma: Activation, scale: float) -> tuple[float, float]:
    unit = min(1.0, scale)
    steps = int(np.ceil(10 * scale / unit * POINTS_PER_UNIT))
    t = np.arange(-steps, steps + 1) * (unit / POINTS_PER_UNIT)
    weights = np.exp(-0.5 * (t / scale) ** 2)
    sums = np.zeros(2)
    for first in range(0, t.size, CHUNK):
        part = slice(first, first + CHUNK)
        # Every chunk has the same size, so that one program serves all scales.
        padded = np.zeros(CHUNK)
        padded[: t[part].size] = t[part]
        for order, values in enumerate(_derivatives(sigma, padded)):
            sums[order] += weights[part] @ values[: t[part].size] ** 2
    first_norm, second_norm = np.sqrt(sums / weights.sum())
    return float(first_norm), float(second_norm)


def _derivatives(
    sigma: Activation, t: Float[np.ndarray, " point"]
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """σ' and σ'' in float64."""
    with jax.enable_x64(True):
        slopes, curvatures = _compiled_derivatives(t, sigma)
        return np.asarray(slopes), np.asarray(curvatures)


@functools.partial(jax.jit, static_argnames="sigma")
def _compiled_derivatives(
    t: Float[Array, " point"], sigma: Activation
) -> tuple[Float[Array, " point"], Float[Array, " point"]]:
    slope = jax.grad(sigma)
    return jax.vmap(slope)(t), jax.vmap(jax.grad(slope))(t)


def kappa_0(activation: str | Activation, scale: float, ratio: float) -> float:
    """κ₀ = 2ρs σ₂/σ₁: the landscape loses its regularity where it passes 1.

    Raises:
        ValueError: as `derivative_norms`.

    Example:
        >>> round(kappa_0("tanh", 1.0, 0.1), 3)
        0.161
    """
    first, second = derivative_norms(activation, scale)
    return 2 * ratio * scale * second / first


def curvature_ratio(kappa_0: float | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """κ = √(1 − (1 + κ₀²/2)⁻²), the predicted h₁/λ at the maximum.

    Example:
        >>> float(curvature_ratio(0.0)), float(curvature_ratio(1e9))
        (0.0, 1.0)
    """
    half = np.asarray(kappa_0, float) ** 2 / 2
    # 1 − (1 + h)⁻² without cancellation at small h.
    return np.asarray(np.sqrt(half * (2 + half)) / (1 + half))


# e = |ℓ'(o)| as a function of the loss ℓ(o, y), by the loss's name.
LOSS_SLOPES: Mapping[str, Callable[[NDArray], NDArray]] = {
    "quadratic": lambda loss: np.sqrt(2 * loss),
    "logistic": lambda loss: -np.expm1(-loss),
}


def multiplier(slope: NDArray, radius: float, first_norm: float) -> NDArray:
    """λ = eσ₁/ε at a maximum on the boundary.

    Args:
        slope: e, `LOSS_SLOPES` of the loss there.
        radius: ε = ρs√d.
        first_norm: σ₁, the first of `derivative_norms`.

    Example:
        >>> multiplier(np.array([1.0]), 0.8, 0.6).round(6).tolist()
        [0.75]
    """
    return slope * first_norm / radius


def steps_of_slowest(tolerance: float, gain: NDArray, kappa: float) -> NDArray:
    """T = ln(1/tol)/ln((1 + ηλ)/(1 + ηκλ)), the steps to a residual of ``tol``.

    The slowest eigenvalue of the linearised map (docs/theory.md, section 4.5) from a residual of 1
    on; for small ηλ it is ln(1/tol)/(ηλ(1 − κ)), the law of docs/theory.md, section 6.6.

    Args:
        tolerance: tol.
        gain: ηλ.
        kappa: κ, of `curvature_ratio`.

    Example:
        >>> law, small = steps_of_slowest(1e-4, np.array([1e-3]), 0.5), np.log(1e4) / (1e-3 * 0.5)
        >>> bool(abs(law[0] / small - 1) < 1e-3)
        True
    """
    return np.log(1 / tolerance) / (np.log1p(gain) - np.log1p(kappa * gain))


def steps_of_spectrum(tolerance: float, gain: NDArray, kappa: float) -> NDArray:
    """The T at which E (1 − h/λ)² ((1 + ηh)/(1 + ηλ))^2T = tol², h on a semicircle of radius κλ.

    A random start errs equally in all directions of the tangent space, whose eigenvalues of the
    Hessian fill the semicircle. An error e in the direction of h makes a residual (1 − h/λ)e/2,
    and the start on the far side of the sphere counts twice. So the slowest modes are few, weigh
    little, and rule alone only at the very end.

    Args:
        tolerance: tol.
        gain: ηλ.
        kappa: κ, of `curvature_ratio`.

    Example:
        >>> gain = np.array([0.01])
        >>> [int(law(1e-4, gain, 0.9)[0]) for law in (steps_of_slowest, steps_of_spectrum)]
        [9297, 3844]
    """
    # Gauss' rule for the semicircle: Chebyshev polynomials of the second kind.
    angles = np.arange(1, NUM_NODES + 1) * np.pi / (NUM_NODES + 1)
    ratios = kappa * np.cos(angles)
    weights = 2 / (NUM_NODES + 1) * np.sin(angles) ** 2 * (1 - ratios) ** 2
    gains = np.asarray(gain, float)[..., None]
    logs = np.log(np.abs(1 + gains * ratios)) - np.log1p(gains)
    # The residual of the slowest mode alone is above that of all, but for the weight of the fast.
    high = 2 * steps_of_slowest(tolerance, gains[..., 0], kappa)
    low = np.zeros_like(high)
    for _ in range(NUM_HALVINGS):
        middle = (low + high) / 2
        above = logsumexp(2 * middle[..., None] * logs, b=weights, axis=-1) > 2 * np.log(tolerance)
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return (low + high) / 2
