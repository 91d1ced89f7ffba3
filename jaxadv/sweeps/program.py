"""The program of a sweep: all trials on several networks.

Each network has a queue of trials, which share its weights. Four programs are compiled, once for a
group of cells: one draws networks, inputs and starts, one ascends, one certifies the ends, one
proves what it can of them. A call works through some networks on one device.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from jaxadv.ascent.certificate import Certificate
from jaxadv.ascent.solution import Solution
from jaxadv.devices import Device, wait_for
from jaxadv.experiments.draws import Draws, given_of, key_of
from jaxadv.grid.states import States
from jaxadv.grid.work import Finished, Tick
from jaxadv.problems.constraints import constraint_of, is_box
from jaxadv.programs import remembered
from jaxadv.sweeps.compiled import compile_programs
from jaxadv.sweeps.plan import Plan
from jaxadv.sweeps.records import record
from jaxadv.sweeps.spec import Cell, Sweep
from jaxadv.sweeps.trials import (
    longest_first,
    rules_of,
    settings_of,
    source_of,
)


class Running(NamedTuple):
    """Trials that a device may still work on; all axes begin with (network, trial)."""

    num_networks: int
    solutions: Solution
    certificates: Certificate
    proofs: Int[Array, "network trial"]
    lane_steps: Float[Array, " network"]


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
