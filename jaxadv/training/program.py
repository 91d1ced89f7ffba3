"""The program of a training experiment: many runs, all cells of a group on one network.

On a CPU they run one after the other, on an accelerator side by side.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxadv.ascent.methods import Method
from jaxadv.ascent.methods_by_name import maker_of
from jaxadv.ascent.pga import PGA
from jaxadv.ascent.steps import NormalizedStep
from jaxadv.devices import Device, in_batches, wait_for
from jaxadv.experiments.draws import Draws, Given, Source, Tag, draw, key_of, like_seeds
from jaxadv.experiments.fields import SMALLEST
from jaxadv.experiments.groups import Group
from jaxadv.experiments.moves import step_of
from jaxadv.experiments.variables import filled
from jaxadv.grid.states import States
from jaxadv.grid.work import Finished, Tick
from jaxadv.learning.optimizers import OPTIMIZERS, Optimizer
from jaxadv.problems.constraints import CONSTRAINTS, constraint_of, is_box
from jaxadv.problems.losses import EVERY_LOSS
from jaxadv.problems.names import Function, resolve
from jaxadv.programs import lower_for, remembered
from jaxadv.training.evaluate import (
    OF_EVALUATIONS,
    OF_RUNS,
    PROBE_BUDGET,
    PROBE_TOLERANCE,
    evaluate,
)
from jaxadv.training.kept_networks import keep
from jaxadv.training.run import Rules, Settings, advance, begin
from jaxadv.training.saved import Arrays, restore, saved
from jaxadv.training.spec import Cell, Training

Runs = Any  # of a group: for each of its optimisers a `run.Run` with the axis (cell,)
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
    """A network that is being trained.

    Attributes:
        network: its number.
        runs: the state of its runs.
        records: the records of its evaluations so far, with axes (cell, …).
        states: where its state is kept.
        device: where it is trained.
    """

    network: int
    runs: Runs
    records: list[Arrays]
    states: States
    device: Device


class TrainingProgram:
    """A `jaxadv.grid.work.Program` for some cells of one group; a call trains one network.

    Args:
        spec: the specification.
        cells: which of its cells; cells of one optimiser must be neighbours.
        devices: the devices.

    Example:
        >>> from jaxadv.devices import use_devices
        >>> spec = Training(scales=1, ratios=0, optimizers="adam", widths=8, networks=1, steps=1)
        >>> device = use_devices(1)[0]
        >>> program = TrainingProgram(spec, spec.cells, [device])  # doctest: +SKIP
        >>> running = program.start([0], States(None, {}), device)  # doctest: +SKIP
        >>> finished = program.finish(running, lambda *_: None)  # doctest: +SKIP
        >>> finished.records["clean_loss"].shape  # doctest: +SKIP
        (2, 1, 2, 2)
    """

    def __init__(self, spec: Training, cells: Sequence[Cell], devices: Sequence[Device]) -> None:
        group = cells[0].group
        self._spec, self._cells = spec, cells
        self._labels = spec.labels_of(group)
        # Only runs of one optimiser have states of the same structure.
        optimizers = tuple(dict.fromkeys(cell.optimizer for cell in cells))
        shape, given = shape_of(spec, group, optimizers, devices[0]), given_of(spec, group)
        with jax.enable_x64(True):
            settings = tuple(settings_of(spec, cells, optimizer) for optimizer in optimizers)
            self._shared = key_of(spec), given, settings
            num_given = None if given is None else len(given[1])
            num_cells = tuple(len(of_optimizer.scale) for of_optimizer in settings)
            self._programs = {
                device: remembered(_compile, shape, device, num_given, num_cells)
                for device in dict.fromkeys(devices)
            }

    @property
    def replicates_per_call(self) -> int:
        """One network."""
        return 1

    @property
    def layout(self) -> Mapping[str, Any]:
        """The settings of the group, and the number of its cells."""
        return {**self._labels, "cells": len(self._cells)}

    def start(self, networks: Sequence[int], states: States, device: Device) -> Running:
        """Begin to train a network, or go on from its state."""
        (network,) = networks
        with jax.enable_x64(True):
            begun = self._programs[device].begin(np.int32(network), *self._shared)
            runs, records = restore(begun, states.load(network), {**OF_RUNS, **OF_EVALUATIONS})
        return Running(network, runs, records, states, device)

    def finish(self, running: Running, tick: Tick) -> Finished:
        """Train to the last step; keep a state after every evaluation."""
        evaluations, records = self._spec.evaluations, running.records
        while (done := len(records)) < len(evaluations):
            step, steps = evaluations[done], self._spec.steps
            cells, network = len(self._cells), running.network
            tick(done, f"training {cells} cells: network {network}, step {step} of {steps}")
            records.append(self.advance(running, step - evaluations[max(done - 1, 0)]))
            tick(done + 1, "")  # nothing is kept after a run has ended
            if running.states.are_kept:
                running.states.save(network, saved(running.runs, records))
        if self._spec.save:
            every = [runs.network for runs in running.runs]
            networks = jax.tree.map(lambda *of: np.concatenate(of), *jax.device_get(every))
            keep(self._spec, self._cells, running.network, networks, running.states)
        stacked = {name: _stacked(name, records)[:, None] for name in records[0]}
        return Finished(stacked, {"evaluations_run": np.full(1, len(evaluations))})

    def advance(self, running: Running, num_steps: int) -> Arrays:
        """Take some steps, and evaluate the networks."""
        with jax.enable_x64(True):
            running.runs, values = self._programs[running.device].advance(
                running.runs, (np.int32(running.network), np.int32(num_steps)), *self._shared
            )
            wait_for(values)
            return {name: filled(value) for name, value in values.items()}


def _stacked(name: str, records: Sequence[Arrays]) -> np.ndarray:
    """A record of all evaluations, with axes (cell[, evaluation], …)."""
    if name in OF_RUNS:
        return records[-1][name]
    return np.stack([record[name] for record in records], axis=1)


class Programs(NamedTuple):
    """The programs that begin a network's runs, and that advance and then evaluate them."""

    begin: Callable[..., Any]
    advance: Callable[..., Any]


