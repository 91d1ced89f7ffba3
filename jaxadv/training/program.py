"""The program of a training experiment: many runs at once, all cells of a group on some networks.

On a CPU each device takes one run after the other, on an accelerator they are side by side.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Int

from jaxadv.ascent.pga import PGA
from jaxadv.ascent.steps import STEP_RULES, NormalizedStep
from jaxadv.devices import Device, in_batches, on_devices, wait_for
from jaxadv.experiments.draws import Given, Source, Tag, draw, key_of
from jaxadv.experiments.fields import SMALLEST
from jaxadv.experiments.groups import Group
from jaxadv.experiments.variables import filled
from jaxadv.grid.states import States
from jaxadv.grid.work import Finished, Tick
from jaxadv.learning.optimizers import OPTIMIZERS, Optimizer
from jaxadv.problems.constraints import CONSTRAINTS
from jaxadv.problems.losses import EVERY_LOSS
from jaxadv.problems.names import Function, resolve
from jaxadv.training.evaluate import OF_RUNS, evaluate
from jaxadv.training.run import Rules, Settings, advance, begin
from jaxadv.training.saved import Arrays, restore, saved
from jaxadv.training.spec import Cell, Training

Runs = Any  # of a group: for each of its optimisers a `run.Run` with axes (network, cell)
ACCELERATOR_RUNS = 2**10  # on an accelerator, a network's cells that are side by side on a device
STRONG_STEP = 0.1  # the step, in circumradii, of the attack that networks are evaluated with


class Shape(NamedTuple):
    """What the programs of a group are compiled for, beside the numbers of networks and cells.

    It has functions, not their names: a name may later mean another function.
    """

    source: Source
    rules: Rules
    optimizers: tuple[Optimizer, ...]
    at_once: int


@dataclass
class Running:
    """Networks that are being trained.

    Attributes:
        networks: their numbers.
        runs: the state of their runs, with a row for each network; rows beyond repeat networks.
        records: for each network, the records of its evaluations so far, with axes (cell, …).
        states: where their states are kept.
    """

    networks: Sequence[int]
    runs: Runs
    records: list[list[Arrays]]
    states: States


class TrainingProgram:
    """A `jaxadv.grid.work.Program` for some cells of one group: a network in each row.

    Args:
        spec: the specification.
        cells: which of its cells; cells of one optimiser must be neighbours.
        mesh: the devices; a call trains one network on each.

    Example:
        >>> from jaxadv.experiments.layout import mesh_of
        >>> spec = Training(scales=1, ratios=0, optimizers="adam", widths=8, networks=1, steps=1)
        >>> program = TrainingProgram(spec, spec.cells, mesh_of(1))
        >>> running = program.start([0], States(None, {}))  # doctest: +SKIP
        >>> finished = program.finish(running, lambda *_: None)  # doctest: +SKIP
        >>> finished.records["clean_loss"].shape  # doctest: +SKIP
        (2, 1, 2, 2)
    """

    def __init__(self, spec: Training, cells: Sequence[Cell], mesh: Mesh) -> None:
        group = cells[0].group
        self._spec, self._cells, self._mesh = spec, cells, mesh
        self._labels = spec.labels_of(group)
        # Only runs of one optimiser have states of the same structure.
        optimizers = tuple(dict.fromkeys(cell.optimizer for cell in cells))
        self._programs = _programs(shape_of(spec, group, optimizers, mesh.devices.flat[0]), mesh)
        with jax.enable_x64(True):
            settings = tuple(settings_of(spec, cells, optimizer) for optimizer in optimizers)
            self._shared = key_of(spec), given_of(spec, group), settings

    @property
    def replicates_per_call(self) -> int:
        """One network for each device."""
        return self._mesh.size

    @property
    def layout(self) -> Mapping[str, Any]:
        """The settings of the group, and the number of its cells."""
        return {**self._labels, "cells": len(self._cells)}

    def start(self, networks: Sequence[int], states: States) -> Running:
        """Begin to train some networks, or go on from their states."""
        with jax.enable_x64(True):
            begun = self._programs.begin(self._rows(networks), *self._shared)
            runs, records = restore(begun, [states.load(network) for network in networks])
        return Running(networks, runs, records, states)

    def finish(self, running: Running, tick: Tick) -> Finished:
        """Train to the last step; keep a state after every evaluation."""
        evaluations, names = self._spec.evaluations, ", ".join(map(str, running.networks))
        last = len(evaluations)
        while min(map(len, running.records)) < last:
            done = [len(of_network) for of_network in running.records]
            first = min(done)
            tick(
                sum(done),
                f"training {len(self._cells)} cells: network {names}, "
                f"step {evaluations[first]} of {self._spec.steps}",
            )
            # A kill can leave networks at different evaluations; those ahead wait for the others.
            ahead = [0 if n > first else _steps_between(evaluations, n) for n in done]
            records = self.advance(running, ahead)
            for row, network in enumerate(running.networks):
                if done[row] == first:
                    running.records[row].append({name: v[row] for name, v in records.items()})
                    if running.states.are_kept:
                        running.states.save(network, saved(running.runs, row, running.records[row]))
        return Finished(
            _stacked(running.records),
            {"evaluations_run": np.full(len(running.networks), last)},
        )

    def advance(self, running: Running, num_steps: Sequence[int]) -> Arrays:
        """Take some steps with each network, and evaluate them: records by row."""
        rows, steps = self._rows(running.networks), np.array(num_steps, np.int32)
        with jax.enable_x64(True):
            running.runs, values = self._programs.advance(
                running.runs, rows, np.resize(steps, len(rows)), *self._shared
            )
            wait_for(values)
            return {name: filled(value) for name, value in values.items()}

    def _rows(self, networks: Sequence[int]) -> Int[np.ndarray, " row"]:
        """A network for each row; a last call with fewer networks repeats some."""
        return np.resize(np.asarray(networks, np.int32), self._mesh.size)


def _steps_between(evaluations: Sequence[int], index: int) -> int:
    """The steps between an evaluation and the one before it."""
    return evaluations[index] - evaluations[max(index - 1, 0)]


def _stacked(records: Sequence[Sequence[Arrays]]) -> dict[str, np.ndarray]:
    """The records with axes (cell, network[, evaluation], …)."""

    def joined(name: str, of_network: Sequence[Arrays]) -> np.ndarray:
        if name in OF_RUNS:
            return of_network[-1][name]
        return np.stack([record[name] for record in of_network], axis=1)

    return {
        name: np.stack([joined(name, of_network) for of_network in records], axis=1)
        for name in records[0][0]
    }


class Programs(NamedTuple):
    """The programs that begin runs, and that advance and then evaluate them; rows are networks."""

    begin: Callable[..., Any]
    advance: Callable[..., Any]


@lru_cache(maxsize=32)
def _programs(shape: Shape, mesh: Mesh) -> Programs:
    """The programs of a shape."""
    source, rules, at_once = shape.source, shape.rules, shape.at_once

    def begin_all(index: Array, key: Array, given: Given, settings: Any) -> Runs:
        draws = draw(source, index, key, given)
        return tuple(
            in_batches(
                lambda one, optimizer=optimizer: begin(
                    draws, one, optimizer=optimizer, rules=rules
                ),
                of_optimizer,
                at_once,
            )
            for optimizer, of_optimizer in zip(shape.optimizers, settings, strict=True)
        )

    def advance_all(row: Any, key: Array, given: Given, settings: Any) -> tuple[Runs, Any]:
        index, num_steps, runs = row
        draws = draw(source, index, key, given)
        batches = source.key_for(key, Tag.BATCH, index)
        stepped = tuple(
            in_batches(
                lambda cell, optimizer=optimizer: advance(
                    cell[0], draws, batches, cell[1], num_steps, optimizer=optimizer, rules=rules
                ),
                (runs_of, settings_of_runs),
                at_once,
            )
            for optimizer, runs_of, settings_of_runs in zip(
                shape.optimizers, runs, settings, strict=True
            )
        )
        # Only the states of the optimisers differ in their structure: one evaluation serves all.
        without_states = [dataclasses.replace(runs_of, optimizer=()) for runs_of in stepped]
        all_runs = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *without_states)
        all_settings = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *settings)
        records = in_batches(
            lambda cell: evaluate(cell[0], draws, cell[1], rules), (all_runs, all_settings), at_once
        )
        return stepped, records

    return Programs(
        begin=jax.jit(lambda rows, *shared: on_devices(begin_all, mesh, rows, *shared)),
        advance=jax.jit(
            lambda runs, indices, num_steps, *shared: on_devices(
                advance_all, mesh, (indices, num_steps, runs), *shared
            ),
            donate_argnums=0,
        ),
    )


def shape_of(spec: Training, group: Group, optimizers: Sequence[Function], device: Device) -> Shape:
    """What the programs of a group are compiled for."""
    examples = spec.examples + spec.test_examples
    source = Source.of(spec, group, examples=examples, starts=spec.restarts)
    rules = Rules(
        loss=resolve("losses", group.loss, EVERY_LOSS),
        layers=cast(Any, spec.layers),
        batch=spec.batch,
        examples=spec.examples,
        pga=attack_of(spec),
        strong=PGA(NormalizedStep(STRONG_STEP), (SMALLEST,), spec.strong_steps),
        constraint=resolve("constraint", spec.constraint, CONSTRAINTS),
        has_answers=spec.has_answers(group.loss),
        smooth=spec.smooth,
    )
    # The products of one run keep a core busy; runs side by side were no faster.
    at_once = 1 if device.platform == "cpu" else ACCELERATOR_RUNS
    functions = tuple(resolve("optimizers", name, OPTIMIZERS) for name in optimizers)
    return Shape(source, rules, functions, at_once)


def attack_of(spec: Training) -> PGA:
    """The settings of the inner ascent."""
    rule = resolve("attack_step", spec.attack_step, STEP_RULES)(spec.attack_step_size)
    return PGA(rule, (spec.attack_tolerance or SMALLEST,), spec.attack_steps)


def given_of(spec: Training, group: Group) -> Given:
    """The real directions and labels, or classes; None where they are simulated."""
    real = spec.real_examples
    if real is None:
        return None
    if spec.classes_of(group.loss) is None or real.classes is None:
        return real.directions, real.labels
    return real.directions, real.classes.astype(np.float32)


def settings_of(spec: Training, cells: Sequence[Cell], optimizer: Function) -> Settings:
    """The settings of an optimiser's runs, in the order of the cells."""
    cells = [cell for cell in cells if cell.optimizer == optimizer]
    columns = ("scale", "ratio", "rate")
    return Settings(
        *(jnp.array([getattr(c, name) for c in cells], spec.dtype) for name in columns),
        relative=jnp.array([cell.unit == "sharpness" for cell in cells]),
    )
