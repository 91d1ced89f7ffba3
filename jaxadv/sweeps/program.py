"""The program of a sweep: all trials on several networks.

Each network has a queue of trials, which share its weights. Four programs are compiled, once for a
group of cells: one draws networks, inputs and starts, one ascends, one certifies the ends, one
proves what it can of them. A call works through some networks on one device.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Key

from jaxadv.ascent import trial as ascent
from jaxadv.ascent.certificate import Certificate
from jaxadv.ascent.certifying import certify_each
from jaxadv.ascent.precision import as_double
from jaxadv.ascent.solution import End, Solution
from jaxadv.ascent.trial import State
from jaxadv.devices import Device, in_batches, wait_for
from jaxadv.experiments.draws import Draws, Given, Source, draw, given_of, key_of, like_seeds
from jaxadv.grid.states import States
from jaxadv.grid.work import Finished, Tick
from jaxadv.lanes import Loops, run_lanes
from jaxadv.problems.constraints import constraint_of, is_box
from jaxadv.problems.problem import Problem
from jaxadv.programs import lower_for, remembered
from jaxadv.proofs.ends import Proved, has_proofs, prove_ends, square_norm_of
from jaxadv.sweeps.plan import Plan
from jaxadv.sweeps.records import record
from jaxadv.sweeps.spec import Cell, Sweep
from jaxadv.sweeps.trials import (
    Rules,
    Settings,
    Trial,
    longest_first,
    rules_of,
    settings_of,
    source_of,
    trial_of,
)

Numbers = Int[Array, "trial 3"]  # the (cell, example, start) of each trial


class Running(NamedTuple):
    """Trials that a device may still work on; all axes begin with (network, trial)."""

    num_networks: int
    solutions: Solution
    certificates: Certificate
    proofs: Int[Array, "network trial"]
    lane_steps: Float[Array, " network"]


class Programs(NamedTuple):
    """A group's compiled programs for one device, and the bytes that two calls of them need."""

    draw: Any
    ascend: Any
    certify: Any
    prove: Any
    num_bytes: int


