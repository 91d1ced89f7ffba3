"""Projected gradient ascent, a `Method`."""

from collections.abc import Iterable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxadv.ascent.methods import Point, as_budget, as_ladder
from jaxadv.ascent.steps import StepRule, as_step_rule
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree, set_fields, static


@pytree
class PGA:
    """Projected gradient ascent δ_{k+1} = P(δ_k + η_k g_k).

    Source: docs/theory.md, section 3.

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
        set_fields(
            self,
            step=as_step_rule(step),
            tolerances=as_ladder(tolerances),
            max_steps=as_budget(max_steps),
        )

    def init(self, problem: Problem, start: Float[Array, "*shape"]) -> Any:
        """The state of the step rule."""
        return self.step.init(problem, start)

    def move(
        self, problem: Problem, point: Point, memory: Any, steps: Int[Array, ""]
    ) -> tuple[Float[Array, "*shape"], Any]:
        """P(δ + η g)."""
        size = self.step_size(problem, point, memory, steps).astype(point.delta.dtype)
        return problem.constraint.project(point.delta + size * point.gradient), memory

    def reported(self, point: Point, memory: Any) -> Point:
        """The present point."""
        del memory
        return point

    def step_size(
        self, problem: Problem, point: Point, memory: Any, steps: Int[Array, ""]
    ) -> Float[Array, ""]:
        """η, as the step rule gives it."""
        size = jnp.asarray(self.step.size(memory, problem, point.gradient, steps))
        if size.shape != ():
            raise TypeError(f"step: size must give one number, and gives shape {size.shape}")
        return size
