"""How fast a hundred runs of training are at once, and one after the other."""

import dataclasses
import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

import jaxadv as ja
from jaxadv.devices import Device, use_devices
from jaxadv.experiments.draws import draw
from jaxadv.grid.states import States
from jaxadv.learning.adversary import robust_loss
from jaxadv.training.program import TrainingProgram, given_of, settings_of, shape_of

GRID = ja.Training(
    scales=(0.1, 0.3, 1.0, 3.0, 10.0), ratios=(0.1,), optimizers=("adam",), rates=(0.003, 0.01),
    networks=10, steps=50,
)  # fmt: skip
"""A hundred runs: five scales, two rates, ten networks."""
SMALL = {"widths": 32, "examples": 32, "test_examples": 16}


def measure_training(*, quick: bool) -> tuple[dict[str, Any], str]:
    """Seconds for all runs, without compilation: evaluated and recorded, and training alone."""
    rows = {}
    sizes = {"small": SMALL} if quick else {"small": SMALL, "default": {}}
    for size, change in sizes.items():
        spec = dataclasses.replace(GRID, **change)
        rows[size] = {name: timed(way(spec)) for name, way in WAYS.items()}
    lines = [f"{'100 runs of 50 steps':<58}{'s':>8}{'relative':>10}"]
    for size, times in rows.items():
        whole, alone = (
            times[f"{name}, all at once"] for name in ("run_training", "training alone")
        )
        for name, seconds in times.items():
            unit = whole if name.startswith("run_training") else alone
            lines.append(f"{f'{size}: {name}':<58}{seconds:>8.2f}{seconds / unit:>10.1f}")
    return {"grid": GRID.to_dict(), "small": SMALL, "seconds": rows}, "\n".join(lines)


def timed(work: Callable[[int], Any]) -> float:
    """The time of all runs, after a part that compiles; the argument says of how many networks."""
    work(2)
    start = time.perf_counter()
    work(GRID.networks)
    return time.perf_counter() - start


def at_once(spec: ja.Training) -> Callable[[int], Any]:
    """All runs by one call."""
    return lambda networks: ja.run_training(
        dataclasses.replace(spec, networks=networks), progress=False
    )


def one_by_one(spec: ja.Training) -> Callable[[int], Any]:
    """A call for each run; seeds stand for networks."""

    def work(networks: int) -> None:
        for cell in spec.cells if networks > 2 else spec.cells[:1]:
            alone = dataclasses.replace(spec, scales=cell.scale, rates=cell.rate, networks=1)
            for seed in range(networks):
                ja.run_training(dataclasses.replace(alone, seed=seed), progress=False)

    return work


def program_at_once(spec: ja.Training) -> Callable[[int], Any]:
    """The program of `run_training` from the first to the last step, with one evaluation."""
    devices, nothing_kept = use_devices(), States(None, {})
    program = TrainingProgram(spec, spec.cells, devices)

    def train(network: int, device: Device) -> None:
        program.advance(program.start([network], nothing_kept, device), spec.steps)

    def work(networks: int) -> None:
        with ThreadPoolExecutor(len(devices)) as threads:
            list(threads.map(train, range(networks), itertools.cycle(devices)))

    return work


def compiled_runs(spec: ja.Training) -> Callable[[int], Any]:
    """What one would write for one run, compiled as a whole, and called for each."""
    begin, step = plain(spec)

    @jax.jit
    def train(network: Any, inputs: Array, labels: Array, rate: Array) -> Any:
        def following(_: Array, carry: Any) -> Any:
            return step(*carry, inputs, labels, rate)

        return jax.lax.fori_loop(0, spec.steps, following, (network, begin(network, rate)))[0]

    def work(networks: int) -> None:
        for network, inputs, labels, rate in every_run(spec, networks):
            jax.block_until_ready(train(network, inputs, labels, rate))

    return work


def compiled_steps(spec: ja.Training) -> Callable[[int], Any]:
    """The same with a Python loop over compiled steps, as most training code has."""
    begin, step = plain(spec)
    compiled = jax.jit(step)

    def work(networks: int) -> None:
        for network, inputs, labels, rate in every_run(spec, networks):
            carry = network, begin(network, rate)
            for _ in range(spec.steps):
                carry = compiled(*carry, inputs, labels, rate)
            jax.block_until_ready(carry)

    return work


WAYS: dict[str, Callable[[ja.Training], Callable[[int], Any]]] = {
    "run_training, all at once": at_once,
    "run_training, one call for each run": one_by_one,
    "training alone, all at once": program_at_once,
    "training alone, a compiled run after the other": compiled_runs,
    "training alone, a loop over compiled steps": compiled_steps,
}


def plain(spec: ja.Training) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The start and the step of one run, with optax and nothing of the simulator but its attack."""
    group = spec.groups[0]
    rules = shape_of(spec, group, spec.optimizers, jax.devices()[0]).rules
    settings = settings_of(spec, spec.cells, "adam")
    attack = rules.attack(settings.ratio[0], rules.method)

    def begin(network: Any, rate: Array) -> Any:
        return optax.adam(rate).init(network.hidden)

    def step(network: Any, state: Any, inputs: Array, labels: Array, rate: Array) -> Any:
        def loss(hidden: Array) -> Array:
            new = dataclasses.replace(network, hidden=hidden)
            return robust_loss(new, inputs, labels, attack, loss=rules.loss)

        updates, state = optax.adam(rate).update(jax.grad(loss)(network.hidden), state)
        hidden = optax.apply_updates(network.hidden, updates)
        return dataclasses.replace(network, hidden=hidden), state

    return begin, step


def every_run(spec: ja.Training, networks: int) -> list[tuple[Any, Array, Array, Array]]:
    """The network, inputs, labels and rate of each run of some networks."""
    group = spec.groups[0]
    source = shape_of(spec, group, spec.optimizers, jax.devices()[0]).source
    key, given, runs = jax.random.key(spec.seed), given_of(spec, group), []
    for index in range(networks):
        draws = draw(source, np.int32(index), key, given)
        for cell in spec.cells:
            inputs = jnp.float32(cell.scale) * draws.direction[: spec.examples]
            rate = jnp.float32(cell.rate)
            runs.append((draws.network, inputs, draws.label[: spec.examples], rate))
    return runs
