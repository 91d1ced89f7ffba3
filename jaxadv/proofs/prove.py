"""Proofs that an end of ascent is the global maximum, and bounds of the loss on all of a set.

Source: docs/theory.md, sections 9.1 to 9.9.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxadv.ascent.entry import check_problem, check_trial, check_values
from jaxadv.ascent.precision import as_double, in_double
from jaxadv.problems.checks import Floats, as_floats, check_number
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem
from jaxadv.problems.round_sets import L2Ball
from jaxadv.proofs.curvature_bound import CurvatureBound
from jaxadv.proofs.extremes import at_end, extremes_of
from jaxadv.proofs.margins import margin_bounds
from jaxadv.proofs.poles import Pole, Scalar, Vector, evaluate
from jaxadv.proofs.readable import as_readable
from jaxadv.proofs.rounding import rounded_up, sum_error
from jaxadv.proofs.scalar_problems import ScalarProblem, as_scalar_problem, check_provable
from jaxadv.proofs.step_bound import step_bound
from jaxadv.pytrees import pytree


@pytree
class Proof:
    """What is proved of a point δ, and of the loss on all of the set.

    f is the output of the network; between two classes, how far the wrong one is ahead. Its *poles*
    are the maxima of f and of −f on the set; the one of δ is that in whose direction the loss grows
    at δ. Units: those of f over δ² for λ and K, of δ for ``distance``, and of the loss for
    ``loss_bound`` and ``gap``.

    Attributes:
        network_multiplier: λ, the multiplier of f at the pole: ⟨∇f(x + δ), δ⟩/ε² in a ball; in a
            box 2 min_i |∂_i f|/(u_i − l_i) over the entries that are not proved to be monotone.
        curvature: K, an upper bound of the curvature of f (or of −f, at its pole) on the set; in a
            box along the entries that are not proved to be monotone, on what they leave of it.
        margin: 1 − K/λ in a ball, and what takes its place in a box, 1 where all entries are
            monotone; −inf where λ ≤ 0.
        is_global: whether the global maximum of the loss on the set is proved to lie within
            ``distance`` of δ, and to be the only one.
        is_unique: whether this pole is also proved to be the only one: f has no other local maximum
            (or −f, at its pole), and so the loss none on this side of the label.
        distance: an upper bound of the distance between δ and the maximum; inf without a proof.
        loss_bound: no point of the set has a larger loss. (The loss of an ascent in single
            precision may lie above by its rounding.)
        gap: loss_bound − L(δ), for the point of the set that is nearest to δ.
        num_maxima: an upper bound of the number of strict local maxima of the loss: 1, 2, or inf
            without a proof.
        step_bound: the steps of the given size within which projected gradient ascent reaches the
            tolerance from every start; inf without a proof.
    """

    network_multiplier: Scalar
    curvature: Scalar
    margin: Scalar
    is_global: Bool[Array, ""]
    is_unique: Bool[Array, ""]
    distance: Scalar
    loss_bound: Scalar
    gap: Scalar
    num_maxima: Scalar
    step_bound: Scalar


def prove(
    problem: Problem, delta: Floats, *, step_size: Any = None, tolerance: Any = 1e-3
) -> Proof:
    """What can be proved of an end of ascent, from bounds of the curvature on all of the set.

    In an L2 ball, with λ the multiplier of f at its maximum and K a bound of its curvature, K < λ
    proves that the maximum is global, and K < λ/2 that there is no other. (On a sphere that needs
    2K₊ + K₋ < λ, both taken as at least 0, and two dimensions.) In a box, entries along which f is
    monotone are fixed, and K is compared with λ for the rest. In other built-in sets, and for more
    than two classes, there is the bound of the loss alone.

    Everything is rigorous to rounding: values, gradients and curvatures in float64 come with bounds
    of their errors. Bounds are rounded up to the precision of δ.

    Args:
        problem: a network of class `TwoLayer` or `MLP`, also inside of a `Normalized`; a built-in
            set; the quadratic or the logistic loss, cross-entropy, `log_odds`, or `margin`.
        delta: δ, an end of ascent; nearly stationary is enough.
        step_size: η of steps of constant size, for ``step_bound``; L2 balls only.
        tolerance: the residual that they are to reach.

    Raises:
        TypeError: for another network, set or loss.
        ValueError: for an activation without a known bound, a δ of another shape than x, or a step
            size or tolerance that is not positive.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=8, width=64)
        >>> prob = ja.Problem(net, 0.3 * jnp.ones(8), y=1.0, constraint=ja.L2Ball(0.1))
        >>> sol = ja.ascend(prob, jnp.zeros(8), ja.PGA(ja.ConstantStep(0.05)))
        >>> proof = prove(prob, sol.perturbation, step_size=0.05)
        >>> bool(proof.is_global), bool(proof.gap < 1e-6)
        (True, True)
        >>> bool(sol.num_steps[0] <= proof.step_bound)
        True
    """
    check_problem(problem)
    check_provable(problem)
    point = as_floats("delta", delta)
    check_trial(problem, point, name="delta")
    check_values(problem, point)
    check_number("tolerance", tolerance, positive=True)
    if step_size is not None:
        check_number("step_size", step_size, positive=True)
    sizes = (step_size, tolerance)
    return in_double(_prove, problem, point, sizes, point.dtype, dtype=point.dtype)


@jax.jit(static_argnums=3)
def _prove(problem: Problem, delta: Float[Array, "*shape"], sizes: Any, dtype: Any) -> Proof:
    problem, delta, (step_size, tolerance) = as_double((problem, delta, sizes))
    with jax.default_matmul_precision("highest"):
        question = as_scalar_problem(problem)
        if question is None:
            proof = _of_classes(problem, delta)
        else:
            # In single precision, an end may lie outside by rounding.
            end = question.constraint.project(delta.ravel())
            moved = l2_norm(delta.ravel() - end)
            extremes = extremes_of(question.network, question.x, question.constraint, tight=True)
            proof = prove_end(question, extremes, end)
            proof = dataclasses.replace(
                proof, distance=(proof.distance + moved) * (1 + sum_error(end))
            )
            if step_size is not None and isinstance(question.constraint, L2Ball):
                steps = _steps(question, extremes, end, step_size, tolerance)
                proof = dataclasses.replace(proof, step_bound=steps)
    upwards = ("curvature", "distance", "loss_bound", "gap", "step_bound")
    rounded = {name: rounded_up(getattr(proof, name), dtype) for name in upwards}
    return dataclasses.replace(proof, **rounded)


def prove_end(question: ScalarProblem, extremes: Pole, delta: Vector) -> Proof:
    """What the poles of a network say of an end of ascent on a loss of its output."""
    x = question.x
    output = question.network(x + delta)
    # The side of the label on which the loss grows at δ. The sign is right where ℓ' underflows.
    rises = ~jnp.signbit(question.slope(output))
    sign = jnp.where(rises, 1.0, -1.0).astype(x.dtype)
    own, other = (_choose(extremes, choice) for choice in (rises, ~rises))
    own = at_end(own, other.curvature, question, sign, delta)
    slack = sum_error(x)
    # f lies between these two values on the set, and the loss is convex in f.
    above, below = (question.loss(value) for value in (sign * own.bound, -sign * other.bound))
    largest = jnp.maximum(jnp.abs(above), jnp.abs(below))
    loss_bound = jnp.maximum(above, below) + slack * largest + jnp.finfo(x.dtype).tiny
    # The loss grows with h from the value at the point on, so that its maximum is at least that.
    grows = sign * question.slope(sign * own.value) >= 0
    reached = question.loss(sign * own.value)
    others = grows & (below + slack * (jnp.abs(below) + jnp.abs(reached)) < reached)
    # Where the loss grows with h on all of the set, it has no maximum at the other pole.
    only_own = sign * question.slope(-sign * other.bound) > 0
    number = jnp.where(other.is_unique, 2.0, jnp.inf).astype(x.dtype)
    number = jnp.where(own.is_unique, jnp.where(only_own, 1.0, number), jnp.inf)
    is_global = own.is_global & others
    return Proof(
        network_multiplier=own.multiplier,
        curvature=own.curvature,
        margin=own.margin,
        is_global=is_global,
        is_unique=own.is_unique & is_global,
        distance=jnp.where(is_global, own.distance, jnp.inf),
        loss_bound=loss_bound,
        gap=loss_bound - question.loss(output),
        num_maxima=number,
        step_bound=jnp.full((), jnp.inf, x.dtype),
    )


def _choose(extremes: Pole, is_first: Bool[Array, ""]) -> Pole:
    """The pole of f, or that of −f."""
    return jax.tree.map(lambda both: jnp.where(is_first, both[0], both[1]), extremes)


def _steps(
    question: ScalarProblem, extremes: Pole, delta: Vector, step_size: Any, tolerance: Any
) -> Scalar:
    """The bound of the steps; inf where ℓ' may change its sign on the ball."""
    ends = [question.slope(end) for end in (-extremes.bound[1], extremes.bound[0])]
    is_one_sided = ends[0] * ends[1] > 0
    pushes = [step_size * jnp.abs(end) for end in ends]
    rises = ~jnp.signbit(question.slope(question.network(question.x + delta)))
    above, below = (_choose(extremes, choice).curvature for choice in (rises, ~rises))
    steps = step_bound(
        evaluate(question.network, question.x),
        CurvatureBound(above, below),
        (jnp.minimum(*pushes), jnp.maximum(*pushes)),
        jnp.asarray(question.constraint.radius),
        tolerance,
    )
    return jnp.where(is_one_sided, steps, jnp.inf)


def _of_classes(problem: Problem, delta: Float[Array, "*shape"]) -> Proof:
    """The bound of a loss of several logits."""
    network = as_readable(problem.network, problem.x)
    margins = margin_bounds(network, problem.x, problem.y, problem.constraint)
    # The losses depend on the differences to the logit of the label alone, and grow with them.
    label = jnp.asarray(problem.y).astype(int)
    bound = problem.loss(margins.at[label].set(0), label)
    bound += sum_error(margins) * (1 + jnp.abs(bound))
    nothing, unknown = jnp.zeros_like(bound), jnp.full_like(bound, jnp.inf)
    return Proof(
        network_multiplier=nothing,
        curvature=unknown,
        margin=-unknown,
        is_global=jnp.bool_(False),
        is_unique=jnp.bool_(False),
        distance=unknown,
        loss_bound=bound,
        gap=bound - problem.objective(problem.constraint.project(delta)),
        num_maxima=unknown,
        step_bound=unknown,
    )
