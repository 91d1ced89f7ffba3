"""Auto-PGD (Croce and Hein 2020), a `Method` that chooses its own step sizes."""

import itertools
import math
from collections.abc import Iterable, Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxadv.ascent.methods import Point, as_budget, as_ladder, better, no_point
from jaxadv.ascent.pga import STEEPEST, direction_of
from jaxadv.problems.norms import l2_norm, over
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree, set_fields, static

Vector = Float[Array, "*shape"]
Scalar = Float[Array, ""]

FIRST_LENGTH = 2.0  # of the first step, in circumradii
ALONG = 0.75  # the share of a move that is the step itself; the others repeat the last move
ENOUGH_RISES = 0.75  # of the steps between two checkpoints, or the step is halved
# Checkpoints, as shares of the budget: the first, by how much a period is shorter than the one
# before, and the shortest period.
FIRST_CHECK, SHORTER, SHORTEST = 0.22, 0.03, 0.06


@pytree
class Memory:
    """What APGD remembers.

    Attributes:
        previous: δ before the last move.
        best: the point of the largest loss, but for the present one.
        length: of a step, in circumradii.
        last_loss: the loss before the last move.
        rises: in how many steps the loss rose since the last checkpoint.
        since: the number of steps since then.
        best_at_check: the best loss at the last checkpoint.
        halved: whether the step was halved there.
    """

    previous: Vector
    best: Point
    length: Scalar
    last_loss: Scalar
    rises: Int[Array, ""]
    since: Int[Array, ""]
    best_at_check: Scalar
    halved: Bool[Array, ""]


@pytree
class APGD:
    """Auto-PGD: moves with momentum, and steps that are halved where the loss rises too seldom.

    A move goes to P(δ + ¾(z − δ) + ¼(δ − δ_previous)), with z = P(δ + η u). The first η u is two
    circumradii long. At checkpoints, which become denser towards the end of the budget, η is halved
    and the ascent goes back to its best point, if the loss rose in fewer than ¾ of the steps since
    the last checkpoint, or if neither η nor the best loss changed there. The result is the best
    point, and the residual and the step counts are of the best point so far.

    Source: Croce and Hein 2020 (arXiv:2003.01690), section 3 and algorithm 1.

    Attributes:
        max_steps: the budget, which sets the checkpoints.
        direction: what u is made of the gradient: "sign", "normalized" (g/‖g‖₂), or "steepest" (the
            signs in boxes, g/‖g‖₂ in other sets).
        tolerances: residuals at which steps are counted, descending; the last one stops the trial.

    Raises:
        TypeError: for a budget that is no whole number, or tolerances that are no numbers.
        ValueError: for a negative budget, an unknown direction, or tolerances that are not positive
            or do not descend.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> prob = ja.Problem(net, x=jnp.ones(4), y=0.0, constraint=ja.LInfBall(0.2))
        >>> sol = ja.ascend(prob, jnp.zeros(4), APGD(100))
        >>> ja.Status(int(sol.status)).name
        'CONVERGED'
    """

    max_steps: int = static()
    direction: str = static()
    tolerances: tuple[float, ...] = static()

    def __init__(
        self,
        max_steps: int = 100,
        *,
        direction: str = STEEPEST,
        tolerances: float | Iterable[float] = (1e-2, 1e-3, 1e-4),
    ) -> None:
        if direction not in ("sign", "normalized", STEEPEST):
            raise ValueError(f"direction: {direction!r} must be sign, normalized or steepest")
        set_fields(
            self,
            max_steps=as_budget(max_steps),
            direction=direction,
            tolerances=as_ladder(tolerances),
        )

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """The numbers of steps after which the step size is looked at.

        Example:
            >>> APGD(100).checkpoints
            (22, 41, 57, 70, 80, 87, 93, 99)
        """
        within = itertools.takewhile(lambda share: share < 1, _shares())
        # Rounded first: sums of decimal fractions lie a little beside whole numbers.
        return tuple(math.ceil(round(share * self.max_steps, 6)) for share in within)

    def init(self, problem: Problem, start: Vector) -> Memory:
        """No best point yet, and steps of two circumradii."""
        del problem
        lowest = jnp.full((), -jnp.inf, start.dtype)
        return Memory(
            previous=start,
            best=no_point(start),
            length=jnp.full((), FIRST_LENGTH, start.dtype),
            last_loss=lowest,
            rises=jnp.int32(0),
            since=jnp.int32(0),
            best_at_check=lowest,
            halved=jnp.bool_(False),
        )

    def move(
        self, problem: Problem, point: Point, memory: Memory, steps: Int[Array, ""]
    ) -> tuple[Vector, Memory]:
        """A step and a part of the last move, from the present point or from the best one."""
        is_first = steps == 0
        best = self.reported(point, memory)
        rises = memory.rises + ((point.loss > memory.last_loss) & ~is_first)
        since = memory.since + ~is_first
        is_check = jnp.isin(steps, jnp.asarray(self.checkpoints, jnp.int32))
        is_stuck = ~memory.halved & (memory.best_at_check >= best.loss)
        halves = is_check & ((rises < ENOUGH_RISES * since) | is_stuck)
        length = jnp.where(halves, memory.length / 2, memory.length)
        here = jax.tree.map(lambda one, other: jnp.where(halves, one, other), best, point)

        project = problem.constraint.project
        direction = direction_of(self.direction, problem.constraint, here.gradient)
        step = over(length * problem.circumradius, l2_norm(direction)) * direction
        ahead = project(here.delta + step)
        along = jnp.where(is_first, 1, ALONG).astype(length.dtype)
        inertia = (1 - along) * (here.delta - memory.previous)
        moved = project(here.delta + along * (ahead - here.delta) + inertia)
        return moved, Memory(
            previous=here.delta,
            best=best,
            length=length,
            last_loss=point.loss,
            rises=jnp.where(is_check, 0, rises),
            since=jnp.where(is_check, 0, since),
            best_at_check=jnp.where(is_check, best.loss, memory.best_at_check),
            halved=jnp.where(is_check, halves, memory.halved),
        )

    def reported(self, point: Point, memory: Memory) -> Point:
        """The best point so far."""
        return better(point, memory.best)

    def repeats(self, problem: Problem, point: Point, memory: Memory) -> bool:
        """No: the next point depends on the last move as well."""
        del problem, point, memory
        return False

    def step_size(
        self, problem: Problem, point: Point, memory: Memory, steps: Int[Array, ""]
    ) -> Scalar:
        """NaN: the moves are no gradient steps."""
        del problem, memory, steps
        return jnp.full((), jnp.nan, point.delta.dtype)


def _shares() -> Iterator[float]:
    """The checkpoints as shares of the budget."""
    share, period = FIRST_CHECK, FIRST_CHECK
    while True:
        yield share
        period = max(period - SHORTER, SHORTEST)
        share += period
