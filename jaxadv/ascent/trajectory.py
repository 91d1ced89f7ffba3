"""The whole path of a trial, for the few trials that are drawn."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxadv.ascent.entry import check_moves, check_problem, check_trial, check_values
from jaxadv.ascent.methods import Method
from jaxadv.ascent.solution import Solution
from jaxadv.ascent.trial import State, as_method, done, finish, init, step
from jaxadv.problems.checks import Floats, as_floats
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree


@pytree
class Trajectory:
    """The points of an ascent at each step k = 0, 1, …, length.

    After the trial stopped, its last point is repeated: `Solution.steps` is the last k that counts.

    Attributes:
        loss: L(δ_k).
        residual: r_k.
        norm: ‖δ_k‖₂.
        perturbation: δ_k.
    """

    loss: Float[Array, "*step"]
    residual: Float[Array, "*step"]
    norm: Float[Array, "*step"]
    perturbation: Float[Array, "*step_and_shape"]


def ascend_recorded(
    problem: Problem, start: Floats, method: Method | None = None, *, length: int | None = None
) -> tuple[Solution, Trajectory]:
    """`ascend` with the trajectory; steps, other arguments and errors are the same.

    It is a separate loop, so that `ascend` pays nothing for the trajectory. It always takes
    ``length`` turns, which do nothing after the trial has stopped, and holds as many values.

    Args:
        problem: what is maximised.
        start: δ_0.
        method: as in `ascend`.
        length: after how many steps the ascent is cut off; by default its whole budget.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> prob = ja.Problem(net, x=jnp.ones(4), y=0.0, constraint=ja.L2Ball(0.2))
        >>> sol, path = ja.ascend_recorded(prob, jnp.zeros(4), ja.PGA(max_steps=100))
        >>> path.residual.shape, bool(path.residual[sol.steps] == sol.residual)
        ((101,), True)
    """
    check_problem(problem)
    delta: Array = as_floats("start", start)
    check_values(problem, delta)
    given = as_method(method)
    turns = given.max_steps if length is None else length
    return _ascend_recorded(problem, delta, given, length=turns)


@partial(jax.jit, static_argnames="length")
def _ascend_recorded(
    problem: Problem, start: Float[Array, "*shape"], method: Method, *, length: int
) -> tuple[Solution, Trajectory]:
    check_trial(problem, start)
    check_moves(problem, start, method)
    with jax.default_matmul_precision("highest"):

        def turn(state: State, _: None) -> tuple[State, Trajectory]:
            stopped = done(state)
            stepped = step(problem, state, method)
            state = jax.tree.map(lambda old, new: jnp.where(stopped, old, new), state, stepped)
            return state, look(state)

        def look(state: State) -> Trajectory:
            return Trajectory(
                loss=state.loss,
                residual=state.residual,
                norm=l2_norm(state.perturbation),
                perturbation=state.perturbation,
            )

        first = init(problem, start, method)
        last, later = jax.lax.scan(turn, first, length=length)
        path = jax.tree.map(
            lambda one, rest: jnp.concatenate([one[None], rest]), look(first), later
        )
        return finish(problem, last, method), path
