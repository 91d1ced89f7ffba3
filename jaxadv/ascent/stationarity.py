"""How far a point is from a first-order stationary one."""

import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from jaxadv.problems.constraints import Constraint, L2Sphere
from jaxadv.problems.norms import l2_norm


def ascent_point(
    constraint: Constraint,
    delta: Float[Array, " dim"],
    gradient: Float[Array, " dim"],
    gradient_scale: ScalarLike,
) -> Float[Array, " dim"]:
    """P(δ + (ε/G) g): where a step of at most one circumradius ε leads.

    On a sphere g stands for its tangent part: the whole of an inward gradient would lead to the
    centre, to which all points are nearest.
    """
    if isinstance(constraint, L2Sphere):
        gradient = gradient - delta * over(delta @ gradient, delta @ delta)
    step = constraint.circumradius(delta.size) * over(gradient, gradient_scale)
    return constraint.project(delta + step)


def residual(
    constraint: Constraint,
    delta: Float[Array, " dim"],
    gradient: Float[Array, " dim"],
    gradient_scale: ScalarLike,
) -> Float[Array, ""]:
    """The residual r = ‖P(δ + (ε/G) g) − δ‖ / ε: no unit, 0 at stationary points alone (THEORY 3).

    ε is the set's circumradius. Where ε or G is 0, nothing can move or be gained, and r = 0.

    Args:
        constraint: the set, with projection P.
        delta: δ, a point of the set.
        gradient: g = ∇L(δ).
        gradient_scale: G ≥ ‖g‖; along an ascent, the largest gradient norm so far, so that r
            vanishes at interior maxima, too.

    Example:
        >>> from jaxadv import L2Ball
        >>> float(residual(L2Ball(2.0), jnp.array([0.0, 2.0]), jnp.array([0.0, 3.0]), 3.0))
        0.0
    """
    moved = ascent_point(constraint, delta, gradient, gradient_scale) - delta
    return l2_norm(over(moved, constraint.circumradius(delta.size)), unit=1.0)


def over(numerator: Float[Array, "..."] | ScalarLike, denominator: ScalarLike) -> Array:
    """numerator/denominator, and 0 where the denominator is 0; no NaN in the gradient either.

    Example:
        >>> float(over(jnp.float32(0), jnp.float32(0)))
        0.0
    """
    zero = denominator == 0
    return jnp.where(zero, 0, numerator / jnp.where(zero, 1, denominator))
