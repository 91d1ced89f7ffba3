"""Step rules: how large the step η_k of projected gradient ascent is.

A rule makes a state once, at the start of a trial (``init``), and gives the step size at each point
(``size``). Each built-in rule has one parameter, so that a sweep can put it on a grid.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, ScalarLike

from jaxadv.ascent.lanczos import extreme_ritz_values
from jaxadv.problems.checks import check_number, offers
from jaxadv.problems.foreign import as_pytree
from jaxadv.problems.names import resolve
from jaxadv.problems.norms import is_zero, l2_norm, over
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree, set_fields, static


@runtime_checkable
class StepRule(Protocol):
    """A rule for the step size η_k of δ_{k+1} = P(δ_k + η_k g_k).

    **A rule of your own** is an object with these two methods. Its arrays are data, and its other
    attributes are part of the compiled program.

    Example:
        Steps that shrink as 1/(1 + k):

        >>> import dataclasses
        >>> import jaxadv as ja
        >>> @dataclasses.dataclass(frozen=True)
        ... class Shrinking:
        ...     first: float
        ...
        ...     def init(self, problem, start):
        ...         return jnp.asarray(self.first, start.dtype)
        ...
        ...     def size(self, state, problem, direction, steps):
        ...         return state / (1 + steps)
        >>> prob = ja.Problem(jnp.sum, x=[1.0, 1.0], y=0.0, constraint=ja.L2Ball(0.1))
        >>> sol = ja.ascend(prob, jnp.zeros(2), ja.PGA(step=Shrinking(0.1)))
        >>> ja.Status(int(sol.status)).name
        'CONVERGED'
    """

    def init(self, problem: Problem, start: Float[Array, "*shape"]) -> Any:
        """The rule's state, computed once at the start of a trial: any pytree."""
        ...

    def size(
        self,
        state: Any,
        problem: Problem,
        direction: Float[Array, "*shape"],
        steps: Int[Array, ""],
    ) -> Float[Array, ""]:
        """η_k for a step η_k u_k in the direction u_k (the gradient), after k = ``steps`` steps."""
        ...


class _OfSize:
    """A rule whose state is the size of a step."""

    def size(
        self,
        state: Float[Array, ""],
        problem: Problem,
        direction: Float[Array, "*shape"],
        steps: Int[Array, ""],
    ) -> Float[Array, ""]:
        """The same at every point."""
        del problem, direction, steps
        return state


@pytree
class ConstantStep(_OfSize):
    """η_k = step_size, in units of δ² over loss.

    Example:
        >>> ConstantStep(0.1).step_size
        0.1
    """

    step_size: ScalarLike

    def __post_init__(self) -> None:
        check_number("step_size", self.step_size, positive=True)

    def init(self, problem: Problem, start: Float[Array, "*shape"]) -> Float[Array, ""]:
        """The step size itself."""
        del problem
        return jnp.asarray(self.step_size, start.dtype)


class _OfLength:
    """A rule whose state is the length of a step."""

    def size(
        self,
        state: Float[Array, ""],
        problem: Problem,
        direction: Float[Array, "*shape"],
        steps: Int[Array, ""],
    ) -> Float[Array, ""]:
        """The length over ‖u_k‖; 0 where the direction is 0."""
        del problem, steps
        return over(state, l2_norm(direction))


@pytree
class NormalizedStep(_OfLength):
    """η_k = step_size·ε/‖u_k‖: each step is a fraction of the set's circumradius ε long.

    For signs, u = sign(g), in the ball of radius r in L∞ each entry moves by step_size·r.

    Near a maximum whose curvature outweighs the step it can end in a 2-cycle, which is no maximum.

    Example:
        >>> NormalizedStep(0.1).step_size
        0.1
    """

    step_size: ScalarLike

    def __post_init__(self) -> None:
        check_number("step_size", self.step_size, positive=True)

    def init(self, problem: Problem, start: Float[Array, "*shape"]) -> Float[Array, ""]:
        """step_size·ε, the length of every step."""
        return jnp.asarray(self.step_size * problem.circumradius, start.dtype)


