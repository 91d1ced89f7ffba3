"""Projected gradient ascent, a `Method`."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxadv.ascent.methods import Point, as_budget, as_ladder, better, no_point
from jaxadv.ascent.steps import StepRule, as_step_rule
from jaxadv.problems.checks import check_number
from jaxadv.problems.constraints import Constraint
from jaxadv.problems.norms import l2_norm, over
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree, set_fields, static

Vector = Float[Array, "*shape"]


def _unit(vector: Vector) -> Vector:
    return over(vector, l2_norm(vector))


# The direction u of a step, made of the gradient or of the velocity.
DIRECTIONS: Mapping[str, Callable[[Vector], Vector]] = {
    "gradient": lambda vector: vector,
    "sign": jnp.sign,
    "normalized": _unit,
}
STEEPEST = "steepest"


def direction_of(kind: str, constraint: Constraint, vector: Vector) -> Vector:
    """The direction u of a step.

    Args:
        kind: one of `DIRECTIONS`, or "steepest", the direction of steepest ascent in the norm of a
            box or a ball: the signs in boxes, the unit vector in other sets.
        constraint: the set.
        vector: the gradient or the velocity.

    Example:
        >>> from jaxadv import LInfBall
        >>> direction_of("steepest", LInfBall(0.1), jnp.array([3.0, -4.0])).tolist()
        [1.0, -1.0]
    """
    if kind == STEEPEST:
        kind = getattr(constraint, "steepest_direction", "normalized")
    return DIRECTIONS[kind](vector)


class Memory(NamedTuple):
    """What projected gradient ascent remembers.

    ``rule`` is the state of the step rule. ``velocity`` is v, and None without momentum. ``best``
    is the point of the largest loss, but for the present one, and None unless it is kept.
    """

    rule: Any
    velocity: Vector | None
    best: Point | None


@pytree
class PGA:
    """Projected gradient ascent δ_{k+1} = P(δ_k + η_k u_k), u_k = g_k unless a direction is given.

    Source: docs/theory.md, section 3. Sign steps and momentum are those of Madry et al. 2018
    (arXiv:1706.06083) and Dong et al. 2018 (arXiv:1710.06081).

    Attributes:
        step: the rule for η_k; a number is a `ConstantStep`.
        tolerances: residuals at which steps are counted, descending; the last one stops the trial.
            A single number may stand for a tuple of one.
        max_steps: the budget of steps.
        direction: what u_k is made of the gradient: "gradient" (g), "sign" (the sign of each
            entry), "normalized" (g/‖g‖₂), or "steepest" (the signs in boxes, g/‖g‖₂ in other sets).
        momentum: μ, from 0 to 1. Above 0, u_k is made of the velocity v_k = μ v_{k−1} + g_k/‖g_k‖₁
            instead of g_k.
        keep_best: whether the result, its residual and the step counts are those of the best point
            so far, and not of the last one.

    Raises:
        TypeError: for a step that is neither a number nor a `StepRule`, tolerances or a momentum
            that are no numbers, or a budget that is no whole number.
        ValueError: for tolerances that are not positive or do not descend, a negative budget, an
            unknown direction, or a momentum below 0 or above 1.

    Example:
        >>> PGA(step=0.1, tolerances=1e-3).tolerances
        (0.001,)
        >>> import jaxadv as ja
        >>> PGA(ja.NormalizedStep(0.25), direction="sign").direction  # steps of a quarter of ε
        'sign'
    """

    step: StepRule
    tolerances: tuple[float, ...] = static()
    max_steps: int = static()
    direction: str = static()
    momentum: float = static()
    keep_best: bool = static()

    def __init__(
        self,
        step: Any = 0.1,
        tolerances: float | Iterable[float] = (1e-2, 1e-3, 1e-4),
        max_steps: int = 20_000,
        *,
        direction: str = "gradient",
        momentum: Any = 0.0,
        keep_best: bool = False,
    ) -> None:
        allowed = (*DIRECTIONS, STEEPEST)
        if direction not in allowed:
            raise ValueError(f"direction: {direction!r} must be one of {', '.join(allowed)}")
        check_number("momentum", momentum, positive=False)
        if momentum > 1:
            raise ValueError(f"momentum: {momentum} must be from 0 to 1")
        set_fields(
            self,
            step=as_step_rule(step),
            tolerances=as_ladder(tolerances),
            max_steps=as_budget(max_steps),
            direction=direction,
            momentum=float(momentum),
            keep_best=bool(keep_best),
        )

    def init(self, problem: Problem, start: Vector) -> Memory:
        """The state of the step rule, a velocity of 0, and no best point yet."""
        velocity = jnp.zeros_like(start) if self.momentum else None
        best = no_point(start) if self.keep_best else None
        return Memory(self.step.init(problem, start), velocity, best)

    def move(
        self, problem: Problem, point: Point, memory: Memory, steps: Int[Array, ""]
    ) -> tuple[Vector, Memory]:
        """P(δ + η u)."""
        velocity = memory.velocity
        if velocity is not None:
            absolute = jnp.sum(jnp.abs(point.gradient))
            velocity = self.momentum * velocity + over(point.gradient, absolute)
        vector = point.gradient if velocity is None else velocity
        direction = direction_of(self.direction, problem.constraint, vector)
        size = self._size(problem, direction, memory, steps).astype(point.delta.dtype)
        moved = problem.constraint.project(point.delta + size * direction)
        best = None if memory.best is None else better(point, memory.best)
        return moved, Memory(memory.rule, velocity, best)

    def reported(self, point: Point, memory: Memory) -> Point:
        """The present point, or the best one."""
        return point if memory.best is None else better(point, memory.best)

    def step_size(
        self, problem: Problem, point: Point, memory: Memory, steps: Int[Array, ""]
    ) -> Float[Array, ""]:
        """η of plain gradient steps; NaN for others, whose rate is another one."""
        if self.direction != "gradient" or self.momentum:
            return jnp.full((), math.nan, point.delta.dtype)
        return self._size(problem, point.gradient, memory, steps)

    def repeats(self, problem: Problem, point: Point, memory: Memory) -> bool:
        """Without momentum, and if the step rule does not look at the number of steps."""
        if self.momentum:
            return False

        def size(steps: Int[Array, ""]) -> Float[Array, ""]:
            return self._size(problem, point.gradient, memory, steps)

        try:
            # A size that depends on the number of steps is another one for each of them.
            jax.eval_shape(jax.vmap(size, out_axes=None), jax.ShapeDtypeStruct((1,), jnp.int32))
        except ValueError:
            return False
        return True

    def _size(
        self, problem: Problem, direction: Vector, memory: Memory, steps: Int[Array, ""]
    ) -> Float[Array, ""]:
        size = jnp.asarray(self.step.size(memory.rule, problem, direction, steps))
        if size.shape != ():
            raise TypeError(f"step: size must give one number, and gives shape {size.shape}")
        return size
