"""The sets that a perturbation may not leave: what they must offer, and their names."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, ScalarLike

from jaxadv.problems.boxes import LInfBall
from jaxadv.problems.checks import offers
from jaxadv.problems.faces import Face, FlatFace, RoundFace
from jaxadv.problems.l1_ball import L1Ball
from jaxadv.problems.names import Function, resolve
from jaxadv.problems.round_sets import L2Ball, L2Sphere


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

    A face is an object with the methods of `Face`. `RoundFace` serves all sets whose boundary is a
    sphere about 0, and `FlatFace` all sets that bound each entry by itself.
    """

    def face(self, delta: Float[Array, "*shape"], active: Bool[Array, "..."]) -> Face:
        """The face through δ on which the ``active`` constraints hold with equality."""
        ...


# The built-in sets by name.
CONSTRAINTS: Mapping[str, Any] = {
    "l2-ball": L2Ball,
    "l2-sphere": L2Sphere,
    "linf-ball": LInfBall,
    "l1-ball": L1Ball,
}


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


def is_round(constraint: Constraint, shape: int | tuple[int, ...]) -> bool:
    """Whether the boundary of a set is a sphere about 0.

    Args:
        constraint: the set.
        shape: of a perturbation.

    Example:
        >>> is_round(L2Ball(1.0), 4), is_round(LInfBall(1.0), 4), is_round(L1Ball(1.0), 4)
        (True, False, False)
    """
    return isinstance(_face_at_0(constraint, shape), RoundFace)


def is_box(constraint: Constraint, shape: int | tuple[int, ...]) -> bool:
    """Whether a set bounds each entry by itself.

    Args:
        constraint: the set.
        shape: of a perturbation.

    Example:
        >>> is_box(L2Ball(1.0), 4), is_box(LInfBall(1.0), 4), is_box(L1Ball(1.0), 4)
        (False, True, False)
    """
    return isinstance(_face_at_0(constraint, shape), FlatFace)


def _face_at_0(constraint: Any, shape: int | tuple[int, ...]) -> Any:
    if not offers(constraint, CertifiableConstraint):
        return None
    centre = jnp.zeros(shape)
    return constraint.face(centre, constraint.active(centre, 0.0))


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
