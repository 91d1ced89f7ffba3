"""Mean-field predictions for wide networks, m ≫ d ≫ 1 and small ρ (THEORY 6): ours, heuristic."""

import functools

import jax
import numpy as np
import numpy.typing as npt
from jaxtyping import Array, Float

from jaxadv.problems.activations import ACTIVATIONS, Activation, is_smooth
from jaxadv.problems.names import resolve

LARGEST_SCALE = 1e4
POINTS_PER_UNIT = 64
CHUNK = 2**14


def derivative_norms(activation: str | Activation, scale: float) -> tuple[float, float]:
    """σ₁ = √E σ'(sZ)² and σ₂ = √E σ''(sZ)², Z ~ N(0, 1).

    By the trapezoidal rule in t = sZ, whose error falls exponentially for smooth integrands; the
    grid follows the activation's own unit of length, however large s is (Gauss-Hermite's nodes
    grow too sparse there).

    Args:
        activation: a name, a reference or a function.
        scale: s, at most 10⁴.

    Raises:
        ValueError: for an activation with kinks, an unknown name, or a scale out of range.

    Example:
        >>> round(derivative_norms("sin", 1.0)[0] ** 2, 15)  # E cos² Z = (1 + exp(−2))/2
        0.567667641618306
    """
    sigma = resolve("activation", activation, ACTIVATIONS)
    if not is_smooth(sigma):
        raise ValueError(f"activation: {activation!r} has kinks, and σ'' is no function")
    if not 0 < scale <= LARGEST_SCALE:
        raise ValueError(f"scale: {scale} must be positive, {LARGEST_SCALE:g} at most")
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


def regularity(activation: str | Activation, scale: float, ratio: float) -> float:
    """κ₀ = 2ρs σ₂/σ₁: the landscape loses its regularity where it passes 1.

    Example:
        >>> round(regularity("tanh", 1.0, 0.1), 3)
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
