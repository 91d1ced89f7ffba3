"""Projected gradient ascent of one problem from one start, and its stopping rule.

Source: docs/theory.md, section 3.

The algorithm is four functions, ``init``, ``step``, ``done`` and ``finish``; `ascend` is the loop
around them. `lane_map` of the four runs many trials of unequal length, and no lane waits for the
longest:

    sols = ja.lane_map(
        init=lambda start: ja.pga.init(prob, start, settings),
        step=lambda state: ja.pga.step(prob, state, settings),
        done=ja.pga.done,
        finish=lambda state: ja.pga.finish(prob, state, settings),
        xs=starts,
        num_lanes=32,
    )
"""

import dataclasses
import itertools
import math
import operator
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxadv.ascent.entry import check_problem, check_step, check_trial, check_values
from jaxadv.ascent.solution import Solution, Status
from jaxadv.ascent.stationarity import residual
from jaxadv.ascent.steps import StepRule, as_step_rule
from jaxadv.problems.checks import Floats, as_floats
from jaxadv.problems.constraints import on_boundary
from jaxadv.problems.norms import l2_norm, rounding
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import cast_floats, pytree, set_fields, static


@pytree
class PGA:
    """The settings of projected gradient ascent δ_{k+1} = P(δ_k + η_k g_k).

    Attributes:
        step: the rule for η_k; a number is a `ConstantStep`.
        tolerances: residuals at which steps are counted, descending; the last one stops the trial.
            A single number may stand for a tuple of one.
        max_steps: the budget of steps.

    Raises:
        TypeError: for a step that is neither a number nor a `StepRule`, tolerances that are no
            numbers, or a budget that is no whole number.
        ValueError: for tolerances that are not positive or do not descend, or a negative budget.

    Example:
        >>> PGA(step=0.1, tolerances=1e-3).tolerances
        (0.001,)
    """

    step: StepRule
    tolerances: tuple[float, ...] = static()
    max_steps: int = static()

    def __init__(
        self,
        step: Any = 0.1,
        tolerances: float | Iterable[float] = (1e-2, 1e-3, 1e-4),
        max_steps: int = 20_000,
    ) -> None:
        try:
            max_steps = operator.index(max_steps)
        except TypeError as error:
            raise TypeError(f"max_steps: {max_steps!r} must be a whole number") from error
        if max_steps < 0:
            raise ValueError(f"max_steps: {max_steps} must be 0 or more")
        set_fields(
            self, step=as_step_rule(step), tolerances=_as_ladder(tolerances), max_steps=max_steps
        )


def as_pga(pga: Any) -> PGA:
    """The settings, or the default ones where none are given.

    Raises:
        TypeError: for anything else.
    """
    if pga is None:
        return PGA()
    if not isinstance(pga, PGA):
        raise TypeError(f"pga: {pga!r} must be settings, such as ja.PGA(step=0.1)")
    return pga


def _as_ladder(tolerances: Any) -> tuple[float, ...]:
    """Tolerances as a tuple of Python floats, which are constants of the compiled program."""
    many = tolerances if np.iterable(tolerances) else (tolerances,)
    try:
        ladder = tuple(float(tolerance) for tolerance in many)
    except (TypeError, ValueError) as error:
        raise TypeError(f"tolerances: {tolerances!r} must be numbers") from error
    if not ladder or not all(0 < tol < math.inf for tol in ladder):
        raise ValueError(f"tolerances: {ladder} must be positive numbers, at least one")
    if any(tighter >= looser for looser, tighter in itertools.pairwise(ladder)):
        raise ValueError(f"tolerances: {ladder} must descend, each below the one before it")
    return ladder


@pytree
class State:
    """The state that the loop carries from step to step.

    Attributes:
        rule: the state of the step rule.
        perturbation: δ_k.
        loss: L(δ_k).
        loss_start: L(δ_0).
        gradient: g_k.
        gradient_scale: G_k = max_{j≤k} ‖g_j‖.
        residual: r_k.
        steps: k.
        num_steps: for each tolerance the first k with r_k ≤ tol, or the current k.
        reached: for each tolerance whether r_k ≤ tol at some k so far.
        boundary_step: the first k with δ_k on the boundary; −1 as long as there is none.
        status: a `Status`.
    """

    rule: Any
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
    status: Int[Array, ""]


def init(problem: Problem, start: Float[Array, "*shape"], pga: PGA) -> State:
    """The state at k = 0; a start outside the set is projected first.

    All floats of the trial have the precision of ``start``.
    """
    problem, pga = cast_floats((problem, pga), start.dtype)
    delta = _project(problem, start)
    _, gradient = problem.value_and_gradient(delta)
    zero = jnp.zeros((), delta.dtype)
    nowhere = State(
        rule=cast_floats(pga.step.init(problem, delta), delta.dtype),
        perturbation=delta,
        loss=zero,
        loss_start=zero,
        gradient=jnp.zeros_like(delta),
        # It is not above ‖g_0‖, and ‖g_0‖ in this unit can be squared safely.
        gradient_scale=jnp.max(jnp.abs(gradient)),
        residual=zero,
        steps=jnp.int32(-1),
        num_steps=jnp.zeros(len(pga.tolerances), jnp.int32),
        reached=jnp.zeros(len(pga.tolerances), bool),
        boundary_step=jnp.int32(-1),
        status=jnp.int32(Status.RUNNING),
    )
    state = _arrive(problem, nowhere, delta, pga)
    # A saturated activation hides an infinite x from the loss and the gradient.
    finite = jnp.isfinite(problem.x).all() & jnp.isfinite(problem.circumradius)
    return dataclasses.replace(
        state,
        loss_start=state.loss,
        reached=state.reached & finite,
        status=jnp.where(finite, state.status, Status.NONFINITE),
    )


