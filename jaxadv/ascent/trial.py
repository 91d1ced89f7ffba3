"""One trial: an ascent of one problem from one start, and its stopping rule.

Source: docs/theory.md, section 3.

A trial is four functions, ``init``, ``step``, ``done`` and ``finish``; `ascend` is the loop around
them. `lane_map` of the four runs many trials of unequal length, and no lane waits for the longest:

    sols = ja.lane_map(
        init=lambda start: ja.trial.init(prob, start, method),
        step=lambda state: ja.trial.step(prob, state, method),
        done=ja.trial.done,
        finish=lambda state: ja.trial.finish(prob, state, method),
        xs=starts,
        num_lanes=32,
    )
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxadv.ascent.entry import check_moves, check_problem, check_trial, check_values
from jaxadv.ascent.methods import Method, Point, check_method
from jaxadv.ascent.pga import PGA
from jaxadv.ascent.solution import Solution, Status
from jaxadv.ascent.stationarity import residual
from jaxadv.problems.checks import Floats, as_floats
from jaxadv.problems.constraints import on_boundary
from jaxadv.problems.foreign import as_pytree
from jaxadv.problems.norms import l2_norm, rounding
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import cast_floats, pytree


@pytree
class State:
    """The state that the loop carries from step to step.

    Attributes:
        memory: what the method remembers.
        perturbation: δ_k.
        loss: L(δ_k).
        loss_start: L(δ_0).
        gradient: g_k.
        gradient_scale: G_k = max_{j≤k} ‖g_j‖.
        residual: r of the point that the method reports.
        steps: k.
        num_steps: for each tolerance the first k with r ≤ tol, or the current k.
        reached: for each tolerance whether r ≤ tol at some k so far.
        boundary_step: the first k with δ_k on the boundary; −1 as long as there is none.
        landmark: the δ of the last step whose number is a power of two (Brent's method to find
            cycles); None for methods that may leave a point in another way than before.
        status: a `Status`.
    """

    memory: Any
    perturbation: Float[Array, "*shape"]
    loss: Float[Array, ""]
    loss_start: Float[Array, ""]
    gradient: Float[Array, "*shape"]
    gradient_scale: Float[Array, ""]
    residual: Float[Array, ""]
    steps: Int[Array, ""]
    num_steps: Int[Array, " tolerance"]
    reached: Bool[Array, " tolerance"]
    boundary_step: Int[Array, ""]
    landmark: Float[Array, "*shape"] | None
    status: Int[Array, ""]

    @property
    def point(self) -> Point:
        """Where the trial is."""
        return Point(self.perturbation, self.loss, self.gradient)


def init(problem: Problem, start: Float[Array, "*shape"], method: Method) -> State:
    """The state at k = 0; a start outside the set is projected first.

    All floats of the trial have the precision of ``start``.
    """
    problem, method = cast_floats((problem, method), start.dtype)
    delta = problem.constraint.project(start).astype(start.dtype)
    _, gradient = problem.value_and_gradient(delta)
    zero = jnp.zeros((), delta.dtype)
    num_tolerances = len(method.tolerances)
    memory = cast_floats(method.init(problem, delta), delta.dtype)
    nowhere = State(
        memory=memory,
        perturbation=delta,
        loss=zero,
        loss_start=zero,
        gradient=jnp.zeros_like(delta),
        # It is not above ‖g_0‖, and ‖g_0‖ in this unit can be squared safely.
        gradient_scale=jnp.max(jnp.abs(gradient)),
        residual=zero,
        steps=jnp.int32(-1),
        num_steps=jnp.zeros(num_tolerances, jnp.int32),
        reached=jnp.zeros(num_tolerances, bool),
        boundary_step=jnp.int32(-1),
        landmark=delta if method.repeats(problem, Point(delta, zero, gradient), memory) else None,
        status=jnp.int32(Status.RUNNING),
    )
    state = _arrive(problem, nowhere, delta, method)
    # A saturated activation hides an infinite x from the loss and the gradient.
    finite = jnp.isfinite(problem.x).all() & jnp.isfinite(problem.circumradius)
    return dataclasses.replace(
        state,
        loss_start=state.loss,
        reached=state.reached & finite,
        status=jnp.where(finite, state.status, Status.NONFINITE),
    )


def step(problem: Problem, state: State, method: Method) -> State:
    """The state at k + 1, after one move of the method."""
    problem, method = cast_floats((problem, method), state.perturbation.dtype)
    delta, memory = method.move(problem, state.point, state.memory, state.steps)
    state = dataclasses.replace(state, memory=memory)
    return _arrive(problem, state, delta.astype(state.perturbation.dtype), method)


def done(state: State) -> Bool[Array, ""]:
    """Whether the trial has stopped; its status says why."""
    return state.status != Status.RUNNING


def finish(problem: Problem, state: State, method: Method) -> Solution:
    """The solution, from the last state of the trial."""
    problem, method = cast_floats((problem, method), state.perturbation.dtype)
    end = method.reported(state.point, state.memory)
    size = method.step_size(problem, state.point, state.memory, state.steps)
    return Solution(
        perturbation=end.delta,
        loss=end.loss,
        loss_start=state.loss_start,
        residual=state.residual,
        frank_wolfe_gap=problem.constraint.frank_wolfe_gap(end.delta, end.gradient),
        gradient_scale=state.gradient_scale,
        step_size=size.astype(end.delta.dtype),
        steps=state.steps,
        num_steps=state.num_steps,
        reached=state.reached,
        boundary_step=state.boundary_step,
        status=state.status,
    )


def as_method(method: Any) -> Any:
    """The method as a pytree; `PGA` with its defaults where none is given.

    Raises:
        TypeError: for what is no method.
    """
    if method is None:
        return PGA()
    check_method(method)
    return as_pytree("method", method)


def _arrive(
    problem: Problem, before: State, delta: Float[Array, "*shape"], method: Method
) -> State:
    """The state one step after ``before``, at ``delta``."""
    steps = before.steps + 1
    loss, gradient = problem.value_and_gradient(delta)
    loss = loss.astype(delta.dtype)
    gradient_norm = l2_norm(gradient, unit=before.gradient_scale)
    gradient_scale = jnp.maximum(before.gradient_scale, gradient_norm)
    end = method.reported(Point(delta, loss, gradient), before.memory)
    r = residual(problem.constraint, end.delta, end.gradient, gradient_scale)
    finite = jnp.isfinite(loss) & jnp.isfinite(gradient_norm)
    reached = before.reached | (finite & (r <= jnp.asarray(method.tolerances, delta.dtype)))
    on_edge = on_boundary(problem.constraint, delta, rounding(delta.size, delta.dtype))
    landmark = before.landmark
    has_moved = (steps > 0) & (landmark is not None)
    is_power_of_2 = steps & (steps - 1) == 0
    # Where several reasons hold in one step, the last in this order is reported.
    reasons = {
        Status.MAX_STEPS: steps >= method.max_steps,
        Status.CYCLING: has_moved & jnp.all(delta == landmark),
        Status.STALLED: has_moved & jnp.all(delta == before.perturbation),
        Status.CONVERGED: reached[-1],
        Status.NONFINITE: ~finite,
    }
    status = jnp.int32(Status.RUNNING)
    for reason, holds in reasons.items():
        status = jnp.where(holds, reason, status)
    return dataclasses.replace(
        before,
        perturbation=delta,
        loss=loss,
        gradient=gradient,
        gradient_scale=gradient_scale,
        residual=r,
        steps=steps,
        num_steps=jnp.where(before.reached, before.num_steps, steps),
        reached=reached,
        boundary_step=jnp.where((before.boundary_step < 0) & on_edge, steps, before.boundary_step),
        landmark=None if landmark is None else jnp.where(is_power_of_2, delta, landmark),
        status=status,
    )


def ascend(problem: Problem, start: Floats, method: Method | None = None) -> Solution:
    """An ascent of one problem from one start (docs/theory.md, section 3).

    It runs at the precision of ``start``, float32 or float64, with matrix products in full
    precision on every device. For many trials at once use ``jax.vmap(ja.ascend, in_axes=(None, 0,
    None))(problem, starts, method)``, or, faster where their lengths differ, `lane_map` of the
    functions of `ja.trial`. It is differentiable in forward mode only, because the number of steps
    is not known before.

    Args:
        problem: what is maximised.
        start: δ_0, of the shape of ``problem.x``; projected on the set if it lies outside.
        method: how to move, when to count and when to stop: projected gradient ascent, a `PGA`, or
            another `Method`; `PGA` with its defaults if it is not given.

    Raises:
        TypeError: if ``start`` is no array of floats of 32 bits or more, or the network, the loss
            or the method cannot be called or returns something else than it should; says which.
        ValueError: if ``x`` and ``start`` differ in shape, or the loss has no value at the label.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> prob = ja.Problem(net, x=jnp.ones(4), y=0.0, constraint=ja.L2Ball(0.2))
        >>> sol = ja.ascend(prob, jnp.zeros(4), ja.PGA(step=0.1))
        >>> ja.Status(int(sol.status)).name
        'CONVERGED'
    """
    check_problem(problem)
    delta: Array = as_floats("start", start)
    check_values(problem, delta)
    return _ascend(problem, delta, as_method(method))


@jax.jit
def _ascend(problem: Problem, start: Float[Array, "*shape"], method: Method) -> Solution:
    check_trial(problem, start)
    check_moves(problem, start, method)
    with jax.default_matmul_precision("highest"):
        state = jax.lax.while_loop(
            lambda state: ~done(state),
            lambda state: step(problem, state, method),
            init(problem, start, method),
        )
        return finish(problem, state, method)
