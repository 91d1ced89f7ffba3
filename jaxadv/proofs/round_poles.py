"""The maximum of a scalar network on an L2 ball or sphere, and what is proved of it.

Source: docs/theory.md, sections 9.1, 9.2, 9.5 and 9.6.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxadv.problems.norms import inner, l2_norm, over
from jaxadv.problems.round_sets import L2Ball, L2Sphere
from jaxadv.proofs.curvature_bound import CurvatureBound
from jaxadv.proofs.poles import Pole, Scalar, Vector, evaluate
from jaxadv.proofs.readable import Readable
from jaxadv.proofs.rounding import sum_error

MOST_STEPS = 50  # of the iteration to a pole
# The change of a unit vector at which the iteration ends: for a tight bound, and for a proof alone.
CLOSE, NEAR = 1e-9, 1e-4


def find_pole(h: Readable, x: Vector, radius: Scalar, *, tight: bool) -> Vector:
    """A point of the sphere close to a maximum of h, by δ ← ε∇h/‖∇h‖ from δ = 0."""

    def step(state: tuple[Vector, Scalar, Array]) -> tuple[Vector, Scalar, Array]:
        delta, _, count = state
        gradient = jax.grad(h)(x + delta)
        following = over(radius * gradient, l2_norm(gradient))
        return following, l2_norm(following - delta), count + 1

    def goes_on(state: tuple[Vector, Scalar, Array]) -> Bool[Array, ""]:
        return (state[1] > close * radius) & (state[2] < MOST_STEPS)

    close = CLOSE if tight else NEAR
    begun = (jnp.zeros_like(x), 2 * radius, jnp.int32(0))
    return jax.lax.while_loop(goes_on, step, begun)[0]


def multiplier_at(h: Readable, x: Vector, delta: Vector) -> Scalar:
    """λ = ⟨∇h(x + δ), δ⟩/‖δ‖²."""
    return over(inner(jax.grad(h)(x + delta), delta), inner(delta, delta))


def pole_at(
    h: Readable, x: Vector, constraint: L2Ball | L2Sphere, delta: Vector, curved: CurvatureBound
) -> Pole:
    """What is proved from a point δ, which need not be stationary or on the boundary.

    Args:
        h: a network with one output.
        x: the input.
        constraint: the ball or sphere.
        delta: δ.
        curved: the curvature of h on the ball.

    Returns:
        The pole, whose bound is that from δ alone.
    """
    above, below = curved.above, curved.below
    radius = jnp.asarray(constraint.radius, x.dtype)
    point = over(radius * delta, l2_norm(delta))
    value, gradient, value_error, gradient_error = evaluate(h, x + point)
    multiplier = over(inner(gradient, point), inner(point, point))
    # What rounding may hide is added to the residual.
    slack = l2_norm(gradient_error) + sum_error(x) * l2_norm(gradient)
    residual = l2_norm(gradient - multiplier * point) + slack
    room = multiplier - above
    is_proved = (room > 0) & (multiplier >= 0)
    if isinstance(constraint, L2Sphere):
        # The centre is in the ball, but is no point of the sphere.
        is_proved &= l2_norm(point) > 0
    distance = jnp.where(is_proved, 2 * over(residual, room), jnp.inf)
    rise = jnp.minimum(2 * radius * residual, over(residual**2, 2 * room))
    # The norm of the point is the radius but for rounding, too.
    error = value_error + slack * radius
    from_point = value + jnp.where(is_proved, rise, jnp.inf) + error
    # At the maximum, which is so close, the gradient and with it λ can differ by so much.
    largest = jnp.maximum(jnp.maximum(above, below), 0)
    change = over((largest + multiplier) * distance + residual, radius)
    least = jnp.where(is_proved, multiplier - change, -jnp.inf)
    is_global = is_proved & (above < least)
    return Pole(
        point=point,
        value=value - error,
        multiplier=multiplier,
        curvature=above,
        margin=jnp.where(multiplier > 0, 1 - over(above, multiplier), -jnp.inf),
        is_global=is_global,
        is_unique=is_global & _is_alone(constraint, least, above, below, x.size),
        distance=jnp.where(is_global, distance + l2_norm(point - delta), jnp.inf),
        bound=from_point,
    )


def _is_alone(
    constraint: L2Ball | L2Sphere, least: Scalar, above: Scalar, below: Scalar, dim: int
) -> Bool[Array, ""]:
    """Whether h has no other local maximum, from the least value that λ may have at the pole."""
    above, below = jnp.maximum(above, 0), jnp.maximum(below, 0)
    if isinstance(constraint, L2Sphere):
        # A sphere in one dimension is two points, each of which is a local maximum.
        return (2 * above + below < least) & (dim > 1)
    return 2 * above < least
