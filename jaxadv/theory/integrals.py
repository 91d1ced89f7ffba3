"""Means over the pre-activations of a wide random network, which are normal.

Source: docs/theory.md, section 6.1.

Activations are functions, or names of built-in ones. A reference "module:function" is refused: such
names come from datasets here, and reading a dataset must not import what it names.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxadv.problems.activations import ACTIVATIONS, Activation, is_smooth
from jaxadv.problems.names import suggest

LARGEST_SCALE = 1e4
WIDEST = 10.0  # standard deviations beyond which nothing counts
FIRST_POINTS_PER_UNIT = 32
MOST_HALVINGS = 7
CHUNK = 2**14
ACCURACY = 1e-9  # relative, between two grids of which one has twice the points of the other
EPS = float(np.finfo(float).eps)
ROUNDING = 64 * EPS  # of all means, over the largest one of absolute values

# Functions of the pre-activation, from one array of points to rows of values.
Integrands = Callable[[Float[Array, " point"]], Float[Array, "row point"]]


class Moments(NamedTuple):
    """What the laws know about an activation σ at pre-activations sZ, Z ~ N(0, 1).

    Attributes:
        slope: μ₁ = E σ'(sZ).
        first: σ₁ = √E σ'(sZ)².
        second: σ₂ = √E σ''(sZ)².
        slope_variance: the variance of σ'(sZ), which is σ₁² − μ₁².
        rest: E (σ(sZ) − sμ₁Z)², of what is not linear in σ.
    """

    slope: float
    first: float
    second: float
    slope_variance: float
    rest: float


def derivative_norms(activation: str | Activation, scale: float) -> tuple[float, float]:
    """σ₁ = √E σ'(sZ)² and σ₂ = √E σ''(sZ)², Z ~ N(0, 1).

    Args:
        activation: the name of a built-in activation, or a function.
        scale: s, at most 10⁴.

    Raises:
        ValueError: as `moments`.

    Example:
        >>> round(derivative_norms("sin", 1.0)[0] ** 2, 12)  # E cos² Z = (1 + exp(−2))/2
        0.567667641618
    """
    means = moments(activation, scale)
    return means.first, means.second


def moments(activation: str | Activation, scale: float) -> Moments:
    """The moments of an activation, to a relative accuracy of 1e-9 where its features are resolved.

    By the trapezoidal rule, whose error falls exponentially for smooth integrands, on ever finer
    grids until two agree. A feature of an activation that is narrower than 1/32 and far from 0 can
    be missed.

    Args:
        activation: the name of a built-in activation, or a function that JAX can differentiate
            twice.
        scale: s, at most 10⁴.

    Raises:
        ValueError: for an activation with kinks (its second derivative is no function), a name that
            is not built in, a scale out of range, or an integral that does not settle.

    Example:
        >>> round(moments("sin", 1.0).slope, 12)  # exp(−1/2)
        0.606530659713
    """
    return _moments(as_smooth(activation), as_scale(scale))


@functools.lru_cache(maxsize=4096)
def _moments(sigma: Activation, scale: float) -> Moments:
    squares = functools.partial(_squares, sigma=sigma)
    slope, square, curvature = gaussian_means(squares, scale)
    deviations = functools.partial(_deviations, slope=slope, sigma=sigma)
    # The differences themselves, and not those of their means, which would cancel at small scales.
    slope_variance, rest = gaussian_means(deviations, scale)
    return Moments(*map(float, (slope, square**0.5, curvature**0.5, slope_variance, rest)))


@functools.partial(jax.jit, static_argnames="sigma")
def _squares(t: Float[Array, " point"], sigma: Activation) -> Float[Array, "row point"]:
    slopes = jax.vmap(jax.grad(sigma))(t)
    curvatures = jax.vmap(jax.grad(jax.grad(sigma)))(t)
    return jnp.stack([slopes, slopes**2, curvatures**2])


@functools.partial(jax.jit, static_argnames="sigma")
def _deviations(
    t: Float[Array, " point"], slope: Float[Array, ""], sigma: Activation
) -> Float[Array, "row point"]:
    slopes = jax.vmap(jax.grad(sigma))(t)
    return jnp.stack([(slopes - slope) ** 2, (jax.vmap(sigma)(t) - slope * t) ** 2])


def as_smooth(activation: str | Activation) -> Activation:
    """The function of an activation.

    Raises:
        ValueError: for one with kinks, or a name that is not built in.
    """
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            hint = suggest(activation, ACTIVATIONS)
            raise ValueError(f"activation: {activation!r} is not built in{hint}, or a function")
        sigma = ACTIVATIONS[activation]
    else:
        sigma = activation
    if not _is_smooth(sigma):
        raise ValueError(
            f"activation: {activation!r} has kinks, where its second derivative is no function"
        )
    return sigma


# To look at an activation takes much longer than to look up its moments.
_is_smooth = functools.lru_cache(maxsize=256)(is_smooth)


def as_scale(scale: float) -> float:
    """The scale.

    Raises:
        ValueError: if it is out of range.
    """
    if not 0 < scale <= LARGEST_SCALE:
        raise ValueError(f"scale: {scale} must be positive, {LARGEST_SCALE:g} at most")
    return float(scale)


def gaussian_means(integrands: Integrands, scale: float) -> Float[np.ndarray, " row"]:
    """E of each integrand at sZ, Z ~ N(0, 1), in float64.

    Raises:
        ValueError: if it does not settle on the finest grid.

    Example:
        >>> bool(abs(gaussian_means(lambda t: t[None] ** 2, 3.0)[0] - 9) < 1e-9)
        True
    """
    step, before = min(1.0, scale) / FIRST_POINTS_PER_UNIT, None
    with jax.enable_x64(True):
        for _ in range(1 + MOST_HALVINGS):
            means, sizes = _trapezoidal(integrands, scale, step)
            noise = ROUNDING * sizes.max() + EPS**2 * (1 + scale**2)
            settled = (
                before is not None and np.abs(means - before) <= ACCURACY * np.abs(means) + noise
            )
            if np.all(settled):
                return means
            step, before = step / 2, means
    raise ValueError(
        f"activation: its means at the scale {scale:g} do not settle; is it smooth, and are its "
        "features wider than 1e-3?"
    )


def _trapezoidal(
    integrands: Integrands, scale: float, step: float
) -> tuple[Float[np.ndarray, " row"], Float[np.ndarray, " row"]]:
    """The means of the integrands, and of their absolute values."""
    steps = int(np.ceil(WIDEST * scale / step))
    sums, sizes, total = np.zeros(()), np.zeros(()), 0.0
    for first in range(-steps, steps + 1, CHUNK):
        index = np.arange(first, first + CHUNK)
        # Every chunk has the same size, so that one program serves all scales.
        points = index * step
        weights = np.where(index <= steps, np.exp(-0.5 * (points / scale) ** 2), 0)
        values = np.asarray(integrands(jnp.asarray(points)))
        sums, sizes = sums + values @ weights, sizes + np.abs(values) @ weights
        total += weights.sum()
    return sums / total, sizes / total
