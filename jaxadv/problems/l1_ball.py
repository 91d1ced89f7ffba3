"""The L1 ball: perturbations that change few entries much."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, ScalarLike
from optax import projections

from jaxadv.problems.checks import check_number
from jaxadv.problems.norms import inner, is_zero, rounding
from jaxadv.pytrees import pytree


@pytree
class L1Ball:
    """{δ : Σ_i |δ_i| ≤ radius}. Its faces are not known to `certify`.

    Example:
        >>> L1Ball(1.0).project(jnp.array([3.0, -2.5])).tolist()
        [0.75, -0.25]
    """

    radius: ScalarLike

    def __post_init__(self) -> None:
        check_number("radius", self.radius, positive=False)

    @classmethod
    def of_circumradius(cls, circumradius: ScalarLike, dim: int) -> "L1Ball":
        """The ball whose corners are at ``circumradius``, in ``dim`` dimensions."""
        del dim
        return cls(circumradius)

    def project(self, delta: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """sign(δ_i)·max(|δ_i| − θ, 0), with the θ at which the absolute values add up to radius.

        A point inside, or outside by rounding only, stays bit for bit.
        """
        radius = jnp.asarray(self.radius, delta.dtype)
        entries = jnp.abs(delta).ravel()
        outside = jnp.sum(entries) > radius * (1 + rounding(delta.size, delta.dtype))
        outside |= is_zero(radius)
        # The simplex of sum 1. A shift of all entries changes nothing, and those that lie more than
        # a radius below the largest become 0: so far points lose no digits.
        below = (entries - jnp.max(entries)) / jnp.where(is_zero(radius), 1, radius)
        shares = projections.projection_simplex(jnp.maximum(below, -1))
        nearest = jnp.sign(delta) * radius * shares.reshape(delta.shape)
        return jnp.where(outside, nearest, delta)

    def tangent(
        self, delta: Float[Array, "*shape"], vector: Float[Array, "*shape"]
    ) -> Float[Array, "*shape"]:
        """All of v: the ball has an interior."""
        del delta
        return vector

    def circumradius(self, dim: int) -> ScalarLike:
        """The radius itself, for every ``dim``."""
        del dim
        return self.radius

    def frank_wolfe_gap(
        self, delta: Float[Array, "*shape"], gradient: Float[Array, "*shape"]
    ) -> Float[Array, ""]:
        """radius·max_i |g_i| − ⟨δ, g⟩."""
        return jnp.asarray(self.radius) * jnp.max(jnp.abs(gradient)) - inner(delta, gradient)

    def active(self, delta: Float[Array, "*shape"], slack: float) -> Bool[Array, ""]:
        """Whether Σ_i |δ_i| is the radius, up to a relative error of ``slack``."""
        return jnp.sum(jnp.abs(delta)) >= self.radius * (1 - slack)

    def random_point(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "*shape"]:
        """A point uniform in the ball: exponential variables over their sum and one more.

        Source: the first d of d + 1 uniform spacings are uniform in the simplex below 1.
        """
        sizes_key, last_key, signs_key = jax.random.split(key, 3)
        sizes = jax.random.exponential(sizes_key, shape, jnp.float32)
        last = jax.random.exponential(last_key, (), jnp.float32)
        signs = jax.random.rademacher(signs_key, shape, jnp.float32)
        return jnp.asarray(self.radius) * signs * sizes / (jnp.sum(sizes) + last)
