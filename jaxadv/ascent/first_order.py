"""A point of a set to first order: its gradient, its residual, and its active constraints."""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, ScalarLike

from jaxadv.ascent.stationarity import ascent_point, residual
from jaxadv.problems.checks import offers
from jaxadv.problems.constraints import CertifiableConstraint, Constraint
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem


@jax.jit
def gradient_at(problem: Problem, delta: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """g(δ). Compiled for itself: a certificate asks for it in many places and traces it once."""
    return problem.value_and_gradient(delta)[1]


class FirstOrder(NamedTuple):
    """A point to first order: its gradient, the gradient's scale G, and the residual.

    ``active`` says which constraints are active where the residual's step ends, and so at the
    maximum close by, if there is one. (The point itself may lie a little inside.)
    """

    gradient: Float[Array, "*shape"]
    gradient_scale: Float[Array, ""]
    residual: Float[Array, ""]
    active: Bool[Array, "..."]


def first_order(
    problem: Problem,
    delta: Float[Array, "*shape"],
    gradient_scale: ScalarLike,
    slack: float,
) -> FirstOrder:
    """δ to first order, with G the largest of ``gradient_scale``, ‖g(δ)‖ and ‖g(0)‖."""
    gradient = gradient_at(problem, delta)
    at_centre = gradient_at(problem, jnp.zeros_like(delta))
    norms = [l2_norm(gradient), l2_norm(at_centre), jnp.asarray(gradient_scale, delta.dtype)]
    scale = jnp.stack(norms).max()
    ahead = ascent_point(problem.constraint, delta, gradient, scale)
    return FirstOrder(
        gradient=gradient,
        gradient_scale=scale,
        residual=residual(problem.constraint, delta, gradient, scale),
        active=problem.constraint.active(ahead, slack),
    )


def with_faces(constraint: Constraint) -> CertifiableConstraint:
    """The constraint itself, if it has faces.

    Raises:
        TypeError: for a constraint without the method ``face``.
    """
    if not offers(constraint, CertifiableConstraint):
        raise TypeError(
            f"constraint: {constraint!r} has no method 'face', which second order needs; "
            "ja.L2Ball, ja.L2Sphere, ja.LInfBall and ja.Box have one, and a set of your own can"
        )
    return cast(CertifiableConstraint, constraint)
