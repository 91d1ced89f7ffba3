"""Bounds of an activation's second derivative over intervals.

Source: docs/theory.md, section 9.4.
"""

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxadv.problems.activations import Activation, gelu, identity

# The positive zero of 3p' + zp'', p = s(1 − s), s the sigmoid: where the σ'' of silu is least.
LEAST_OF_SILU = 3.4358409935351104
# The zeros of σ''', between which σ'' is monotone. Those of sin are repeated every 2π.
TURNS: Mapping[Activation, tuple[float, ...]] = {
    identity: (),
    jnp.tanh: (-math.atanh(3**-0.5), math.atanh(3**-0.5)),
    lax.erf: (-(2**-0.5), 2**-0.5),
    jax.nn.sigmoid: (-math.log(2 + 3**0.5), math.log(2 + 3**0.5)),
    jax.nn.softplus: (0.0,),
    gelu: (-2.0, 0.0, 2.0),
    jax.nn.silu: (-LEAST_OF_SILU, 0.0, LEAST_OF_SILU),
    jnp.sin: (-math.pi / 2, math.pi / 2),
}
PERIODS: Mapping[Activation, float] = {jnp.sin: 2 * math.pi}
ROUNDING = 64  # the error of a computed σ'', which is at most 1 in all of these, over eps

Pre = Float[Array, " width"]


def second_derivative_range(activation: Activation, low: Pre, high: Pre) -> tuple[Pre, Pre]:
    """Lower and upper bounds of σ'' over intervals, rounding included.

    They are the extremes of σ'' at the ends and at the zeros of σ''' within.

    Args:
        activation: σ, one of `TURNS`.
        low: where the intervals begin.
        high: where they end.

    Raises:
        ValueError: for another activation.

    Example:
        >>> low, high = second_derivative_range(jax.nn.softplus, -jnp.ones(1), 2 * jnp.ones(1))
        >>> round(float(low[0]), 3), round(float(high[0]), 3)
        (0.105, 0.25)
    """
    if activation not in TURNS:
        names = ", ".join(getattr(known, "__name__", repr(known)) for known in TURNS)
        name = getattr(activation, "__name__", repr(activation))
        raise ValueError(f"activation: no bound of σ'' is known for {name!r}, but for {names}")

    def slope(function: Activation) -> Activation:
        return lambda z: jax.jvp(function, (z,), (jnp.ones_like(z),))[1]

    second = slope(slope(activation))
    values = [second(low), second(high)]
    for turn in TURNS[activation]:
        inside = _contains(low, high, turn, PERIODS.get(activation))
        values.append(jnp.where(inside, second(jnp.full_like(low, turn)), values[0]))
    every, slack = jnp.stack(values), ROUNDING * jnp.finfo(low.dtype).eps
    return every.min(axis=0) - slack, every.max(axis=0) + slack


def _contains(low: Pre, high: Pre, point: float, period: float | None) -> Array:
    """Whether intervals contain a point, or one a number of periods away."""
    if period is None:
        return (low <= point) & (point <= high)
    return jnp.floor((high - point) / period) >= jnp.ceil((low - point) / period)
