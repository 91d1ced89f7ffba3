"""Step-size rules: how large the step η_k of projected gradient ascent is.

A rule has a state that is made once at the start of a trial (``init``) and gives the step size at
each point (``size``). Each has one parameter, so that a sweep can put it on a grid.
"""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from jaxadv.ascent.lanczos import extreme_ritz_values
from jaxadv.ascent.stationarity import over
from jaxadv.problems.checks import check_number
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree, static


@runtime_checkable
class StepRule(Protocol):
    """A rule for the step size η_k of δ_{k+1} = P(δ_k + η_k g_k)."""

    def init(self, problem: Problem, start: Float[Array, " dim"]) -> Float[Array, ""]:
        """What the rule has to know of a trial, found once at its start."""
        ...

    def size(
        self, state: Float[Array, ""], problem: Problem, gradient: Float[Array, " dim"]
    ) -> Float[Array, ""]:
        """η_k where the gradient is g_k."""
        ...


@pytree
class ConstantStep:
    """η_k = step_size, in units of δ² over loss.

    Example:
        >>> ConstantStep(0.1).step_size
        0.1
    """

    step_size: ScalarLike

    def __post_init__(self) -> None:
        check_number("step_size", self.step_size, positive=True)

    def init(self, problem: Problem, start: Float[Array, " dim"]) -> Float[Array, ""]:
        """The step size itself."""
        del problem
        return jnp.asarray(self.step_size, start.dtype)

    def size(
        self, state: Float[Array, ""], problem: Problem, gradient: Float[Array, " dim"]
    ) -> Float[Array, ""]:
        """The same at every point."""
        del problem, gradient
        return state


@pytree
class NormalizedStep:
    """η_k = step_size·ε/‖g_k‖: each step is a fraction of the set's circumradius ε long.

    Near a maximum whose curvature outweighs the step it can end in a 2-cycle, which is no maximum.

    Example:
        >>> NormalizedStep(0.1).step_size
        0.1
    """

    step_size: ScalarLike

    def __post_init__(self) -> None:
        check_number("step_size", self.step_size, positive=True)

    def init(self, problem: Problem, start: Float[Array, " dim"]) -> Float[Array, ""]:
        """step_size·ε, the length of every step."""
        return jnp.asarray(
            self.step_size * problem.constraint.circumradius(start.size), start.dtype
        )

    def size(
        self, state: Float[Array, ""], problem: Problem, gradient: Float[Array, " dim"]
    ) -> Float[Array, ""]:
        """The length over ‖g_k‖; 0 where the gradient is 0."""
        del problem
        return over(state, l2_norm(gradient))


@pytree
class InverseCurvatureStep:
    """η_k = step_size/|h|, |h| the largest |eigenvalue| of H at the start of the trial.

    |h| is a Lanczos estimate, from below, from one fixed random vector. Where H = 0 at the start,
    the step is one circumradius long there: step_size·ε/‖g_0‖.

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

    def init(self, problem: Problem, start: Float[Array, " dim"]) -> Float[Array, ""]:
        """step_size over the estimate of |h|."""
        generic = jax.random.normal(jax.random.key(0), start.shape, start.dtype)
        top, bottom = extreme_ritz_values(
            lambda v: problem.hessian_product(start, v), generic, min(self.num_iters, start.size)
        )
        curvature = jnp.maximum(jnp.abs(top.value), jnp.abs(bottom.value))
        _, gradient = problem.value_and_gradient(start)
        radius = problem.constraint.circumradius(start.size)
        flat = radius * over(jnp.ones_like(curvature), l2_norm(gradient))
        return jnp.asarray(self.step_size) * jnp.where(
            curvature == 0, flat, over(jnp.ones_like(flat), curvature)
        )

    def size(
        self, state: Float[Array, ""], problem: Problem, gradient: Float[Array, " dim"]
    ) -> Float[Array, ""]:
        """The same at every point of the trial."""
        del problem, gradient
        return state


STEP_RULES = {
    "constant": ConstantStep,
    "normalized": NormalizedStep,
    "inverse-curvature": InverseCurvatureStep,
}
"""The step rules by the names that a sweep knows them by."""
