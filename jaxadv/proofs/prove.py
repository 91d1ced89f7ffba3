"""Proofs that an end of ascent is the global maximum, and bounds of the loss on all of a ball.

Source: docs/theory.md, sections 9.1 to 9.6.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxadv.ascent.entry import check_problem, check_trial
from jaxadv.ascent.precision import as_double, in_double
from jaxadv.problems.checks import Floats, as_floats
from jaxadv.problems.losses import logistic, quadratic
from jaxadv.problems.norms import inner, l2_norm, over, rounding
from jaxadv.problems.problem import Problem
from jaxadv.problems.round_sets import L2Ball, L2Sphere
from jaxadv.proofs.curvature_bound import as_scalar, curvature_bound, rounded_up
from jaxadv.pytrees import pytree

Scalar = Float[Array, ""]
Vector = Float[Array, "*shape"]

CONVEX = (quadratic, logistic)  # losses that are convex in the output
POLE_STEPS = 50  # of the iteration δ ← ε∇h/‖∇h‖ to the other pole


@pytree
class Proof:
    """What is proved of a point δ, and of the loss on all of the ball.

    f is the output of the network. Its *poles* are the maxima of f and of −f on the ball; the one
    of δ is that in whose direction the loss grows at δ.

    Attributes:
        network_multiplier: λ = ⟨∇h(x + δ), δ⟩/ε², h the one of f and −f whose pole δ is; units of
            f over δ².
        curvature: K, the bound of the curvature of h, in the same units.
        margin: 1 − K/λ; −inf where λ ≤ 0.
        is_global: whether the global maximum of the loss on the set is proved to lie within
            ``distance`` of δ, and to be the only one.
        is_unique: whether h is also proved to have no other local maximum.
        distance: an upper bound of the distance of δ from the maximum of h, in units of δ; inf
            without a proof.
        loss_bound: no point of the ball has a larger loss.
        gap: loss_bound − L(δ), in units of the loss.
        at_most_two: whether the loss is proved to have at most two local maxima.
    """

    network_multiplier: Scalar
    curvature: Scalar
    margin: Scalar
    is_global: Bool[Array, ""]
    is_unique: Bool[Array, ""]
    distance: Scalar
    loss_bound: Scalar
    gap: Scalar
    at_most_two: Bool[Array, ""]


class Pole(NamedTuple):
    """What is known of the maximum of a scalar h on the ball, from a point close to it.

    Attributes:
        multiplier: λ, at the point.
        least_multiplier: a lower bound of λ at the maximum itself; −inf if none is known.
        distance: an upper bound of the distance from the maximum; inf if none is known.
        bound: an upper bound of h on the ball.
    """

    multiplier: Scalar
    least_multiplier: Scalar
    distance: Scalar
    bound: Scalar


def prove(problem: Problem, delta: Floats) -> Proof:
    """What can be proved of an end of ascent in an L2 ball, from bounds of the curvature.

    With λ the multiplier of f at its maximum and K a bound of its curvature on the ball, K < λ
    proves that the maximum is global, and K < λ/2 that there is no other. (On a sphere that needs
    2K₊ + K₋ < λ, both taken as at least 0, and two dimensions.)

    K is rigorous to rounding. Values and gradients of f are taken as they are computed in float64,
    with the margin `rounding` for their errors. Bounds are rounded up to the precision of δ.

    Args:
        problem: a `TwoLayer` with one output, an `L2Ball` or `L2Sphere`, and the quadratic or the
            logistic loss.
        delta: δ, an end of ascent; nearly stationary is enough.

    Raises:
        TypeError: for another network, set or loss.
        ValueError: for an activation without a known bound, or a δ of another shape than x.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=8, width=64)
        >>> prob = ja.Problem(net, 0.3 * jnp.ones(8), y=1.0, constraint=ja.L2Ball(0.1))
        >>> sol = ja.ascend(prob, jnp.zeros(8))
        >>> proof = prove(prob, sol.perturbation)
        >>> bool(proof.is_global), bool(proof.loss_bound >= sol.loss)
        (True, True)
    """
    check_problem(problem)
    as_scalar(problem.network, problem.x.size)
    if not isinstance(problem.constraint, L2Ball | L2Sphere):
        kind = type(problem.constraint).__name__
        raise TypeError(f"constraint: proofs are for ja.L2Ball and ja.L2Sphere, not for {kind}")
    if problem.loss not in CONVEX:
        name = getattr(problem.loss, "__name__", repr(problem.loss))
        raise TypeError(f"loss: proofs are for quadratic and logistic, not for {name}")
    point = as_floats("delta", delta)
    check_trial(problem, point, name="delta")
    return in_double(_prove, problem, point, point.dtype, dtype=point.dtype)


def _prove(problem: Problem, delta: Vector, dtype: Any) -> Proof:
    problem, delta = as_double((problem, delta))
    radius = problem.circumradius
    with jax.default_matmul_precision("highest"):
        curved = curvature_bound(problem.network, problem.x, problem.constraint)
        output = problem.network(problem.x + delta)
        # The side of the label on which the loss grows at δ.
        sign = jnp.where(jax.grad(problem.loss)(output, problem.y) >= 0, 1.0, -1.0)
        above = jnp.where(sign > 0, curved.above, curved.below)
        below = jnp.where(sign > 0, curved.below, curved.above)
        end = over(radius * delta, l2_norm(delta))
        here = _pole(problem, sign, end, above, below)
        there = _pole(problem, -sign, _other_pole(problem, -sign, -end), below, above)
        # f lies between these two values on the ball.
        ends = sign * here.bound, -sign * there.bound
        losses = jnp.stack([problem.loss(value, problem.y) for value in ends])
        slack = rounding(problem.x.size, delta.dtype)
        loss_bound = jnp.max(losses) * (1 + slack)
        on_sphere = isinstance(problem.constraint, L2Sphere)
        distance = here.distance + l2_norm(end - delta)
        own_global = above < here.least_multiplier
        others = losses[1] * (1 + slack) < problem.objective(end) * (1 - slack)
        alone, other_alone = (
            _is_alone(pole, up, down, on_sphere=on_sphere) & (problem.x.size > 1 or not on_sphere)
            for pole, up, down in ((here, above, below), (there, below, above))
        )
        multiplier = here.multiplier
        margin = jnp.where(multiplier > 0, 1 - over(above, multiplier), -jnp.inf)
        return Proof(
            network_multiplier=multiplier,
            curvature=rounded_up(above, dtype),
            margin=margin,
            is_global=own_global & others,
            is_unique=alone & others,
            distance=rounded_up(jnp.where(own_global, distance, jnp.inf), dtype),
            loss_bound=rounded_up(loss_bound, dtype),
            gap=rounded_up(loss_bound - problem.objective(delta), dtype),
            at_most_two=alone & other_alone,
        )


def _is_alone(pole: Pole, above: Scalar, below: Scalar, *, on_sphere: bool) -> Bool[Array, ""]:
    """Whether h has no other local maximum (sections 9.2 and 9.6)."""
    above, below = jnp.maximum(above, 0), jnp.maximum(below, 0)
    needed = 2 * above + below if on_sphere else 2 * above
    return needed < pole.least_multiplier


def _pole(problem: Problem, sign: Scalar, point: Vector, above: Scalar, below: Scalar) -> Pole:
    """What a point of the sphere says of the maximum of h = ±f (section 9.5).

    Args:
        problem: the problem.
        sign: 1 for f, −1 for −f.
        point: δ_0, close to the maximum.
        above: K of h.
        below: K of −h.
    """
    radius, slack = problem.circumradius, rounding(point.size, point.dtype)

    def value_and_gradient(delta: Vector) -> tuple[Scalar, Vector]:
        value, gradient = jax.value_and_grad(problem.network)(problem.x + delta)
        return sign * value, sign * gradient

    value, gradient = value_and_gradient(point)
    multiplier = over(inner(gradient, point), inner(point, point))
    # What rounding may hide is added to the residual.
    residual = l2_norm(gradient - multiplier * point) + slack * l2_norm(gradient)
    room = multiplier - above
    is_proved = (room > 0) & (multiplier >= 0)
    distance = jnp.where(is_proved, 2 * over(residual, room), jnp.inf)
    rise = jnp.minimum(2 * radius * residual, over(residual**2, 2 * room))
    from_point = jnp.where(is_proved, value + rise, jnp.inf)
    centre, slope = value_and_gradient(jnp.zeros_like(point))
    from_centre = centre + radius * l2_norm(slope) + 0.5 * jnp.maximum(above, 0) * radius**2
    bound = jnp.minimum(from_point, from_centre)
    # At the maximum, which is so close, the gradient and with it λ can differ by so much.
    largest = jnp.maximum(jnp.maximum(above, below), 0)
    change = over((largest + multiplier) * distance + residual, radius)
    least = jnp.where(is_proved, multiplier - change, -jnp.inf)
    return Pole(multiplier, least, distance, bound + slack * (jnp.abs(bound) + jnp.abs(value)))


def _other_pole(problem: Problem, sign: Scalar, start: Vector) -> Vector:
    """A point close to the maximum of ±f, by δ ← ε∇h/‖∇h‖ from another point of the sphere."""

    def step(_: Array, delta: Vector) -> Vector:
        gradient = sign * jax.grad(problem.network)(problem.x + delta)
        return over(problem.circumradius * gradient, l2_norm(gradient))

    return jax.lax.fori_loop(0, POLE_STEPS, step, start)
