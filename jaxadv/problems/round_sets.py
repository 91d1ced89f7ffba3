"""The L2 ball and its boundary, the L2 sphere, both about 0.

Their projections differ from optax's, which the tests compare them with: no NaN at 0 and at radius
0, no squares that overflow in float32, and points of the set stay as they are, bit for bit. Norms
are what a step of ascent costs beside its two matrix products, hence their economy.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, ScalarLike

from jaxadv.problems.ball_in_box import L2BallInBox
from jaxadv.problems.boxes import Bound
from jaxadv.problems.checks import check_number
from jaxadv.problems.faces import RoundFace
from jaxadv.problems.norms import entry_scale, inner, is_zero, l2_norm, over, rounding
from jaxadv.problems.uniform import uniform_in_ball
from jaxadv.pytrees import pytree


@pytree
class _Round:
    """The common part of a ball and a sphere about 0."""

    radius: ScalarLike

    def __post_init__(self) -> None:
        check_number("radius", self.radius, positive=False)

    @classmethod
    def of_circumradius(cls, circumradius: ScalarLike, dim: int) -> Any:
        """The set with this circumradius, in ``dim`` dimensions."""
        del dim
        return cls(circumradius)

    def circumradius(self, dim: int) -> ScalarLike:
        """The radius itself, for every ``dim``."""
        del dim
        return self.radius

    def frank_wolfe_gap(
        self, delta: Float[Array, "*shape"], gradient: Float[Array, "*shape"]
    ) -> Float[Array, ""]:
        """radius·‖g‖₂ − ⟨δ, g⟩."""
        return jnp.asarray(self.radius) * l2_norm(gradient) - inner(delta, gradient)

    def active(self, delta: Float[Array, "*shape"], slack: float) -> Bool[Array, ""]:
        """Whether ‖δ‖₂ is the radius, up to a relative error of ``slack``.

        Source: docs/theory.md, section 3.3.
        """
        return l2_norm(delta, unit=self.radius) >= self.radius * (1 - slack)


@pytree
class L2Ball(_Round):
    """{δ : ‖δ‖₂ ≤ radius}.

    Example:
        >>> L2Ball(1.0).project(jnp.array([3.0, 4.0])).tolist()
        [0.6000000238418579, 0.800000011920929]
    """

    def project(self, delta: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """δ·min(1, radius/‖δ‖); a point inside, or outside by rounding only, stays bit for bit.

        Entries beyond 1e18 radii (in float32, at dim 16) count as so many.
        """
        radius = jnp.asarray(self.radius, delta.dtype)
        unit = entry_scale(radius)
        most = float(jnp.finfo(delta.dtype).max) ** 0.5 / delta.size
        scaled = jnp.clip(delta / unit, -most, most)
        norm = l2_norm(scaled, unit=1.0)
        outside = unit * norm > radius * (1 + rounding(delta.size, delta.dtype))
        outside |= is_zero(radius)
        nearest = radius * (scaled / jnp.where(norm == 0, 1, norm))
        return jnp.where(outside, nearest, delta)

    def tangent(
        self, delta: Float[Array, "*shape"], vector: Float[Array, "*shape"]
    ) -> Float[Array, "*shape"]:
        """All of v: the ball has an interior."""
        del delta
        return vector

    def random_point(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "*shape"]:
        """A point uniform in the ball, in single precision."""
        return jnp.asarray(self.radius) * uniform_in_ball(key, math.prod(shape)).reshape(shape)

    def within(self, lower: Bound, upper: Bound) -> L2BallInBox:
        """The part of the ball between bounds of each entry."""
        return L2BallInBox(self.radius, lower, upper)

    def face(self, delta: Float[Array, "*shape"], active: Bool[Array, ""]) -> RoundFace:
        """The sphere on the boundary, all of space in the interior."""
        return RoundFace(delta, active, self.radius)


@pytree
class L2Sphere(_Round):
    """{δ : ‖δ‖₂ = radius}, the ball's boundary; the gap is the same as the ball's.

    Example:
        >>> L2Sphere(5.0).project(jnp.array([0.6, 0.8])).tolist()
        [3.0, 4.0]
    """

    def project(self, delta: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """δ·radius/‖δ‖; every point is nearest to δ = 0, and radius·e₁ is returned there."""
        radius = jnp.asarray(self.radius, delta.dtype)
        # δ/‖δ‖ and ‖δ‖ from one search of the largest entry and one sum.
        unit = entry_scale(delta)
        scaled = delta / unit
        scaled_norm = l2_norm(scaled, unit=1.0)
        direction = scaled / jnp.where(scaled_norm == 0, 1, scaled_norm)
        norm = unit * scaled_norm
        on_sphere = jnp.abs(norm - radius) <= radius * rounding(delta.size, delta.dtype)
        pole = jnp.zeros(delta.size, delta.dtype).at[0].set(1).reshape(delta.shape)
        nearest = radius * jnp.where(is_zero(norm), pole, direction)
        return jnp.where(on_sphere, delta, nearest)

    def tangent(
        self, delta: Float[Array, "*shape"], vector: Float[Array, "*shape"]
    ) -> Float[Array, "*shape"]:
        """The part v − n⟨n, v⟩, n = δ/‖δ‖."""
        return self.face(delta, jnp.bool_(True)).tangent(vector)

    def random_point(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "*shape"]:
        """A point uniform on the sphere, in single precision."""
        normal = jax.random.normal(key, shape, jnp.float32)
        return self.project(jnp.asarray(self.radius) * over(normal, l2_norm(normal)))

    def face(self, delta: Float[Array, "*shape"], active: Bool[Array, ""]) -> RoundFace:
        """The sphere itself."""
        return RoundFace(delta, active, self.radius, is_surface=True)
