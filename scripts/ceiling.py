"""What the devices can do at most: the two matrix products of a step, and nothing else."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

import jaxadv as ja
from jaxadv.programs import lower_for
from jaxadv.sweeps.plan import make_plan

T = TypeVar("T")
FLOP = 1e11
"""Of a measurement on each device: about a second of a processor's core."""
FLOP_PER_WEIGHT = 4
"""Of a step, for each weight: a multiplication and an addition in two matrix products."""


def products(sweep: ja.Sweep, chosen: list[Any]) -> Callable[[], tuple[int, float]]:
    """The two products of a step, for as many lanes, on every device; gives lane steps."""
    group = sweep.groups[0]
    plan = make_plan(sweep, sweep.cells, chosen[0], sweep.networks)
    rounds = round(FLOP / (FLOP_PER_WEIGHT * group.dim * group.width * plan.num_lanes))

    def local(weights: jax.Array, lanes: jax.Array) -> jax.Array:
        def both(_: int, lanes: jax.Array) -> jax.Array:
            return ((lanes @ weights.T) @ weights) * 1e-3

        return jax.lax.fori_loop(0, rounds, both, lanes)

    weights = jax.random.normal(jax.random.key(0), (group.width, group.dim))
    arrays = (weights, jnp.ones((plan.num_lanes, group.dim)))
    with jax.default_matmul_precision("highest"):
        compiled = {
            device: lower_for(device, local, *arrays).compile() for device in dict.fromkeys(chosen)
        }

    def call(device: Any) -> None:
        jax.block_until_ready(compiled[device](*jax.device_put(arrays, device)))

    def timed() -> tuple[int, float]:
        clock = time.perf_counter()
        each_in_a_thread(call, chosen)
        return rounds * len(chosen) * plan.num_lanes, time.perf_counter() - clock

    timed()
    return timed


def each_in_a_thread(function: Callable[..., T], *columns: Iterable[Any]) -> list[T]:
    """A call for each row, all at the same time."""
    rows = list(zip(*columns, strict=True))
    with ThreadPoolExecutor(len(rows)) as threads:
        return list(threads.map(lambda row: function(*row), rows))
