"""Projected gradient ascent of one problem from one start, and its stopping rule (THEORY 3).

The algorithm is four functions, ``init``, ``step``, ``done`` and ``finish``; `ascend` is the loop
around them.
"""

import dataclasses
import enum
import itertools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxadv.ascent.stationarity import residual
from jaxadv.ascent.steps import ConstantStep, StepRule
from jaxadv.problems.constraints import on_boundary
from jaxadv.problems.norms import l2_norm, rounding
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree, static


class Status(enum.IntEnum):
    """Why a trial stopped; RUNNING while it has not."""

    RUNNING = 0
    CONVERGED = 1
    """The residual reached the tightest tolerance."""
    MAX_STEPS = 2
    """The budget ran out: the step counts of tolerances not reached are right-censored."""
    STALLED = 3
    """δ_{k+1} = δ_k bit for bit, above the tightest tolerance: the floor of the precision."""
    NONFINITE = 4
    """The input, the loss or the gradient is NaN or infinite, since the last step counted."""


@pytree
class PGA:
    """The settings of projected gradient ascent δ_{k+1} = P(δ_k + η_k g_k).

    Attributes:
        step: the rule for η_k.
        tolerances: residuals at which steps are counted, descending; the last one stops the trial.
        max_steps: the budget of steps.

    Raises:
        ValueError: for tolerances that are not positive or do not descend, or a negative budget.

    Example:
        >>> PGA(step=ConstantStep(0.1)).tolerances
        (0.01, 0.001, 0.0001)
    """

    step: StepRule = ConstantStep(0.1)
    tolerances: tuple[float, ...] = static(default=(1e-2, 1e-3, 1e-4))
    max_steps: int = static(default=20_000)

    def __post_init__(self) -> None:
        ladder = self.tolerances
        if not ladder or not all(0 < tol < math.inf for tol in ladder):
            raise ValueError(f"tolerances: {ladder} must be positive numbers, at least one")
        if any(tighter >= looser for looser, tighter in itertools.pairwise(ladder)):
            raise ValueError(f"tolerances: {ladder} must descend, each below the one before it")
        if self.max_steps < 0:
            raise ValueError(f"max_steps: {self.max_steps} must be 0 or more")


@pytree
class State:
    """What the loop carries from step to step.

    Attributes:
        rule: the step rule's own state.
        perturbation: δ_k.
        loss: L(δ_k).
        loss_start: L(δ_0).
        gradient: g_k.
        gradient_scale: G_k = max_{j≤k} ‖g_j‖.
        residual: r_k.
        steps: k.
        num_steps: for each tolerance the first k with r_k ≤ tol, or the current k.
        reached: whether that has happened.
        boundary_step: the first k with δ_k on the boundary, −1 before.
        status: a `Status`.
    """

    rule: Float[Array, ""]
    perturbation: Float[Array, " dim"]
    loss: Float[Array, ""]
    loss_start: Float[Array, ""]
    gradient: Float[Array, " dim"]
    gradient_scale: Float[Array, ""]
    residual: Float[Array, ""]
    steps: Int[Array, ""]
    num_steps: Int[Array, " tolerance"]
    reached: Bool[Array, " tolerance"]
    boundary_step: Int[Array, ""]
    status: Int[Array, ""]


@pytree
class Solution:
    """Where a trial ended, and how it got there.

    Attributes:
        perturbation: δ at the end.
        loss: L(δ).
        loss_start: L(δ_0).
        residual: r, see `residual`.
        frank_wolfe_gap: max ⟨z − δ, g⟩ over the set, in units of the loss.
        gradient_scale: the largest gradient norm on the way.
        step_size: η that the rule gives at δ.
        steps: the number of steps taken.
        num_steps: for each tolerance the first step at which r ≤ tol; where that never happened,
            the number of steps taken (right-censored).
        reached: whether it happened.
        boundary_step: the first step with δ on the boundary, −1 if none.
        status: a `Status`.
    """

    perturbation: Float[Array, " dim"]
    loss: Float[Array, ""]
    loss_start: Float[Array, ""]
    residual: Float[Array, ""]
    frank_wolfe_gap: Float[Array, ""]
    gradient_scale: Float[Array, ""]
    step_size: Float[Array, ""]
    steps: Int[Array, ""]
    num_steps: Int[Array, " tolerance"]
    reached: Bool[Array, " tolerance"]
    boundary_step: Int[Array, ""]
    status: Int[Array, ""]


