"""The sets that a perturbation may not leave: projections, circumradii, Frank-Wolfe gaps, faces.

The projections on L2 sets differ from optax's, which the tests compare them with: no NaN at 0 and
at radius 0, no squares that overflow in float32, and points of the set stay as they are, bit for
bit. Norms are what a step of ascent costs beside its two matrix products, hence their economy.
"""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, ScalarLike
from optax import projections

from jaxadv.problems.checks import check_number
from jaxadv.problems.faces import Face, RoundFace
from jaxadv.problems.names import Function, resolve
from jaxadv.problems.norms import entry_scale, inner, is_zero, l2_norm, rounding
from jaxadv.pytrees import pytree


@runtime_checkable
class Constraint(Protocol):
    """A closed set of perturbations δ, which have the shape of the input.

    **A set of your own** is any object with these five methods: project, tangent, circumradius,
    frank_wolfe_gap and active. If its class is registered as a pytree, `jax.vmap` can batch its
    numbers. It needs no radius, and it need not be symmetric about 0. Certificates use
    `CertifiableConstraint.face` as well.

    Example:
        Only the pixels of a mask may change, in a ball:

        >>> import dataclasses
        >>> import jax, jax.numpy as jnp, jaxadv as ja
        >>> @jax.tree_util.register_dataclass
        ... @dataclasses.dataclass(frozen=True)
        ... class MaskedBall:
        ...     ball: ja.L2Ball
        ...     mask: jax.Array
        ...
        ...     def project(self, delta):
        ...         return self.ball.project(self.mask * delta)
        ...
        ...     def tangent(self, delta, vector):
        ...         return self.mask * vector
        ...
        ...     def circumradius(self, dim):
        ...         return self.ball.circumradius(dim)
        ...
        ...     def frank_wolfe_gap(self, delta, gradient):
        ...         return self.ball.frank_wolfe_gap(delta, self.mask * gradient)
        ...
        ...     def active(self, delta, slack):
        ...         return self.ball.active(delta, slack)
        >>> some = MaskedBall(ja.L2Ball(1.0), jnp.array([1.0, 1.0, 0.0]))
        >>> prob = ja.Problem(jnp.sum, x=[1.0, 1.0, 1.0], y=0.0, constraint=some)
        >>> ja.ascend(prob, jnp.zeros(3), ja.PGA()).perturbation.round(3).tolist()
        [0.7070000171661377, 0.7070000171661377, 0.0]
    """

    def project(self, delta: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """P(δ), the nearest point of the set in the Euclidean norm."""
        ...

    def tangent(
        self, delta: Float[Array, "*shape"], vector: Float[Array, "*shape"]
    ) -> Float[Array, "*shape"]:
        """The part of v in the set's tangent space at δ: all of v where the set has an interior."""
        ...

    def circumradius(self, dim: int) -> ScalarLike:
        """The radius of the smallest Euclidean ball that holds the set, for ``dim`` entries."""
        ...

    def frank_wolfe_gap(
        self, delta: Float[Array, "*shape"], gradient: Float[Array, "*shape"]
    ) -> Float[Array, ""]:
        """Max ⟨z − δ, g⟩ over z in the set, in units of the loss (FOSC in Wang et al. 2019)."""
        ...

    def active(self, delta: Float[Array, "*shape"], slack: float) -> Bool[Array, "..."]:
        """Which of the constraints that define the set hold with equality at δ.

        One flag for each constraint; a point is on the boundary where any of them is set.
        ``slack`` is the relative error that counts as equality (`rounding`).
        """
        ...


@runtime_checkable
class CertifiableConstraint(Constraint, Protocol):
    """A `Constraint` that says what its faces are, so that `certify` and `polish` can use it.

    A face is an object with the methods of `Face`. On a flat face, such as a box's, ``multiplier``
    is 0, ``tangent`` drops the entries that are active, ``retract`` puts them on their bounds, and
    ``complementarity`` is the least outward part of g among them over the circumradius, inf where
    none is active. `RoundFace` serves all sets whose boundary is a sphere about 0.
    """

    def face(self, delta: Float[Array, "*shape"], active: Bool[Array, "..."]) -> Face:
        """The face through δ on which the ``active`` constraints hold with equality."""
        ...


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

    def face(self, delta: Float[Array, "*shape"], active: Bool[Array, ""]) -> RoundFace:
        """The sphere itself."""
        return RoundFace(delta, active, self.radius, is_surface=True)


@pytree
class LInfBall:
    """{δ : max_i |δ_i| ≤ radius}.

    Example:
        >>> LInfBall(1.0).project(jnp.array([3.0, -0.5])).tolist()
        [1.0, -0.5]
    """

    radius: ScalarLike

    def __post_init__(self) -> None:
        check_number("radius", self.radius, positive=False)

    @classmethod
    def of_circumradius(cls, circumradius: ScalarLike, dim: int) -> Constraint:
        """The box whose corners are at ``circumradius``.

        Example:
            >>> LInfBall.of_circumradius(2.0, dim=4)
            LInfBall(radius=1.0)
        """
        return cls(circumradius / dim**0.5)

    def project(self, delta: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Each δ_i clipped to ±radius."""
        return projections.projection_linf_ball(delta, self.radius)

    def tangent(
        self, delta: Float[Array, "*shape"], vector: Float[Array, "*shape"]
    ) -> Float[Array, "*shape"]:
        """All of v: the box has an interior."""
        del delta
        return vector

    def circumradius(self, dim: int) -> ScalarLike:
        """radius·√dim, the distance of the box's corners."""
        return self.radius * dim**0.5

    def frank_wolfe_gap(
        self, delta: Float[Array, "*shape"], gradient: Float[Array, "*shape"]
    ) -> Float[Array, ""]:
        """radius·‖g‖₁ − ⟨δ, g⟩."""
        return jnp.asarray(self.radius) * jnp.sum(jnp.abs(gradient)) - inner(delta, gradient)

    def active(self, delta: Float[Array, "*shape"], slack: float) -> Bool[Array, "*shape"]:
        """For each entry whether |δ_i| is the radius, up to a relative error of ``slack``."""
        return jnp.abs(delta) >= self.radius * (1 - slack)


# The built-in sets by name.
CONSTRAINTS: Mapping[str, Any] = {"l2-ball": L2Ball, "l2-sphere": L2Sphere, "linf-ball": LInfBall}


def constraint_of(kind: Function, circumradius: ScalarLike, dim: int) -> Constraint:
    """A set of some kind with a given circumradius.

    Args:
        kind: a name of `CONSTRAINTS`, one of its classes, a function (circumradius, dim), or a
            reference to one.
        circumradius: the distance of the set's farthest point from 0.
        dim: the number of entries of a perturbation.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> constraint_of("linf-ball", 2.0, dim=4)
        LInfBall(radius=1.0)
    """
    make = resolve("constraint", kind, CONSTRAINTS)
    return getattr(make, "of_circumradius", make)(circumradius, dim)


def on_boundary(
    constraint: Constraint, delta: Float[Array, "*shape"], slack: float
) -> Bool[Array, ""]:
    """Whether any constraint is active at δ, up to a relative error of ``slack``.

    With `rounding` at the precision of δ this is the condition for `boundary_step`
    (docs/theory.md, section 3.3).

    Example:
        >>> bool(on_boundary(L2Ball(1.0), jnp.array([0.6, 0.8]), slack=1e-6))
        True
    """
    return jnp.any(constraint.active(delta, slack))
