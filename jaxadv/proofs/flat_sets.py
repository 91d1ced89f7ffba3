"""Sets of perturbations for inputs that are vectors, and simple sets that hold them."""

import dataclasses
from typing import Any, TypeGuard

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxadv.problems.ball_in_box import L2BallInBox
from jaxadv.problems.boxes import Box, LInfBall
from jaxadv.problems.constraints import Constraint
from jaxadv.problems.l1_ball import L1Ball
from jaxadv.problems.round_sets import L2Ball, L2Sphere
from jaxadv.proofs.rounding import SAFETY
from jaxadv.pytrees import pytree, static

# Sets that hold all changes of the signs of the entries of their points.
SYMMETRIC = (L2Ball, L2Sphere, LInfBall, L1Ball)


def is_round(constraint: Any) -> TypeGuard[L2Ball | L2Sphere]:
    """Whether a set is a ball or sphere of the package; a user's subclass may be another set."""
    return type(constraint) in (L2Ball, L2Sphere)


def is_box(constraint: Any) -> TypeGuard[Box | LInfBall]:
    """Whether a set is a box of the package."""
    return type(constraint) in (Box, LInfBall)


@pytree
class Flattened:
    """A user's set, for perturbations whose entries are given in a row."""

    constraint: Constraint
    shape: tuple[int, ...] = static()

    def frank_wolfe_gap(
        self, delta: Float[Array, " dim"], gradient: Float[Array, " dim"]
    ) -> Float[Array, ""]:
        """The gap of the set, for the entries in its own shape."""
        delta, gradient = (each.reshape(self.shape) for each in (delta, gradient))
        return self.constraint.frank_wolfe_gap(delta, gradient)


def flattened(constraint: Any, shape: tuple[int, ...]) -> Any:
    """A set of perturbations of some shape, for perturbations whose entries are given in a row."""
    if type(constraint) in (Box, L2BallInBox):
        bounds = (jnp.asarray(bound) for bound in (constraint.lower, constraint.upper))
        lower, upper = (bound.ravel() if bound.ndim else bound for bound in bounds)
        return dataclasses.replace(constraint, lower=lower, upper=upper)
    if type(constraint) in SYMMETRIC:
        return constraint
    return Flattened(constraint, shape)


def symmetric_hull(constraint: Any) -> Any:
    """A set that holds all points of a set, also after changes of the signs of their entries.

    Raises:
        TypeError: for a set of the user's own.

    Example:
        >>> symmetric_hull(Box(-1.0, 2.0)).radius.tolist()
        2.0
    """
    if type(constraint) is Box:
        largest = jnp.maximum(jnp.abs(constraint.lower), jnp.abs(constraint.upper))
        return Box(-largest, largest) if largest.ndim else LInfBall(largest)
    if type(constraint) is L2BallInBox:
        return L2Ball(constraint.radius)
    if type(constraint) in SYMMETRIC:
        return constraint
    kind = type(constraint).__name__
    raise TypeError(f"constraint: bounds are known for the built-in sets, not for {kind}")


def bounds_of(
    box: Box | LInfBall, x: Float[Array, " dim"]
) -> tuple[Float[Array, " dim"], Float[Array, " dim"]]:
    """The lower and upper bound of each entry of a perturbation, in the precision of the input."""
    return box.bounds(jnp.zeros_like(x))


def recentred(x: Float[Array, " dim"], constraint: Any) -> tuple[Float[Array, " dim"], Any]:
    """The same points x + δ with a box about its middle; other sets stay as they are.

    The box is larger by what rounding may hide.
    """
    if type(constraint) is not Box:
        return x, constraint
    lower, upper = bounds_of(constraint, x)
    reach = (upper - lower) / 2 + box_slack(lower, upper)
    return x + (lower + upper) / 2, Box(-reach, reach)


def box_slack(lower: Float[Array, " dim"], upper: Float[Array, " dim"]) -> Float[Array, " dim"]:
    """What rounding may add to the middle and to half of the width of a box."""
    return SAFETY * jnp.finfo(lower.dtype).eps * (jnp.abs(lower) + jnp.abs(upper))
