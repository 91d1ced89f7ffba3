"""Faces of a constraint set: the surfaces on which its active constraints stay active."""

from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, ScalarLike

from jaxadv.problems.norms import inner, l2_norm, over
from jaxadv.pytrees import pytree, static


@runtime_checkable
class Face(Protocol):
    """The surface through a point δ on which the constraints that are active at δ stay active.

    The second-order condition of a maximum on it reads ⟨v, H v⟩ < λ‖v‖² for all tangent v ≠ 0
    (docs/theory.md, section 4.1), with λ = 0 on flat faces and in the interior.

    The face of a set of your own that is a box in some coordinates can be a `FlatFace`.
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

    @property
    def num_free(self) -> Int[Array, ""]:
        """The dimension of the sphere, or of all of space."""
        return self.delta.size - self.active.astype(jnp.int32)

    def retract(self, point: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """radius·δ/‖δ‖ on the sphere; the point itself elsewhere."""
        on_sphere = jnp.asarray(self.radius) * over(point, l2_norm(point))
        return jnp.where(self.active, on_sphere, point)


@pytree
class FlatFace:
    """The face of a box through δ on which its active entries stay at their bounds.

    Attributes:
        delta: δ.
        active: which entries are at a bound; entries whose bounds are equal are not among them.
        lower: the lower bounds, in the shape of δ.
        upper: the upper bounds, likewise.
    """

    delta: Float[Array, "*shape"]
    active: Bool[Array, "*shape"]
    lower: Float[Array, "*shape"]
    upper: Float[Array, "*shape"]

    @property
    def _free(self) -> Bool[Array, "*shape"]:
        return ~self.active & (self.lower < self.upper)

    @property
    def _outward(self) -> Float[Array, "*shape"]:
        """1 where δ is at its upper bound or close to it, −1 elsewhere."""
        return jnp.where(self.upper - self.delta < self.delta - self.lower, 1.0, -1.0)

    @property
    def circumradius(self) -> Float[Array, ""]:
        """That of the box, half of its diagonal."""
        return 0.5 * l2_norm(self.upper - self.lower)

    @property
    def is_flat(self) -> bool:
        """It is."""
        return True

    def tangent(self, vector: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """All of v but for the entries that are active or fixed."""
        return jnp.where(self._free, vector, 0)

    @property
    def num_free(self) -> Int[Array, ""]:
        """The number of entries that are neither active nor fixed."""
        return jnp.sum(self._free, dtype=jnp.int32)

    def multiplier(self, gradient: Float[Array, "*shape"]) -> Float[Array, ""]:
        """0: the face does not curve."""
        return jnp.zeros((), gradient.dtype)

    def complementarity(self, gradient: Float[Array, "*shape"]) -> Float[Array, ""]:
        """The least outward entry of g among the active ones, over ε; inf where none is active."""
        return self.least_outward(gradient) / self.circumradius

    def least_outward(self, gradient: Float[Array, "*shape"]) -> Float[Array, ""]:
        """The least outward entry of g among the active ones; inf where none is active."""
        return jnp.min(jnp.where(self.active, self._outward * gradient, jnp.inf))

    def pressure(self, gradient: Float[Array, "*shape"]) -> Float[Array, ""]:
        """The mean of |g_i| over the active entries, over ε; 0 where none is active."""
        total = jnp.sum(jnp.where(self.active, jnp.abs(gradient), 0))
        return over(over(total, jnp.sum(self.active)), self.circumradius)

    def retract(self, point: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The point with its active entries at their bounds, and its fixed ones as well."""
        bound = jnp.where(self._outward > 0, self.upper, self.lower)
        return jnp.where(self.active | (self.lower >= self.upper), bound, point)