def step(problem: Problem, state: State, pga: PGA) -> State:
    """The state at k + 1, after one step δ_{k+1} = P(δ_k + η_k g_k)."""
    problem, pga = cast_floats((problem, pga), state.perturbation.dtype)
    size = _step_size(problem, state, pga)
    delta = _project(problem, state.perturbation + size * state.gradient)
    return _arrive(problem, state, delta, pga)


def done(state: State) -> Bool[Array, ""]:
    """Whether the trial has stopped; its status says why."""
    return state.status != Status.RUNNING


def finish(problem: Problem, state: State, pga: PGA) -> Solution:
    """The solution, from the last state of the trial."""
    problem, pga = cast_floats((problem, pga), state.perturbation.dtype)
    return Solution(
        perturbation=state.perturbation,
        loss=state.loss,
        loss_start=state.loss_start,
        residual=state.residual,
        frank_wolfe_gap=problem.constraint.frank_wolfe_gap(state.perturbation, state.gradient),
        gradient_scale=state.gradient_scale,
        step_size=_step_size(problem, state, pga),
        steps=state.steps,
        num_steps=state.num_steps,
        reached=state.reached,
        boundary_step=state.boundary_step,
        status=state.status,
    )


def _project(problem: Problem, point: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return problem.constraint.project(point).astype(point.dtype)


def _step_size(problem: Problem, state: State, pga: PGA) -> Float[Array, ""]:
    size = jnp.asarray(pga.step.size(state.rule, problem, state.gradient, state.steps))
    if size.shape != ():
        raise TypeError(f"step: size must give one number, and gives shape {size.shape}")
    return size.astype(state.perturbation.dtype)


def _arrive(problem: Problem, before: State, delta: Float[Array, "*shape"], pga: PGA) -> State:
    """The state one step after ``before``, at ``delta``."""
    steps = before.steps + 1
    loss, gradient = problem.value_and_gradient(delta)
    gradient_norm = l2_norm(gradient, unit=before.gradient_scale)
    gradient_scale = jnp.maximum(before.gradient_scale, gradient_norm)
    r = residual(problem.constraint, delta, gradient, gradient_scale)
    finite = jnp.isfinite(loss) & jnp.isfinite(gradient_norm)
    reached = before.reached | (finite & (r <= jnp.asarray(pga.tolerances, delta.dtype)))
    on_edge = on_boundary(problem.constraint, delta, rounding(delta.size, delta.dtype))
    # Where several reasons hold in one step, the last in this order is reported.
    reasons = {
        Status.MAX_STEPS: steps >= pga.max_steps,
        Status.STALLED: (steps > 0) & (jnp.max(jnp.abs(delta - before.perturbation)) == 0),
        Status.CONVERGED: reached[-1],
        Status.NONFINITE: ~finite,
    }
    status = jnp.int32(Status.RUNNING)
    for reason, holds in reasons.items():
        status = jnp.where(holds, reason, status)
    return dataclasses.replace(
        before,
        perturbation=delta,
        loss=loss.astype(delta.dtype),
        gradient=gradient,
        gradient_scale=gradient_scale,
        residual=r,
        steps=steps,
        num_steps=jnp.where(before.reached, before.num_steps, steps),
        reached=reached,
        boundary_step=jnp.where((before.boundary_step < 0) & on_edge, steps, before.boundary_step),
        status=status,
    )


def ascend(problem: Problem, start: Floats, pga: PGA | None = None) -> Solution:
    """Projected gradient ascent of one problem from one start (docs/theory.md, section 3).

    It runs at the precision of ``start``, float32 or float64, with matrix products in full
    precision on every device. For many trials at once use ``jax.vmap(ja.ascend, in_axes=(None, 0,
    None))(problem, starts, pga)``, or, faster where their lengths differ, `lane_map` of the
    functions of `ja.pga`. It is differentiable in forward mode only, because the number of steps
    is not known before.

    Args:
        problem: what is maximised.
        start: δ_0, of the shape of ``problem.x``; projected on the set if it lies outside.
        pga: step rule, tolerances and budget; `PGA` with its defaults if it is not given.

    Raises:
        TypeError: if ``start`` is no array of floats of 32 bits or more, or the network or loss
            cannot be called or returns something else than it should; says which.
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
    return _ascend(problem, delta, as_pga(pga))


@jax.jit
def _ascend(problem: Problem, start: Float[Array, "*shape"], pga: PGA) -> Solution:
    check_trial(problem, start)
    check_step(problem, start, pga.step)
    with jax.default_matmul_precision("highest"):
        state = jax.lax.while_loop(
            lambda state: ~done(state),
            lambda state: step(problem, state, pga),
            init(problem, start, pga),
        )
        return finish(problem, state, pga)