class SweepProgram:
    """Runs the trials of some cells of one group, on any networks."""

    def __init__(
        self, sweep: Sweep, cells: Sequence[Cell], plan: Plan, devices: Sequence[Device]
    ) -> None:
        group = cells[0].group
        self._double = sweep.precision == "double"
        self._plan = plan
        self._layout = {
            **sweep.labels_of(group),
            "cells": len(cells),
            "lanes": plan.num_lanes,
            "check_every": plan.check_every,
            "networks_at_once": plan.networks_at_once,
            "networks_per_call": plan.networks_per_call,
        }
        limits = constraint_of(group.constraint, 1.0, group.dim)
        self._in_box = is_box(limits, group.dim)
        self._settings = settings_of(sweep, cells)
        self._shape = (len(self._settings.scale), sweep.examples, sweep.starts)
        self._numbers = longest_first(self._settings, sweep.examples, sweep.starts)
        with jax.enable_x64(self._double):
            self._key, self._given = key_of(sweep), given_of(sweep)
        self._programs = {
            device: remembered(
                compile_programs,
                source_of(sweep, group),
                rules_of(sweep, group),
                plan,
                device,
                num_cells=self._shape[0],
                num_given=None if self._given is None else len(self._given[1]),
            )
            for device in dict.fromkeys(devices)
        }

    @property
    def num_bytes(self) -> int:
        """The memory that two calls need on a device: one that runs and one that waits."""
        return max(programs.num_bytes for programs in self._programs.values())

    @property
    def replicates_per_call(self) -> int:
        """How many networks `start` takes at most."""
        return self._plan.networks_per_call

    @property
    def layout(self) -> Mapping[str, Any]:
        """How the trials lie on the devices; for the manifest."""
        return self._layout

    def start(self, networks: Sequence[int], states: States, device: Device) -> Running:
        """Begin all trials on some networks without waiting; they are short, and keep no state."""
        del states
        draws = self.draw(networks, device)
        solutions, lane_steps = self.ascend(draws, device)
        certificates = self.certify(draws, solutions, device)
        proofs = self.prove(draws, solutions, device)
        return Running(len(networks), solutions, certificates, proofs, lane_steps)

    def draw(self, networks: Sequence[int], device: Device) -> Draws:
        """The networks, inputs, labels and starts of a call."""
        # A last call with fewer networks repeats some, so that one compiled shape serves all calls.
        indices = np.resize(np.asarray(networks, np.int32), self._plan.networks_per_call)
        with jax.enable_x64(self._double):
            return self._programs[device].draw(indices, self._key, self._given)

    def ascend(self, draws: Draws, device: Device) -> tuple[Solution, Float[Array, " network"]]:
        """Where all trials of a call ended, and the steps that the lanes were held for."""
        with jax.enable_x64(self._double):
            return self._programs[device].ascend(draws, self._settings, self._numbers)

    def certify(self, draws: Draws, solutions: Solution, device: Device) -> Certificate:
        """The certificates of all trials of a call."""
        with jax.enable_x64(True):
            return self._programs[device].certify((draws, solutions), self._settings, self._numbers)

    def prove(
        self, draws: Draws, solutions: Solution, device: Device
    ) -> Int[Array, "network trial"]:
        """What is proved of the ends of all trials of a call."""
        ends = draws, solutions.perturbation
        with jax.enable_x64(True):
            return self._programs[device].prove(ends, self._settings, self._numbers)

    def finish(self, running: Running, tick: Tick) -> Finished:
        """Wait until the trials have ended, and return their records."""
        del tick
        wait_for(running[1:])
        order = np.argsort(np.ravel_multi_index(tuple(self._numbers.T), self._shape))

        def arrange(values: np.ndarray) -> np.ndarray:
            values = values[: running.num_networks, order]
            values = values.reshape(running.num_networks, *self._shape, *values.shape[2:])
            return np.moveaxis(values, 0, 1)

        records = record(
            running.solutions, running.certificates, running.proofs, in_box=self._in_box
        )
        steps = np.asarray(running.solutions.steps)[: running.num_networks]
        return Finished(
            {name: arrange(values) for name, values in records.items()},
            {
                "trials_run": np.full(running.num_networks, len(self._numbers)),
                "steps_run": steps.sum(axis=1, dtype=np.int64),
                "lane_steps_run": np.asarray(running.lane_steps)[: running.num_networks],
            },
        )


def compile_programs(
    source: Source,
    rules: Rules,
    plan: Plan,
    device: Device,
    *,
    num_cells: int,
    num_given: int | None,
) -> Programs:
    """Compile a group's programs for a device, before anything runs.

    Args:
        source: how trials are drawn.
        rules: what the trials have in common.
        plan: the layout.
        device: the device.
        num_cells: how many cells the group has.
        num_given: how many real examples there are; None where they are simulated.
    """
    num_trials = num_cells * source.examples * source.starts
    column = np.zeros(num_cells, source.dtype)
    numbers = np.zeros((num_trials, 3), np.int32)
    trials = (Settings(column, column, column), numbers)
    # A program is compiled while the next one is traced.
    with ThreadPoolExecutor() as threads:
        with jax.enable_x64(source.dtype == "float64"):
            indices = np.zeros(plan.networks_per_call, np.int32)
            seeds = like_seeds(num_given, source.dim)
            drawing = lower_for(device, partial(draw_networks, source, plan), indices, *seeds)
            waiting = [threads.submit(drawing.compile)]
            draws = drawing.out_info
            ascending = lower_for(device, partial(ascend_all, rules, plan), draws, *trials)
            waiting.append(threads.submit(ascending.compile))
        with jax.enable_x64(True):
            ends = (draws, ascending.out_info[0])
            certifying = lower_for(device, partial(certify_all, rules, plan), ends, *trials)
            waiting.append(threads.submit(certifying.compile))
            found = (draws, ascending.out_info[0].perturbation)
            proving = lower_for(device, partial(prove_all, rules, plan), found, *trials)
            waiting.append(threads.submit(proving.compile))
        compiled = [program.result() for program in waiting]
    needs: list[Any] = [program.memory_analysis() for program in compiled]
    kept = sum(need.output_size_in_bytes for need in needs)
    temporary = max(need.temp_size_in_bytes for need in needs)
    return Programs(*compiled, num_bytes=2 * kept + temporary)


