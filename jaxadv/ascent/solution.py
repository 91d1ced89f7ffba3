"""Where a trial ended, and why it stopped there."""

import enum

from jaxtyping import Array, Bool, Float, Int

from jaxadv.pytrees import pytree


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

    perturbation: Float[Array, "*shape"]
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
