"""Mean-field predictions for wide networks, m ≫ d ≫ 1 and small ρ (THEORY 6): ours, heuristic."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxadv.problems.activations import ACTIVATIONS, Activation, is_smooth
from jaxadv.problems.names import resolve

LARGEST_SCALE = 1e4
POINTS_PER_UNIT = 64


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
        >>> derivative_norms("sin", 1.0)[0] ** 2  # E cos² Z = (1 + exp(−2))/2
        0.5676676416183064
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
    weights /= weights.sum()
    with jax.enable_x64(True):
        first = jax.grad(lambda z: sigma(z))
        slopes, curvatures = jax.jit(jax.vmap(lambda z: (first(z), jax.grad(first)(z))))(
            jnp.asarray(t)
        )
        squares = [float(weights @ np.asarray(values) ** 2) for values in (slopes, curvatures)]
    return squares[0] ** 0.5, squares[1] ** 0.5


def regularity(activation: str | Activation, scale: float, ratio: float) -> float:
    """κ₀ = 2ρs σ₂/σ₁: the landscape loses its regularity where it passes 1.

    Example:
        >>> round(regularity("tanh", 1.0, 0.1), 3)
        0.161
    """
    first, second = derivative_norms(activation, scale)
    return 2 * ratio * scale * second / first


def curvature_ratio(kappa_0: Float[np.ndarray, "*any"] | float) -> Float[np.ndarray, "*any"]:
    """κ = √(1 − (1 + κ₀²/2)⁻²), the predicted h₁/λ at the maximum.

    Example:
        >>> float(curvature_ratio(0.0)), float(curvature_ratio(1e9))
        (0.0, 1.0)
    """
    half = np.asarray(kappa_0, float) ** 2 / 2
    # 1 − (1 + h)⁻² without cancellation at small h.
    return np.sqrt(half * (2 + half)) / (1 + half)
