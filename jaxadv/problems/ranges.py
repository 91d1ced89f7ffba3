"""Perturbations that keep an input in a range, such as pixels between 0 and 1."""

from typing import Any, Protocol, cast, runtime_checkable

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float, ScalarLike

from jaxadv.problems.checks import as_floats, check_scalar, offers
from jaxadv.problems.constraints import Constraint


@runtime_checkable
class Boundable(Protocol):
    """A `Constraint` that can be cut with a box."""

    def within(self, lower: Float[Array, "*shape"], upper: Float[Array, "*shape"]) -> Constraint:
        """The part of the set between a lower and an upper bound of each entry."""
        ...


def in_range(constraint: Any, x: Any, low: ScalarLike = 0.0, high: ScalarLike = 1.0) -> Constraint:
    """The perturbations of a set that keep all entries of x + δ between ``low`` and ``high``.

    The result is a `Box` for boxes, and an `L2BallInBox` for L2 balls.

    Args:
        constraint: a set with the method ``within(lower, upper)``: an `L2Ball`, an `LInfBall`, a
            `Box`, an `L2BallInBox`, or one of your own.
        x: the input.
        low: the least value of an entry.
        high: the largest value of an entry.

    Raises:
        TypeError: for a set without the method, or an input or bounds that are no numbers.
        ValueError: for an input that is not in the range itself.

    Example:
        >>> import jaxadv as ja
        >>> box = in_range(ja.LInfBall(0.25), jnp.array([0.0, 0.5, 1.0]))
        >>> box.lower.tolist(), box.upper.tolist()
        ([0.0, -0.25, -0.25], [0.25, 0.25, 0.0])
    """
    if not offers(constraint, Boundable):
        raise TypeError(
            f"constraint: {constraint!r} has no method 'within', which keeps inputs in a range; "
            "ja.L2Ball, ja.LInfBall, ja.Box and ja.L2BallInBox have one"
        )
    x = as_floats("x", x)
    for name, bound in (("low", low), ("high", high)):
        check_scalar(name, bound)
    lower, upper = low - x, high - x
    if not isinstance(lower + upper, Tracer | jax.ShapeDtypeStruct) and x.size:
        least, most = float(jnp.min(x)), float(jnp.max(x))
        if not (jnp.max(lower) <= 0 <= jnp.min(upper)):
            raise ValueError(
                f"x: has entries from {least:g} to {most:g}, which are not between {low} and {high}"
            )
    return cast(Boundable, constraint).within(lower, upper)


def check_in_range(name: str, inputs: Any, bounds: tuple[float, float] | None) -> None:
    """Refuse inputs with entries out of bounds.

    Raises:
        ValueError: if there are any; names the least and the largest entry.
    """
    if bounds is None:
        return
    low, high = bounds
    least, most = float(inputs.min()), float(inputs.max())
    if least < low or most > high:
        raise ValueError(
            f"{name}: has entries from {least:g} to {most:g}, which are not between {low:g} and "
            f"{high:g}"
        )


def as_range(bounds: Any) -> tuple[float, float] | None:
    """Bounds of x + δ as two numbers; None for none.

    Raises:
        TypeError: for what is not two numbers.
        ValueError: if the first is not below the second.

    Example:
        >>> as_range([0, 1])
        (0.0, 1.0)
    """
    if bounds is None:
        return None
    try:
        low, high = map(float, bounds)
    except (TypeError, ValueError) as error:
        raise TypeError(f"bounds: {bounds!r} must be two numbers, such as (0, 1)") from error
    if not low < high:
        raise ValueError(f"bounds: {low:g} must lie below {high:g}")
    return low, high