def draw_networks(
    source: Source,
    plan: Plan,
    indices: Int[Array, " network"],
    key: Key[Array, ""],
    given: Given,
) -> Draws:
    """`Source.draw` for some networks."""
    return in_batches(lambda index: draw(source, index, key, given), indices, plan.networks_at_once)


def ascend_all(
    rules: Rules, plan: Plan, draws: Draws, settings: Settings, numbers: Numbers
) -> tuple[Solution, Float[Array, " network"]]:
    """`ja.ascend` for all trials on some networks, and the steps that their lanes were held for."""

    def one_network(draws: Draws) -> tuple[Solution, Float[Array, ""]]:
        # The network is closed over without a batch axis: W z of all lanes is one matrix product.
        def init(number: Int[Array, " 3"]) -> tuple[Trial, State]:
            trial = trial_of(draws, settings, *number)
            problem, method = rules.problem(draws.network, trial)
            return trial, ascent.init(problem, trial.start, method)

        def step(lane: tuple[Trial, State]) -> tuple[Trial, State]:
            problem, method = rules.problem(draws.network, lane[0])
            return lane[0], ascent.step(problem, lane[1], method)

        def done(lane: tuple[Trial, State]) -> Bool[Array, ""]:
            return ascent.done(lane[1])

        def finish(lane: tuple[Trial, State]) -> Solution:
            problem, method = rules.problem(draws.network, lane[0])
            return ascent.finish(problem, lane[1], method)

        return run_lanes(
            Loops(init, step, done, finish),
            numbers,
            num_lanes=plan.num_lanes,
            check_every=plan.check_every,
        )

    with jax.default_matmul_precision("highest"):
        return in_batches(one_network, draws, plan.networks_at_once)


def certify_all(
    rules: Rules,
    plan: Plan,
    ends: tuple[Draws, Solution],
    settings: Settings,
    numbers: Numbers,
) -> Certificate:
    """`ja.certify` for the ends of all trials, at the tolerance and step sizes of their ascents."""

    def one_network(ends: tuple[Draws, Solution]) -> Certificate:
        draws, solutions = ends

        def trial(row: tuple[Int[Array, " 3"], Solution]) -> tuple[Problem, End]:
            number, solution = row
            problem, _ = rules.problem(draws.network, trial_of(draws, settings, *number))
            return problem, solution.end

        return certify_each(
            trial,
            (numbers, solutions),
            tolerance=rules.method.tolerances[-1],
            lanes=plan.certify_lanes,
        )

    return in_batches(one_network, ends, plan.networks_at_once)


def prove_all(
    rules: Rules,
    plan: Plan,
    ends: tuple[Draws, Float[Array, "network trial dim"]],
    settings: Settings,
    numbers: Numbers,
) -> Int[Array, "network trial"]:
    """The `Proved` of the ends of all trials."""
    starts = ends[0].start.shape[2]

    def one_network(ends: tuple[Draws, Float[Array, "trial dim"]]) -> Int[Array, " trial"]:
        draws, perturbations = ends
        network = as_double(draws.network)

        def problem_of(number: Int[Array, " 3"]) -> Problem:
            return rules.problem(network, trial_of(draws, settings, *number))[0]

        if not (rules.prove and has_proofs(problem_of(numbers[0]))):
            return jnp.full(len(numbers), Proved.NOT_TRIED, jnp.int8)
        square_norm = square_norm_of(problem_of(numbers[0]))
        # All starts on an input follow each other, and share what is costly.
        grouped = tuple(
            rows.reshape(-1, starts, rows.shape[1]) for rows in (numbers, perturbations)
        )
        proofs = lax.map(
            lambda rows: prove_ends(problem_of(rows[0][0]), rows[1], square_norm).proved,
            grouped,
            batch_size=plan.prove_lanes,
        )
        return proofs.ravel()

    return in_batches(one_network, ends, plan.networks_at_once)
