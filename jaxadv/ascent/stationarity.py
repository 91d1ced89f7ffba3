"""The residual: how far a point is from first-order stationarity."""

from jaxtyping import Array, Float, ScalarLike

from jaxadv.problems.constraints import Constraint
from jaxadv.problems.norms import l2_norm, over


def ascent_point(
    constraint: Constraint,
    delta: Float[Array, "*shape"],
    gradient: Float[Array, "*shape"],
    gradient_scale: ScalarLike,
) -> Float[Array, "*shape"]:
    """P(δ + (ε/G) g): the end of a step of at most one circumradius ε.

    Only the gradient's part in the set's tangent space is used. On a sphere the whole of an inward
    gradient would lead to the centre, from which all points of the sphere are equally far.
    """
    ascent = constraint.tangent(delta, gradient)
    step = constraint.circumradius(delta.size) * over(ascent, gradient_scale)
    return constraint.project(delta + step)


def residual(
    constraint: Constraint,
    delta: Float[Array, "*shape"],
    gradient: Float[Array, "*shape"],
    gradient_scale: ScalarLike,
) -> Float[Array, ""]:
    """The residual r = ‖P(δ + (ε/G) g) − δ‖ / ε, without unit, and 0 only at stationary points.

    Source: docs/theory.md, section 3.2.

    ε is the set's circumradius. Where ε or G is 0, nothing can move or be gained, and r = 0.

    Args:
        constraint: the set, with projection P.
        delta: δ, a point of the set.
        gradient: g = ∇L(δ).
        gradient_scale: G ≥ ‖g‖; along an ascent, the largest gradient norm so far, so that r
            vanishes at interior maxima, too.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxadv import L2Ball
        >>> float(residual(L2Ball(2.0), jnp.array([0.0, 2.0]), jnp.array([0.0, 3.0]), 3.0))
        0.0
    """
    moved = ascent_point(constraint, delta, gradient, gradient_scale) - delta
    return l2_norm(over(moved, constraint.circumradius(delta.size)), unit=1.0)
