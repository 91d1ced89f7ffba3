"""`lane_map`: `jax.lax.map` for loops of unequal length, many at a time.

``jax.vmap`` of a ``while_loop`` runs until the longest loop of the batch has ended; where lengths
differ a hundredfold, nearly all of that time is spent on loops that ended long ago. Here a fixed
number of *lanes* each carry one trial. A lane whose trial has ended takes the next from the queue;
once the queue is empty, the trials left are moved together into ever fewer lanes:

    queue  8 7 6 │ lane 0  ■■■■■■■■■■■■1■■■■■■5■■■8■■■■■■
                 │ lane 1  ■■■2■■■■■■■■4■■■■■6■■■■■■■      a quarter of the lanes
                 │ lane 2  ■■■■■■3■■■■■■■■■■■■7■■■■■■

Nothing here knows what the loops compute.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

X = TypeVar("X")
S = TypeVar("S")
R = TypeVar("R")

# When the queue is empty, the lanes are cut to a quarter again and again, down to the fewest. Still
# fewer lanes would gain nothing, and each number of lanes is one more loop body.
FEWER = 4
FEWEST_LANES = 8
MOST_SHAPES = 4  # in a message


def lane_map(
    init: Callable[[X], S],
    step: Callable[[S], S],
    done: Callable[[S], Bool[Array, ""]],
    finish: Callable[[S], R],
    xs: X,
    *,
    num_lanes: int,
    check_every: int = 16,
) -> R:
    """The ends of many loops of unequal length, ``num_lanes`` of them under way at any time.

    Equal to, but for loops of unequal length much faster than::

        def loop(x):
            return finish(lax.while_loop(lambda state: ~done(state), step, init(x)))


        jax.vmap(loop)(xs)

    All functions are written for one trial, without a batch axis. What they close over is shared by
    all lanes, so that a product of a common matrix with each lane's vector becomes one matrix
    product. Works under `jax.jit`, `jax.vmap` and `jax.shard_map` (``check_vma=False``, every
    device with a queue of its own); not differentiable in reverse mode. Put the longest trials
    first: a long trial that starts last keeps a few lanes busy when the rest are done.

    Args:
        init: the state at the start, from one trial's row of ``xs``.
        step: the next state; it must be defined for ended trials as well, the result is not used.
        done: whether a trial has ended.
        finish: what is kept of the last state.
        xs: any pytree of arrays, of JAX or NumPy, with a common leading axis, one row for each
            trial.
        num_lanes: how many trials are under way at a time. Many enough to fill the device, but not
            many more: all take part in every step.
        check_every: steps between two looks for ended trials. A trial that ends between two looks
            idles until the second; each look costs some time.

    Returns:
        ``finish`` of each trial's last state, stacked in the order of ``xs``.

    Raises:
        ValueError: if ``xs`` has no arrays or not a common leading axis, or if ``num_lanes`` or
            ``check_every`` is no whole number from 1.
        TypeError: if a leaf of ``xs`` is no array of numbers.

    Example:
        Steps of Collatz's sequences (n -> n/2 or 3n + 1) down to 1:

        >>> lengths = lane_map(
        ...     init=lambda n: (n, 0),
        ...     step=lambda s: (jnp.where(s[0] % 2 == 0, s[0] // 2, 3 * s[0] + 1), s[1] + 1),
        ...     done=lambda s: s[0] == 1,
        ...     finish=lambda s: s[1],
        ...     xs=jnp.arange(1, 11),
        ...     num_lanes=4,
        ... )
        >>> lengths.tolist()
        [0, 1, 7, 2, 5, 8, 16, 3, 19, 6]
    """
    loops = Loops(init, step, done, finish)
    # Rows are picked by traced indices, which NumPy does not take.
    return run_lanes(
        loops, jax.tree.map(_as_array, xs), num_lanes=num_lanes, check_every=check_every
    )[0]


class Loops(NamedTuple):
    """A family of loops, one for each x: the functions of `lane_map`, for one trial."""

    init: Callable[[Any], Any]
    step: Callable[[Any], Any]
    done: Callable[[Any], Bool[Array, ""]]
    finish: Callable[[Any], Any]


class Work(NamedTuple):
    """How far it all is: the lanes, the queue, and the results in the order of ending.

    Attributes:
        state: each lane's trial.
        trial: its row of ``xs``.
        busy: whether its result is still to be taken; a lane that is not busy stands still.
        queued: the first row of ``xs`` that has not begun.
        results: of the trials that have ended; at the end as many spare rows as there are lanes.
        ended: the row of ``xs`` of each result.
        num_ended: how many there are.
        num_rounds: how often the lanes advanced.
    """

    state: Any
    trial: Int[Array, " lane"]
    busy: Bool[Array, " lane"]
    queued: Int[Array, ""]
    results: Any
    ended: Int[Array, " row"]
    num_ended: Int[Array, ""]
    num_rounds: Int[Array, ""]


def run_lanes(
    loops: Loops, xs: Any, *, num_lanes: int, check_every: int
) -> tuple[Any, Float[Array, ""]]:
    """`lane_map`, and the number of steps that its lanes made, idle ones among them.

    The trials' own steps over these are the *occupancy* of the lanes.
    """
    num_trials = _check(xs, num_lanes, check_every)
    if num_trials == 0:
        return jax.vmap(lambda x: loops.finish(loops.init(x)))(xs), jnp.float32(0)
    work = _begin(loops, xs, num_trials, min(num_lanes, num_trials))
    lane_steps = jnp.float32(0)
    sizes = _sizes(len(work.busy))
    for size, following in zip(sizes, (*sizes[1:], 0), strict=True):
        work = _compact(work, size)
        # Only the first size refills: it is left when the queue is empty.
        work = _run(
            loops,
            work,
            xs if size == sizes[0] else None,
            num_trials=num_trials,
            few=following,
            check_every=check_every,
        )
        lane_steps += work.num_rounds.astype(jnp.float32) * (size * check_every)
    return _rows(work.results, jnp.argsort(work.ended[:num_trials])), lane_steps


def _begin(loops: Loops, xs: Any, num_trials: int, num_lanes: int) -> Work:
    """The first trials in the lanes, no results."""
    lanes = jnp.arange(num_lanes, dtype=jnp.int32)
    state = jax.vmap(loops.init)(_rows(xs, lanes))
    num_rows = num_trials + num_lanes
    results = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf[:1], (num_rows, *leaf.shape[1:])),
        jax.vmap(loops.finish)(state),
    )
    zero = jnp.int32(0)
    busy = jnp.ones(num_lanes, bool)
    ended = jnp.zeros(num_rows, jnp.int32)
    return Work(state, lanes, busy, jnp.int32(num_lanes), results, ended, zero, zero)


def _run(
    loops: Loops, work: Work, refill_from: Any, *, num_trials: int, few: int, check_every: int
) -> Work:
    """Advance, until the queue is empty and no more than ``few`` lanes are busy."""

    def stopped(work: Work) -> Bool[Array, " lane"]:
        return work.busy & jax.vmap(loops.done)(work.state)

    size = len(work.busy)
    num_exchanged = min(size, max(FEWEST_LANES, size // 4))

    def exchange(work: Work) -> Work:
        """Take results of some lanes that have stopped, and begin the next trials in their place.

        These lanes are moved to the front: writing to slices is cheaper than scattering. Where
        fewer have stopped, the results taken too much are overwritten by the next ones.
        """
        order = jnp.argsort(~stopped(work))
        front, back = order[:num_exchanged], order[num_exchanged:]
        state, trial, busy = _rows((work.state, work.trial, work.busy), front)
        ending = stopped(work)[front]
        results = jax.tree.map(
            lambda all_, new: lax.dynamic_update_slice_in_dim(all_, new, work.num_ended, 0),
            work.results,
            jax.vmap(loops.finish)(state),
        )
        ended = lax.dynamic_update_slice(work.ended, trial, (work.num_ended,))
        busy = busy & ~ending
        queued = work.queued
        if refill_from is not None:
            following = queued + jnp.cumsum(ending, dtype=jnp.int32) - 1
            fresh = ending & (following < num_trials)
            trial = jnp.where(fresh, following, trial)
            begun = jax.vmap(loops.init)(_rows(refill_from, trial))
            state, busy = _where(fresh, begun, state), busy | fresh
            queued += jnp.sum(fresh, dtype=jnp.int32)
        state, trial, busy = jax.tree.map(
            lambda new, old: jnp.concatenate([new, old[back]]),
            (state, trial, busy),
            (work.state, work.trial, work.busy),
        )
        num_ended = work.num_ended + jnp.sum(ending, dtype=jnp.int32)
        return Work(state, trial, busy, queued, results, ended, num_ended, work.num_rounds)

    def advance(state: Any) -> Any:
        return _where(loops.done(state), state, loops.step(state))

    def one_round(work: Work) -> Work:
        state = lax.fori_loop(0, check_every, lambda _, s: jax.vmap(advance)(s), work.state)
        work = work._replace(state=state, num_rounds=work.num_rounds + 1)
        # A loop, and not a branch: trials that have just begun may be over already.
        return lax.while_loop(lambda work: stopped(work).any(), exchange, work)

    def going_on(work: Work) -> Bool[Array, ""]:
        return (work.queued < num_trials) | (jnp.sum(work.busy) > few)

    return lax.while_loop(going_on, one_round, work._replace(num_rounds=jnp.int32(0)))


def _compact(work: Work, size: int) -> Work:
    """The busy lanes first, and no more than ``size`` lanes."""
    kept = jnp.argsort(~work.busy)[:size]
    state, trial, busy = _rows((work.state, work.trial, work.busy), kept)
    return work._replace(state=state, trial=trial, busy=busy)


def _sizes(num_lanes: int) -> tuple[int, ...]:
    """How many lanes there are, while the queue lasts and then while it is empty."""
    sizes = [num_lanes]
    while sizes[-1] > FEWEST_LANES:
        sizes.append(max(FEWEST_LANES, sizes[-1] // FEWER))
    return tuple(sizes)


def _rows(tree: Any, index: Int[Array, " row"]) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], tree)


def _where(condition: Bool[Array, "*lane"], yes: Any, no: Any) -> Any:
    """`jnp.where` on trees; the condition may have fewer axes than the leaves, the leading ones."""

    def pick(yes: Array, no: Array) -> Array:
        missing = tuple(range(jnp.ndim(condition), jnp.ndim(no)))
        return jnp.where(jnp.expand_dims(condition, missing), yes, no)

    return jax.tree.map(pick, yes, no)


def _check(xs: Any, num_lanes: int, check_every: int) -> int:
    """The number of trials; refuses what `lane_map` says that it refuses."""
    for name, number in (("num_lanes", num_lanes), ("check_every", check_every)):
        is_whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
        if not is_whole or number < 1:
            raise ValueError(f"{name}: {number!r} must be a whole number from 1")
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(xs)]
    lengths = {shape[:1] for shape in shapes}
    if len(lengths) != 1 or () in lengths:
        # A list of a thousand numbers has a thousand shapes.
        some = ", ".join(map(str, shapes[:MOST_SHAPES])) + ", ..." * (len(shapes) > MOST_SHAPES)
        raise ValueError(
            f"xs: must have arrays with a common leading axis, has shapes [{some}]; a list of "
            "numbers is an array after jnp.asarray"
        )
    return lengths.pop()[0]


def _as_array(leaf: Any) -> Array:
    try:
        return jnp.asarray(leaf)
    except (TypeError, ValueError, OverflowError) as error:
        kind = getattr(leaf, "dtype", type(leaf).__name__)
        raise TypeError(f"xs: must have arrays of numbers, not {kind}") from error
