"""Bounds of an activation and of its first two derivatives over intervals.

Source: docs/theory.md, section 9.4.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from jaxadv.problems.activations import Activation, gelu, identity, slope_of


class Turns(NamedTuple):
    """Where σ, σ' and σ'' of an activation turn: the zeros of the next derivative.

    Attributes:
        points: for σ, σ' and σ'' the zeros of σ', σ'' and σ'''.
        period: the distance at which the zeros are repeated; inf if they are not.
    """

    points: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]
    period: float = math.inf


def _odd(point: float) -> tuple[float, float]:
    return -point, point


# Of gelu σ' = Φ + zφ and σ'' = (2 − z²)φ; the zeros for silu are those of its derivatives, found
# with 30 digits.
TURNS: Mapping[Activation, Turns] = {
    identity: Turns(((), (), ())),
    jnp.tanh: Turns(((), (0.0,), _odd(math.atanh(3**-0.5)))),
    lax.erf: Turns(((), (0.0,), _odd(2**-0.5))),
    jax.nn.sigmoid: Turns(((), (0.0,), _odd(math.log(2 + 3**0.5)))),
    jax.nn.softplus: Turns(((), (), (0.0,))),
    gelu: Turns(((-0.7517915246935645,), _odd(2**0.5), (-2.0, 0.0, 2.0))),
    jax.nn.silu: Turns(
        (
            (-1.2784645427610738,),
            _odd(2.3993572805154677),
            (-3.4358409935351107, 0.0, 3.4358409935351107),
        )
    ),
    jnp.sin: Turns((_odd(math.pi / 2), (0.0, math.pi), _odd(math.pi / 2)), period=2 * math.pi),
}
ROUNDING = 64  # the error of a computed value, over eps times the larger one of 1 and its size

Pre = Float[Array, "*width"]


def activation_range(activation: Activation, order: int, low: Pre, high: Pre) -> tuple[Pre, Pre]:
    """Lower and upper bounds of a derivative of σ over intervals, rounding included.

    They are the extremes at the ends and at the turns within.

    Args:
        activation: σ, one of `TURNS`.
        order: 0 for σ, 1 for σ', 2 for σ''.
        low: where the intervals begin.
        high: where they end.

    Raises:
        ValueError: for another activation.

    Example:
        >>> low, high = activation_range(jax.nn.softplus, 2, -jnp.ones(1), 2 * jnp.ones(1))
        >>> round(float(low[0]), 3), round(float(high[0]), 3)
        (0.105, 0.25)
    """
    check_activation(activation)
    turns = TURNS[activation]
    derivative = activation
    for _ in range(order):
        derivative = slope_of(derivative)
    values = [derivative(low), derivative(high)]
    for turn in turns.points[order]:
        # At a turn whose repetition is within, a function with a period has the same value.
        value = derivative(jnp.full_like(low, turn))
        values.append(jnp.where(_contains(low, high, turn, turns.period), value, values[0]))
    every = jnp.stack(values)
    slack = ROUNDING * jnp.finfo(low.dtype).eps * jnp.maximum(1, jnp.abs(every).max(axis=0))
    return every.min(axis=0) - slack, every.max(axis=0) + slack


def check_activation(activation: Activation) -> None:
    """Refuse an activation whose derivatives have no known bounds.

    Raises:
        ValueError: names those that have.
    """
    if activation not in TURNS:
        names = ", ".join(getattr(known, "__name__", repr(known)) for known in TURNS)
        name = getattr(activation, "__name__", repr(activation))
        raise ValueError(f"activation: {name!r} has no known bounds of σ''; these have: {names}")


def _contains(low: Pre, high: Pre, point: float, period: float) -> Bool[Array, "*width"]:
    """Whether intervals contain a point, or one that is a number of periods away."""
    if math.isinf(period):
        return (low <= point) & (point <= high)
    return jnp.floor((high - point) / period) >= jnp.ceil((low - point) / period)
