"""Methods: how an ascent moves from point to point."""

import itertools
import math
import operator
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxadv.problems.problem import Problem


class Point(NamedTuple):
    """A perturbation δ, the loss L(δ) and the gradient g = ∇L(δ)."""

    delta: Float[Array, "*shape"]
    loss: Float[Array, ""]
    gradient: Float[Array, "*shape"]


def no_point(start: Float[Array, "*shape"]) -> Point:
    """A point that every other one is better than."""
    return Point(start, jnp.full((), -jnp.inf, start.dtype), jnp.zeros_like(start))


def better(point: Point, best: Point) -> Point:
    """The point, where its loss is larger than that of the best one so far."""
    is_better = point.loss > best.loss
    return Point(*(jnp.where(is_better, new, old) for new, old in zip(point, best, strict=True)))


@runtime_checkable
class Method(Protocol):
    """How an ascent moves: `PGA`, `APGD`, or a method of your own.

    The loop around it (`jaxadv.trial`) is the same for all methods: it evaluates one gradient for
    each step, counts steps to the tolerances, and says why a trial stopped. What a method remembers
    from step to step is its *memory*, any pytree of arrays.
    """

    @property
    def tolerances(self) -> tuple[float, ...]:
        """Residuals at which steps are counted, descending; the last one stops a trial."""
        ...

    @property
    def max_steps(self) -> int:
        """The budget of steps."""
        ...

    def init(self, problem: Problem, start: Float[Array, "*shape"]) -> Any:
        """The memory at the start of a trial, which is a point of the set."""
        ...

    def move(
        self, problem: Problem, point: Point, memory: Any, steps: Int[Array, ""]
    ) -> tuple[Float[Array, "*shape"], Any]:
        """The next perturbation, a point of the set, and the memory after the move.

        Args:
            problem: what is maximised.
            point: where the trial is.
            memory: what the method remembers.
            steps: how many steps were taken before.
        """
        ...

    def reported(self, point: Point, memory: Any) -> Point:
        """The point that counts as the trial's result so far: the present one, or the best one."""
        ...

    def repeats(self, problem: Problem, point: Point, memory: Any) -> bool:
        """Whether a point always leads to the same next point, however it was reached, and when.

        A trial that comes back to a point then goes round for ever, and is stopped. It is asked
        while a program is compiled.
        """
        ...

    def step_size(
        self, problem: Problem, point: Point, memory: Any, steps: Int[Array, ""]
    ) -> Float[Array, ""]:
        """η, if the method moves from here to P(δ + η g) again and again; NaN otherwise.

        Certificates predict the rate of convergence from it.
        """
        ...


def as_budget(max_steps: Any) -> int:
    """A budget of steps.

    Raises:
        TypeError: for what is no whole number.
        ValueError: for a negative number.
    """
    try:
        max_steps = operator.index(max_steps)
    except TypeError as error:
        raise TypeError(f"max_steps: {max_steps!r} must be a whole number") from error
    if max_steps < 0:
        raise ValueError(f"max_steps: {max_steps} must be 0 or more")
    return max_steps


def as_ladder(tolerances: Any) -> tuple[float, ...]:
    """Tolerances as a tuple of Python floats, which are constants of the compiled program.

    Raises:
        TypeError: for tolerances that are no numbers.
        ValueError: for tolerances that are not positive or do not descend.
    """
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


def check_method(method: Any) -> None:
    """Refuse what is no method.

    Raises:
        TypeError: says what a method is.
    """
    names = ("tolerances", "max_steps", "init", "move", "reported", "repeats", "step_size")
    if isinstance(method, type) or not all(hasattr(method, name) for name in names):
        raise TypeError(f"method: {method!r} must be a method, such as ja.PGA(step=0.1)")
