"""Faces of a constraint set: the surfaces on which its active constraints stay active."""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, ScalarLike

from jaxadv.problems.norms import inner, l2_norm, over
from jaxadv.pytrees import pytree, static


@runtime_checkable
class Face(Protocol):
    """The surface through a point δ on which the constraints that are active at δ stay active.

    The second-order condition of a maximum on it reads ⟨v, H v⟩ < λ‖v‖² for all tangent v ≠ 0
    (docs/theory.md, section 4.1), with λ = 0 on flat faces and in the interior.
    """

    def tangent(self, vector: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The part of v along which δ can move on the face, to first order."""
        ...

    def multiplier(self, gradient: Float[Array, "*shape"]) -> Float[Array, ""]:
        """λ: the force ⟨g, n⟩ on the face times its curvature, in units of loss per δ²."""
        ...

    def complementarity(self, gradient: Float[Array, "*shape"]) -> Float[Array, ""]:
        """How strongly g holds δ on the face, in the unit of λ.

        Positive where the loss falls from the face into the set, negative where it rises, and inf
        where δ cannot leave the face (in the interior, and on a set that is a surface).
        """
        ...

    def retract(self, point: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The nearest point of the face to a point close to it."""
        ...


@pytree
class RoundFace:
    """A sphere about 0 through δ where ``active``; elsewhere all of space.

    Attributes:
        delta: δ.
        active: whether δ counts as a point of the sphere.
        radius: the radius of the sphere.
        is_surface: whether the set is only the sphere, so that no point can leave it.
    """

    delta: Float[Array, "*shape"]
    active: Bool[Array, ""]
    radius: ScalarLike
    is_surface: bool = static(default=False)

    def tangent(self, vector: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The part v − n⟨n, v⟩ on the sphere, n = δ/‖δ‖; all of v elsewhere."""
        normal = jnp.where(self.active, over(self.delta, l2_norm(self.delta)), 0)
        return vector - normal * inner(normal, vector)

    def multiplier(self, gradient: Float[Array, "*shape"]) -> Float[Array, ""]:
        """λ = ⟨g, δ⟩/‖δ‖² on the sphere, 0 elsewhere."""
        multiplier = over(inner(gradient, self.delta), inner(self.delta, self.delta))
        return jnp.where(self.active, multiplier, 0)

    def complementarity(self, gradient: Float[Array, "*shape"]) -> Float[Array, ""]:
        """λ on the boundary of a ball, inf elsewhere."""
        is_free = ~self.active | self.is_surface
        return jnp.where(is_free, jnp.inf, self.multiplier(gradient))

    def retract(self, point: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """radius·δ/‖δ‖ on the sphere; the point itself elsewhere."""
        on_sphere = jnp.asarray(self.radius) * over(point, l2_norm(point))
        return jnp.where(self.active, on_sphere, point)
