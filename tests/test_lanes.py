"""`lane_map` equals the plain loop, row by row, whatever the lengths, lanes and checks."""

import inspect

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

import jaxadv as ja
from jaxadv import lanes
from jaxadv.lanes import Loops, run_lanes

COLLATZ = Loops(
    init=lambda n: (n, jnp.int32(0)),
    step=lambda s: (jnp.where(s[0] % 2 == 0, s[0] // 2, 3 * s[0] + 1), s[1] + 1),
    done=lambda s: s[0] == 1,
    finish=lambda s: s[1],
)
COUNTDOWN = Loops(
    init=lambda x: {"left": x["length"], "sum": jnp.zeros(2, jnp.int32), "name": x["name"]},
    step=lambda s: {**s, "left": s["left"] - 1, "sum": s["sum"] + s["left"] * s["name"]},
    done=lambda s: s["left"] == 0,
    finish=lambda s: {"sum": s["sum"], "name": s["name"], "key": jax.random.key(s["name"][0])},
)


def plain(loops, xs):
    def loop(x):
        state = jax.lax.while_loop(lambda s: ~loops.done(s), loops.step, loops.init(x))
        return loops.finish(state)

    return jax.vmap(loop)(xs)


def countdowns(lengths):
    names = jnp.stack([jnp.arange(len(lengths)), jnp.arange(len(lengths)) ** 2], 1)
    return {"length": jnp.asarray(lengths, jnp.int32), "name": names.astype(jnp.int32)}


@jax.jit
def by_plain_loop(xs):
    return plain(COUNTDOWN, xs)


@pytest.mark.parametrize("num_trials", [0, 1, 5, 8, 1000])
@pytest.mark.parametrize("num_lanes", [1, 8, 33])
@pytest.mark.parametrize("check_every", [1, 16])
def test_collatz_lengths_are_those_of_the_plain_loop(num_trials, num_lanes, check_every):
    xs = jnp.arange(1, num_trials + 1, dtype=jnp.int32)
    lengths = ja.lane_map(*COLLATZ, xs, num_lanes=num_lanes, check_every=check_every)
    np.testing.assert_array_equal(lengths, plain(COLLATZ, xs))


@given(lengths=st.lists(st.sampled_from([0, 1, 7, 8, 9, 300]), min_size=40, max_size=40))
@settings(deadline=None, max_examples=30)
def test_trees_of_any_lengths_come_back_in_their_order(lengths):
    xs = countdowns(lengths)
    ends = jax.jit(lambda xs: ja.lane_map(*COUNTDOWN, xs, num_lanes=16, check_every=8))(xs)
    chex.assert_trees_all_equal(ends, by_plain_loop(xs))


@pytest.mark.parametrize(
    "lengths",
    [[0] * 40, [1] * 40, [16] * 40, [0] * 39 + [1], [1] * 39 + [100_000], [100_000] + [1] * 39],
    ids=["zero", "one", "equal", "last", "long last", "long first"],
)
def test_extreme_lengths(lengths):
    xs = countdowns(lengths)
    ends = ja.lane_map(*COUNTDOWN, xs, num_lanes=16)
    chex.assert_trees_all_equal(ends, by_plain_loop(xs))


def test_floats_of_a_chaotic_loop_are_the_same_bit_for_bit():
    loops = Loops(
        init=lambda x: (x, jnp.int32(0)),
        step=lambda s: (3.9 * s[0] * (1 - s[0]), s[1] + 1),
        done=lambda s: (s[0] > 0.97) | (s[1] >= 500),
        finish=lambda s: s,
    )
    xs = jax.random.uniform(jax.random.key(0), (500,))
    ends = jax.jit(lambda xs: ja.lane_map(*loops, xs, num_lanes=32))(xs)
    chex.assert_trees_all_equal(ends, jax.jit(lambda xs: plain(loops, xs))(xs))


def test_a_whole_batch_of_queues_under_vmap():
    xs = jax.random.randint(jax.random.key(0), (3, 50), 1, 1000)
    ends = jax.vmap(lambda xs: ja.lane_map(*COLLATZ, xs, num_lanes=16, check_every=4))(xs)
    np.testing.assert_array_equal(ends, plain(COLLATZ, xs.ravel()).reshape(3, 50))


def test_every_device_runs_its_own_queue_under_shard_map():
    devices = jax.devices()
    assert len(devices) == 8, "tests/conftest.py asks for eight"
    mesh = Mesh(np.array(devices), ("device",))
    xs = jax.random.randint(jax.random.key(0), (8 * 30,), 1, 10_000)
    sharded = jax.jit(
        jax.shard_map(
            lambda xs: ja.lane_map(*COLLATZ, xs, num_lanes=8),
            mesh=mesh,
            in_specs=P("device"),
            out_specs=P("device"),
            check_vma=False,
        )
    )
    np.testing.assert_array_equal(sharded(xs), plain(COLLATZ, xs))
    text = sharded.lower(xs).compile().as_text()
    assert not [word for word in ("all-reduce", "all-gather", "permute(") if word in text]


def test_lanes_stay_busy_where_lockstep_would_not():
    lengths = np.random.default_rng(0).geometric(0.01, 1000)
    xs = countdowns(np.sort(lengths)[::-1])
    _, lane_steps = run_lanes(COUNTDOWN, xs, num_lanes=32, check_every=8)
    assert lengths.sum() / float(lane_steps) > 0.9
    assert lengths.mean() / lengths.max() < 0.2


@pytest.mark.parametrize(
    ("xs", "settings", "message"),
    [
        (jnp.arange(3), {"num_lanes": 0}, "num_lanes: 0 must be a whole number from 1"),
        (jnp.arange(3), {"num_lanes": 4, "check_every": True}, "check_every: True must be"),
        (jnp.arange(3), {"num_lanes": 1, "check_every": 0}, "check_every: 0"),
        ((jnp.arange(3), jnp.arange(4)), {"num_lanes": 1}, "common leading axis"),
        (jnp.int32(3), {"num_lanes": 1}, "common leading axis"),
        ((), {"num_lanes": 1}, "common leading axis"),
        (
            list(range(1000)),
            {"num_lanes": 1},
            r"\[\(\), .*, \.\.\.\]; a list of numbers is an array",
        ),
        ((np.arange(3), np.float32(4)), {"num_lanes": 1}, "common leading axis"),
    ],
)
def test_queues_and_lanes_that_make_no_sense_are_refused(xs, settings, message):
    with pytest.raises(ValueError, match=message) as error:
        ja.lane_map(*COLLATZ, xs, **settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("num_lanes", [2.5, "4", None])
def test_lanes_are_counted_in_whole_numbers(num_lanes):
    """Without the checks of types that tests run with."""
    check = inspect.unwrap(lanes._check)
    with pytest.raises(ValueError, match=f"^num_lanes: {num_lanes!r} must be a whole number"):
        check(jnp.arange(3), num_lanes, 1)


@pytest.mark.parametrize("leaf", [np.array(["a"]), np.array([1, None]), "text"])
def test_what_is_no_array_of_numbers_is_refused(leaf):
    with pytest.raises(TypeError, match=r"^xs: must have arrays of numbers, not [\w<]+$"):
        ja.lane_map(*COLLATZ, {"n": leaf}, num_lanes=1)


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8])
def test_numpy_arrays_are_taken_as_jax_arrays_are(kind):
    """With results of the same type."""
    xs = np.arange(1, 41).astype(kind)
    # The numbers of a sequence outgrow a byte.
    loops = COLLATZ._replace(init=lambda x: (x["n"].astype(jnp.int32), jnp.int32(0)))
    expected = ja.lane_map(*loops, {"n": jnp.asarray(xs)}, num_lanes=8)
    lengths = ja.lane_map(*loops, {"n": xs}, num_lanes=8)
    assert lengths.dtype == expected.dtype
    np.testing.assert_array_equal(lengths, expected)
