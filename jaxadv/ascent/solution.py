"""Where a trial ended, and why it stopped there."""

import enum
from typing import NamedTuple

from jaxtyping import Array, Bool, Float, Int, ScalarLike

from jaxadv.pytrees import pytree


class Status(enum.IntEnum):
    """Why a trial stopped.

    - RUNNING: it has not stopped.
    - CONVERGED: the residual reached the tightest tolerance.
    - MAX_STEPS: the budget ran out; the step counts of tolerances not reached are right-censored.
    - STALLED: δ_{k+1} = δ_k, bit for bit, above the tightest tolerance: the floor of the precision.
    - CYCLING: δ came back, bit for bit, to where it was some steps before, and would go on so.
      Methods with a memory can leave a point that they come back to. So they neither stall nor
      cycle, but run to the budget.
    - NONFINITE: the input, the loss or the gradient became NaN or infinite at the last step.
    """

    RUNNING = 0
    CONVERGED = 1
    MAX_STEPS = 2
    STALLED = 3
    NONFINITE = 4
    CYCLING = 5


class End(NamedTuple):
    """What a certificate needs of an ascent: δ, the step size η, and the largest gradient norm."""

    delta: Float[Array, "*shape"]
    step_size: ScalarLike
    gradient_scale: ScalarLike


@pytree
class Solution:
    """Where a trial ended, and how it got there.

    Attributes:
        perturbation: δ at the end, or the best δ, as the method reports it; likewise the loss and
            the residual.
        loss: L(δ).
        loss_start: L(δ_0).
        residual: r, as `residual` defines it.
        frank_wolfe_gap: max ⟨z − δ, g⟩ over the set, in units of the loss.
        gradient_scale: the largest gradient norm along the ascent.
        step_size: η of plain gradient steps at δ; NaN for other methods.
        steps: the number of steps taken.
        num_steps: for each tolerance the first step at which r ≤ tol; if it was not reached, the
            number of steps taken (right-censored).
        reached: for each tolerance whether it was reached.
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

    @property
    def end(self) -> End:
        """What a certificate needs."""
        return End(self.perturbation, self.step_size, self.gradient_scale)
