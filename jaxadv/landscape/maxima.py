"""Ascents from many starts, and their paths."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxadv.ascent import trial
from jaxadv.ascent.certifying import certify_each
from jaxadv.ascent.kinds import MAXIMA
from jaxadv.ascent.methods import Method
from jaxadv.ascent.trial import State
from jaxadv.batches import map_batches
from jaxadv.experiments.variables import Known, known_on_boundary, known_where
from jaxadv.lanes import lane_map
from jaxadv.problems.constraints import is_box
from jaxadv.problems.norms import is_zero, l2_norm, over
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree

X = TypeVar("X")


@pytree
class Walk:
    """An ascent under way, and what its path was like so far.

    Attributes:
        state: the state of the ascent.
        start: δ_0.
        length: Σ ‖δ_{k+1} − δ_k‖.
        falls: how many steps lowered the loss.
    """

    state: State
    start: Float[Array, " dim"]
    length: Float[Array, ""]
    falls: Int[Array, ""]


@pytree
class Ends:
    """Where ascents ended, and how they got there; all axes begin with those of the starts.

    Attributes:
        status: a `Status`.
        steps: how many there were.
        residual: r at the end.
        loss: L(δ) at the end.
        kind: the `Kind` of the end.
        curvature_ratio: κ at the end; it exists on the boundary only.
        num_free: the coordinates at no bound; it exists in boxes only.
        certified: whether a certified maximum is close to the end.
        maximum: δ*, that maximum, polished; the end itself where there is none.
        loss_maximum: L(δ*).
        path_ratio: the path's length over its chord, ‖δ_K − δ_0‖, as `path_ratio` has it.
        falls: the share of steps that lowered the loss; 0 where there was none.
    """

    status: Int[Array, "*start"]
    steps: Int[Array, "*start"]
    residual: Float[Array, "*start"]
    loss: Float[Array, "*start"]
    kind: Int[Array, "*start"]
    curvature_ratio: Known
    num_free: Known
    certified: Bool[Array, "*start"]
    maximum: Float[Array, "*start dim"]
    loss_maximum: Float[Array, "*start"]
    path_ratio: Float[Array, "*start"]
    falls: Float[Array, "*start"]


def climb(
    problem_of: Callable[[X], tuple[Problem, Float[Array, " dim"]]],
    rows: X,
    method: Method,
    *,
    num_lanes: int,
    certify_lanes: int = 64,
) -> Ends:
    """Ascend from many starts, and certify and polish the ends.

    Enter ``jax.enable_x64(True)`` around it, and give it floats of double precision, in which falls
    of the loss and distances of maxima are more than noise.

    Args:
        problem_of: from a row to its problem and start. All rows share what it closes over, such as
            the network.
        rows: any pytree of arrays with a common leading axis, a row for each start.
        method: of the ascents.
        num_lanes: ascents under way at a time.
        certify_lanes: ends certified at a time.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> prob = ja.Problem(net, jnp.ones(4), jnp.float32(0), ja.L2Ball(0.2))
        >>> starts = 0.1 * jax.random.normal(jax.random.key(1), (8, 4))
        >>> ends = climb(lambda start: (prob, start), starts, PGA(), num_lanes=8)  # doctest: +SKIP
        >>> ends.maximum.shape  # doctest: +SKIP
        (8, 4)
    """

    def init(row: X) -> tuple[X, Walk]:
        problem, start = problem_of(row)
        state = trial.init(problem, start, method)
        zero = jnp.zeros_like(state.loss)
        return row, Walk(state, state.perturbation, zero, jnp.zeros_like(state.steps))

    def step(lane: tuple[X, Walk]) -> tuple[X, Walk]:
        row, walk = lane
        state = trial.step(problem_of(row)[0], walk.state, method)
        moved = l2_norm(state.perturbation - walk.state.perturbation)
        fell = state.loss < walk.state.loss
        return row, Walk(state, walk.start, walk.length + moved, walk.falls + fell)

    def finish(lane: tuple[X, Walk]) -> dict[str, Any]:
        row, walk = lane
        chord = l2_norm(walk.state.perturbation - walk.start)
        return {
            "row": row,
            "solution": trial.finish(problem_of(row)[0], walk.state, method),
            "path_ratio": path_ratio(walk.length, chord),
            "falls": over(walk.falls.astype(chord.dtype), walk.state.steps),
        }

    def judge(ended: dict[str, Any]) -> Ends:
        problem, _ = problem_of(ended["row"])
        solution, certificate = ended["solution"], ended["certificate"]
        return Ends(
            status=solution.status,
            steps=solution.steps,
            residual=solution.residual,
            loss=solution.loss,
            kind=certificate.kind,
            curvature_ratio=known_on_boundary(certificate.curvature_ratio, certificate.multiplier),
            num_free=known_where(
                jnp.bool_(is_box(problem.constraint, problem.x.size)),
                certificate.num_free.astype(solution.loss.dtype),
            ),
            certified=jnp.isin(certificate.kind, jnp.array(MAXIMA)),
            maximum=certificate.maximum,
            loss_maximum=problem.objective(certificate.maximum),
            path_ratio=ended["path_ratio"],
            falls=ended["falls"],
        )

    with jax.default_matmul_precision("highest"):
        ended = lane_map(
            init, step, lambda lane: trial.done(lane[1].state), finish, rows, num_lanes=num_lanes
        )
        ended["certificate"] = certify_each(
            lambda ended: (problem_of(ended["row"])[0], ended["solution"].end),
            ended,
            tolerance=method.tolerances[-1],
            lanes=certify_lanes,
        )
        return map_batches(judge, ended, certify_lanes)


def path_ratio(length: Float[Array, ""], chord: Float[Array, ""]) -> Float[Array, ""]:
    """A path's length over its chord; 1 where nothing moved, inf where it ends at its start.

    Example:
        >>> float(path_ratio(jnp.float32(3), jnp.float32(2)))
        1.5
    """
    closed = jnp.where(is_zero(length), 1, jnp.inf)
    return jnp.where(is_zero(chord), closed, over(length, chord))