def init(problem: Problem, start: Float[Array, " dim"], pga: PGA) -> State:
    """The state at k = 0; a start outside the set is projected first."""
    delta = problem.constraint.project(start)
    _, gradient = problem.value_and_gradient(delta)
    unknown = jnp.full((), jnp.nan, delta.dtype)
    nowhere = State(
        rule=pga.step.init(problem, delta),
        perturbation=delta,
        loss=unknown,
        loss_start=unknown,
        gradient=jnp.zeros_like(delta),
        # Not above ‖g_0‖, and a unit in which that can be squared safely.
        gradient_scale=jnp.max(jnp.abs(gradient)),
        residual=unknown,
        steps=jnp.int32(-1),
        num_steps=jnp.zeros(len(pga.tolerances), jnp.int32),
        reached=jnp.zeros(len(pga.tolerances), bool),
        boundary_step=jnp.int32(-1),
        status=jnp.int32(Status.RUNNING),
    )
    state = _arrive(problem, nowhere, delta, pga)
    # A saturated activation hides an infinite x from the loss and the gradient.
    finite = jnp.isfinite(problem.x).all() & jnp.isfinite(problem.constraint.radius)
    return dataclasses.replace(
        state,
        loss_start=state.loss,
        reached=state.reached & finite,
        status=jnp.where(finite, state.status, Status.NONFINITE),
    )


def step(problem: Problem, state: State, pga: PGA) -> State:
    """The state at k + 1: one step δ_{k+1} = P(δ_k + η_k g_k), and what is known of that point."""
    size = pga.step.size(state.rule, problem, state.gradient)
    delta = problem.constraint.project(state.perturbation + size * state.gradient)
    return _arrive(problem, state, delta, pga)


def done(state: State) -> Bool[Array, ""]:
    """Whether the trial has stopped; its status says why."""
    return state.status != Status.RUNNING


def finish(problem: Problem, state: State, pga: PGA) -> Solution:
    """What the last state says of the trial."""
    return Solution(
        perturbation=state.perturbation,
        loss=state.loss,
        loss_start=state.loss_start,
        residual=state.residual,
        frank_wolfe_gap=problem.constraint.frank_wolfe_gap(state.perturbation, state.gradient),
        gradient_scale=state.gradient_scale,
        step_size=pga.step.size(state.rule, problem, state.gradient),
        steps=state.steps,
        num_steps=state.num_steps,
        reached=state.reached,
        boundary_step=state.boundary_step,
        status=state.status,
    )


def _arrive(problem: Problem, before: State, delta: Float[Array, " dim"], pga: PGA) -> State:
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


@jax.jit
def ascend(problem: Problem, start: Float[Array, " dim"], pga: PGA) -> Solution:
    """Projected gradient ascent of one problem from one start (THEORY 3).

    Runs at the precision of ``start``, with matrix products in full precision on every device.
    Many trials at once: ``jax.vmap(ja.ascend, in_axes=(None, 0, None))(problem, starts, pga)``.
    Differentiable in forward mode (the number of steps is found on the way).

    Args:
        problem: what is maximised.
        start: δ_0, of the shape of ``problem.x``; projected on the set if it lies outside.
        pga: step rule, tolerances and budget.

    Raises:
        TypeError: if ``x`` or ``start`` is not a vector of floating-point numbers, or the network
            or loss does not give a scalar.
        ValueError: if ``x`` and ``start`` differ in shape.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> prob = ja.Problem(net, jnp.ones(4), jnp.float32(0), ja.L2Ball(0.2))
        >>> sol = ja.ascend(prob, jnp.zeros(4), ja.PGA(ja.ConstantStep(0.1)))
        >>> ja.Status(int(sol.status)).name
        'CONVERGED'
    """
    check_trial(problem, start)
    with jax.default_matmul_precision("highest"):
        state = jax.lax.while_loop(
            lambda state: ~done(state),
            lambda state: step(problem, state, pga),
            init(problem, start, pga),
        )
        return finish(problem, state, pga)


def check_trial(problem: Problem, start: Float[Array, " dim"]) -> None:
    """Refuse shapes and types that no ascent is defined for, with `ascend`'s errors."""
    for name, vector in (("problem.x", problem.x), ("start", start)):
        if jnp.ndim(vector) != 1 or not jnp.issubdtype(jnp.result_type(vector), jnp.floating):
            raise TypeError(f"{name}: must be a vector of floats, is {jax.typeof(vector)}")
    if problem.x.shape != start.shape:
        raise ValueError(f"start: shape {start.shape} is not that of x, {problem.x.shape}")
    output = jax.eval_shape(problem.objective, start)
    if getattr(output, "shape", None) != ():
        raise TypeError(f"problem: network and loss must give a scalar, not {output}")
