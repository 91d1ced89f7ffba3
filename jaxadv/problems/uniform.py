"""Uniform draws from the unit ball."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxadv.problems.norms import l2_norm


def uniform_in_ball(key: Key[Array, ""], dim: int) -> Float[Array, " dim"]:
    """A point uniform in the unit ball: a uniform direction at the radius U^(1/dim).

    (`jax.random.ball` has the same distribution, but takes seconds to compile for every shape:
    it serves all p-norms, by way of the gamma distribution.)

    Example:
        >>> bool(l2_norm(uniform_in_ball(jax.random.key(0), 3)) <= 1)
        True
    """
    direction_key, radius_key = jax.random.split(key)
    normal = jax.random.normal(direction_key, (dim,), jnp.float32)
    radius = jax.random.uniform(radius_key, (), jnp.float32) ** (1 / dim)
    return normal / l2_norm(normal) * radius
