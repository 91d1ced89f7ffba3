"""Random points of sets of perturbations, where ascents start."""

import math
from typing import Protocol, cast, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxadv.problems.checks import offers
from jaxadv.problems.constraints import Constraint
from jaxadv.problems.uniform import uniform_in_ball


@runtime_checkable
class Sampled(Protocol):
    """A `Constraint` that can draw a random point; all sets of jaxadv can but `L2BallInBox`."""

    def random_point(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "*shape"]:
        """A point that is uniform in the set, in single precision."""
        ...


def random_start(
    constraint: Constraint, key: Key[Array, ""], shape: tuple[int, ...]
) -> Float[Array, "*shape"]:
    """A random point of a set.

    It is uniform in the set, for sets that offer `Sampled.random_point`. For others it is uniform
    in the ball about 0 that has their circumradius, and then projected.

    Args:
        constraint: the set.
        key: what the point is drawn from.
        shape: of a perturbation.

    Example:
        >>> import jax
        >>> import jaxadv as ja
        >>> random_start(ja.LInfBall(0.1), jax.random.key(0), (2, 2)).shape
        (2, 2)
    """
    if offers(constraint, Sampled):
        return cast(Sampled, constraint).random_point(key, shape)
    size = math.prod(shape)
    radius = jnp.asarray(constraint.circumradius(size), jnp.float32)
    return constraint.project(radius * uniform_in_ball(key, size).reshape(shape))
