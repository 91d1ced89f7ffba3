"""The whole path of a trial, for those few trials that somebody wants to look at."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxadv.ascent.pga import PGA, Solution, State, check_trial, done, finish, init, step
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree


@pytree
class Trajectory:
    """What `ascend` saw at each step k = 0, 1, …, max_steps; NaN after the trial stopped.

    Attributes:
        loss: L(δ_k).
        residual: r_k.
        norm: the constraint's norm of δ_k, ‖δ_k‖₂ for L2 sets.
        perturbation: δ_k.
    """

    loss: Float[Array, "*step"]
    residual: Float[Array, "*step"]
    norm: Float[Array, "*step"]
    perturbation: Float[Array, "*step dim"]


@jax.jit
def ascend_recorded(
    problem: Problem, start: Float[Array, " dim"], pga: PGA
) -> tuple[Solution, Trajectory]:
    """`ascend`, with the trajectory; the same steps, and the same arguments and errors.

    A separate loop, so that `ascend` pays nothing for it: it always takes ``pga.max_steps`` turns,
    idle after the trial stopped, and holds as many values. Choose the budget accordingly.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> prob = ja.Problem(net, jnp.ones(4), jnp.float32(0), ja.L2Ball(0.2))
        >>> sol, path = ja.ascend_recorded(prob, jnp.zeros(4), ja.PGA(max_steps=100))
        >>> path.residual.shape, int(jnp.isfinite(path.residual).sum()) == int(sol.steps) + 1
        ((101,), True)
    """
    check_trial(problem, start)
    with jax.default_matmul_precision("highest"):

        def turn(state: State, _: None) -> tuple[State, Trajectory]:
            stopped = done(state)
            stepped = step(problem, state, pga)
            state = jax.tree.map(lambda old, new: jnp.where(stopped, old, new), state, stepped)
            seen = look(state)
            return state, jax.tree.map(lambda value: jnp.where(stopped, jnp.nan, value), seen)

        def look(state: State) -> Trajectory:
            return Trajectory(
                loss=state.loss,
                residual=state.residual,
                norm=problem.constraint.norm(state.perturbation),
                perturbation=state.perturbation,
            )

        first = init(problem, start, pga)
        last, later = jax.lax.scan(turn, first, length=pga.max_steps)
        path = jax.tree.map(
            lambda one, rest: jnp.concatenate([one[None], rest]), look(first), later
        )
        return finish(problem, last, pga), path