@pytree
class CutFace:
    """A face of the part of a ball that lies in a box.

    Some entries stay at their bounds, and where ``on_sphere`` the others stay on the sphere.

    Attributes:
        flat: the face of the box alone.
        on_sphere: whether δ counts as a point of the sphere.
        radius: of the sphere.
    """

    flat: FlatFace
    on_sphere: Bool[Array, ""]
    radius: Float[Array, ""]

    @property
    def is_flat(self) -> Bool[Array, ""]:
        """Whether only bounds hold δ."""
        return ~self.on_sphere

    @property
    def _free_part(self) -> Float[Array, "*shape"]:
        return self.flat.tangent(self.flat.delta)

    @property
    def _circumradius(self) -> Float[Array, ""]:
        return jnp.minimum(self.radius, self.flat.circumradius)

    def tangent(self, vector: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The free entries of v, and on the sphere no more than their part orthogonal to δ."""
        part = self._free_part
        normal = jnp.where(self.on_sphere, over(part, l2_norm(part)), 0)
        vector = self.flat.tangent(vector)
        return vector - normal * inner(normal, vector)

    @property
    def num_free(self) -> Int[Array, ""]:
        """The number of free entries, on the sphere one less."""
        has_normal = self.on_sphere & (l2_norm(self._free_part) > 0)
        return self.flat.num_free - has_normal.astype(jnp.int32)

    def multiplier(self, gradient: Float[Array, "*shape"]) -> Float[Array, ""]:
        """λ = ⟨g, δ⟩/‖δ‖² over the free entries on the sphere, 0 elsewhere.

        It is 0 as well where no entry is free: bounds alone hold δ then, and g does not tell how
        much of it is the sphere's.
        """
        part = self._free_part
        multiplier = over(inner(gradient, part), inner(part, part))
        return jnp.where(self.on_sphere, multiplier, 0)

    def complementarity(self, gradient: Float[Array, "*shape"]) -> Float[Array, ""]:
        """The smaller one of λ, on the sphere, and the least outward entry of g − λδ, over ε."""
        multiplier = self.multiplier(gradient)
        at_bounds = self.flat.least_outward(gradient - multiplier * self.flat.delta)
        held = jnp.where(self.on_sphere, multiplier, jnp.inf)
        return jnp.minimum(held, at_bounds / self._circumradius)

    def pressure(self, gradient: Float[Array, "*shape"]) -> Float[Array, ""]:
        """λ on the sphere, elsewhere the mean of |g_i|/ε over the entries at bounds."""
        mean = self.flat.pressure(gradient) * self.flat.circumradius / self._circumradius
        return jnp.where(self.on_sphere, self.multiplier(gradient), mean)

    def retract(self, point: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Entries at their bounds; on the sphere the free ones scaled so that the norm is right."""
        held = self.flat.retract(point)
        free = self.flat.tangent(held)
        square = jnp.asarray(self.radius) ** 2 - inner(held - free, held - free)
        scaled = jnp.sqrt(jnp.maximum(square, 0)) * over(free, l2_norm(free))
        return jnp.where(self.on_sphere, held - free + scaled, held)


def is_flat(face: Face) -> Bool[Array, ""] | bool:
    """Whether a face does not curve because bounds of entries alone hold δ."""
    return getattr(face, "is_flat", False)


def pressure(face: Any, gradient: Float[Array, "*shape"]) -> Float[Array, ""]:
    """How strongly g presses δ on a face: λ on a sphere, the mean of |g_i|/ε in a box."""
    has_pressure = hasattr(face, "pressure")
    return face.pressure(gradient) if has_pressure else face.multiplier(gradient)


def num_free(face: Any, delta: Float[Array, "*shape"]) -> Int[Array, ""]:
    """The dimension of a face: the trace of the projection on its tangent space."""
    if hasattr(face, "num_free"):
        return face.num_free

    def entry(index: Int[Array, ""]) -> Float[Array, ""]:
        vector = jnp.zeros(delta.size, delta.dtype).at[index].set(1).reshape(delta.shape)
        return face.tangent(vector).ravel()[index]

    trace = jnp.sum(lax.map(entry, jnp.arange(delta.size)))
    return jnp.round(trace).astype(jnp.int32)