def _compile(
    shape: Shape, device: Device, num_given: int | None, num_cells: tuple[int, ...]
) -> Programs:
    """The programs of a shape for one device; ``num_cells`` are those of each optimiser."""
    source, rules, at_once = shape.source, shape.rules, shape.at_once

    def begin_all(index: Array, key: Array, given: Given, settings: Any) -> Runs:
        draws = draw_scaled(source, rules, index, key, given)
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

    def advance_all(
        runs: Runs, numbers: tuple[Array, Array], key: Array, given: Given, settings: Any
    ) -> tuple[Runs, Any]:
        index, num_steps = numbers
        draws = draw_scaled(source, rules, index, key, given)
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

    number = np.int32(0)
    settings = tuple(_like_settings(cells, source.dtype) for cells in num_cells)
    shared = (*like_seeds(num_given, source.dim), settings)
    # The first program is compiled while the second one is traced.
    with ThreadPoolExecutor() as threads:
        beginning = lower_for(device, begin_all, number, *shared)
        begin_compiled = threads.submit(beginning.compile)
        advancing = lower_for(
            device, advance_all, beginning.out_info, (number, number), *shared, donate_argnums=0
        )
        return Programs(begin_compiled.result(), advancing.compile())


def draw_scaled(source: Source, rules: Rules, index: Array, key: Array, given: Given) -> Draws:
    """The draws, with the network's output layer multiplied by `Rules.output_scale`."""
    draws = draw(source, index, key, given)
    if rules.output_scale == 1:
        return draws
    network: Any = draws.network
    scaled = dataclasses.replace(network, output=rules.output_scale * network.output)
    return dataclasses.replace(draws, network=scaled)


def _like_settings(num_cells: int, dtype: str) -> Settings:
    """Settings of so many cells, for their shapes and types."""
    column = jnp.zeros(num_cells, dtype)
    return Settings(column, column, column, column, jnp.zeros(num_cells, bool))


def shape_of(spec: Training, group: Group, optimizers: Sequence[Function], device: Device) -> Shape:
    """What the programs of a group are compiled for."""
    examples = spec.examples + spec.test_examples
    source = Source.of(spec, group, examples=examples, starts=spec.restarts)
    constraint = resolve("constraints", group.constraint, CONSTRAINTS)
    rules = Rules(
        loss=resolve("losses", group.loss, EVERY_LOSS),
        layers=cast(Any, spec.layers),
        batch=spec.batch,
        examples=spec.examples,
        method=method_of(spec, group, spec.attack_tolerance or SMALLEST, spec.attack_steps),
        probe=method_of(spec, group, PROBE_TOLERANCE, PROBE_BUDGET),
        strong=PGA(
            NormalizedStep(STRONG_STEP),
            SMALLEST,
            spec.strong_steps,
            direction="sign"
            if is_box(constraint_of(constraint, 1.0, group.dim), group.dim)
            else "gradient",
        ),
        constraint=constraint,
        has_answers=spec.has_answers(group.loss),
        smooth=spec.smooth,
        output_scale=spec.output_scale,
        undo_scale=spec.undo_scale,
    )
    # The products of one run keep a core busy; runs side by side were no faster.
    at_once = 1 if device.platform == "cpu" else ACCELERATOR_RUNS
    functions = tuple(resolve("optimizers", name, OPTIMIZERS) for name in optimizers)
    return Shape(source, rules, functions, at_once)


def method_of(spec: Training, group: Group, tolerance: float, max_steps: int) -> Method:
    """The method of a group's inner ascents."""
    step_rule, step_size = step_of(group.method, spec.attack_step, spec.attack_step_size)
    maker = maker_of(group.method, step_rule, tolerances=(tolerance,), max_steps=max_steps)
    return maker(step_size)


def given_of(spec: Training, group: Group) -> Given:
    """The real directions and labels, or classes; None where they are simulated."""
    real = spec.real_examples
    if real is None:
        return None
    if spec.classes_of(group.loss) is None or real.classes is None:
        return real.inputs, real.labels
    return real.inputs, real.classes.astype(np.float32)


def settings_of(spec: Training, cells: Sequence[Cell], optimizer: Function) -> Settings:
    """The settings of an optimiser's runs, in the order of the cells."""
    cells = [cell for cell in cells if cell.optimizer == optimizer]
    scale, ratio, rate = (
        jnp.array([getattr(cell, name) for cell in cells], spec.dtype)
        for name in ("scale", "ratio", "rate")
    )
    return Settings(
        scale,
        ratio,
        measured_ratio=jnp.where(ratio > 0, ratio, spec.control_ratio),
        rate=rate,
        relative=jnp.array([cell.unit == "sharpness" for cell in cells]),
    )