@pytree
class InverseCurvatureStep(_OfSize):
    """η_k = step_size/|h|, |h| the largest |eigenvalue| of H at the start of the trial.

    |h| is a Lanczos estimate from one fixed random vector, and not above the true value. Where
    H = 0 at the start, the step is step_size·ε/‖g_0‖, a multiple of the circumradius.

    Attributes:
        step_size: the multiple of 1/|h|.
        num_iters: products with H that the estimate may take (at most dim are used).

    Example:
        >>> InverseCurvatureStep(1.0).num_iters
        16
    """

    step_size: ScalarLike
    num_iters: int = static(default=16)

    def __post_init__(self) -> None:
        check_number("step_size", self.step_size, positive=True)

    def init(self, problem: Problem, start: Float[Array, "*shape"]) -> Float[Array, ""]:
        """step_size over the estimate of |h|."""
        vector = jax.random.normal(jax.random.key(0), start.shape, start.dtype)
        top, bottom = extreme_ritz_values(
            lambda v: problem.hessian_product(start, v), vector, min(self.num_iters, start.size)
        )
        curvature = jnp.maximum(jnp.abs(top.value), jnp.abs(bottom.value))
        _, gradient = problem.value_and_gradient(start)
        flat = problem.circumradius * over(jnp.ones_like(curvature), l2_norm(gradient))
        return jnp.asarray(self.step_size) * jnp.where(
            is_zero(curvature), flat, over(jnp.ones_like(flat), curvature)
        )


@pytree
class ToBoundary(_OfLength):
    """A step so long that only its direction counts: δ_{k+1} = lim P(δ_k + t u_k), t → ∞.

    From 0 and with the direction "sign" it is the fast gradient method (Goodfellow et al. 2015).

    Example:
        >>> import jaxadv as ja
        >>> prob = ja.Problem(jnp.sum, x=[1.0, 1.0], y=0.0, constraint=ja.LInfBall(0.1))
        >>> once = ja.PGA(ToBoundary(), max_steps=1)
        >>> ja.ascend(prob, jnp.zeros(2), once).perturbation.round(3).tolist()
        [0.10000000149011612, 0.10000000149011612]
    """

    def init(self, problem: Problem, start: Float[Array, "*shape"]) -> Float[Array, ""]:
        """The length of a step: so many circumradii that δ is lost in rounding."""
        return problem.circumradius.astype(start.dtype) / jnp.finfo(start.dtype).eps


@pytree
class ScheduledStep:
    """η_k = schedule(k)·(η_k of another rule): steps that shrink, or grow first.

    Attributes:
        step: the other rule; a number is a `ConstantStep`.
        schedule: a function of the number of steps k, such as a schedule of optax.

    Example:
        Steps that shrink from half of the circumradius to 0 in 100 steps:

        >>> import jaxadv as ja
        >>> import optax
        >>> rule = ScheduledStep(ja.NormalizedStep(0.5), optax.linear_schedule(1.0, 0.0, 100))
        >>> float(rule.schedule(50))
        0.5
    """

    step: StepRule
    schedule: Callable[[Any], Any]

    def __init__(self, step: Any, schedule: Any) -> None:
        if not callable(schedule):
            raise TypeError(f"schedule: {schedule!r} must be a function of the number of steps")
        set_fields(self, step=as_step_rule(step), schedule=as_pytree("schedule", schedule))

    def init(self, problem: Problem, start: Float[Array, "*shape"]) -> Any:
        """The state of the other rule."""
        return self.step.init(problem, start)

    def size(
        self,
        state: Any,
        problem: Problem,
        direction: Float[Array, "*shape"],
        steps: Int[Array, ""],
    ) -> Float[Array, ""]:
        """The other rule's size times schedule(k)."""
        return self.step.size(state, problem, direction, steps) * self.schedule(steps)


# The step rules by name, each made from its parameter.
STEP_RULES: Mapping[str, Callable[[ScalarLike], StepRule]] = {
    "constant": ConstantStep,
    "normalized": NormalizedStep,
    "inverse-curvature": InverseCurvatureStep,
}


def as_step_rule(step: Any) -> Any:
    """A step rule: a number is a `ConstantStep`.

    Raises:
        TypeError: for what is neither a number nor a rule.

    Example:
        >>> as_step_rule(0.5)
        ConstantStep(step_size=0.5)
    """
    if offers(step, StepRule):
        return as_pytree("step", step)
    if isinstance(step, str):
        rules = ", ".join(f"ja.{rule.__name__}(...)" for rule in STEP_RULES.values())
        resolve("step", step, STEP_RULES)
        raise TypeError(f"step: {step!r} needs a size; give a number, or one of {rules}")
    number: Any = step
    try:
        return ConstantStep(number)
    except TypeError as error:
        raise TypeError(
            f"step: {step!r} must be a number, or an object with the methods of ja.StepRule (init "
            "and size); a schedule is a rule whose size depends on the number of steps"
        ) from error
