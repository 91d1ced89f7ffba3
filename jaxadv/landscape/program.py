"""The program that surveys some networks in one cell of a landscape."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jaxadv.devices import wait_for
from jaxadv.experiments.draws import given_of, key_of
from jaxadv.grid.states import States
from jaxadv.grid.work import Finished, Tick
from jaxadv.landscape.spec import Cell, Landscape


class Running(NamedTuple):
    """Networks whose surveys devices may still work on.

    Attributes:
        num_networks: how many of the rows were asked for; rows beyond repeat networks.
        values: as the program returns them, a row for each network.
    """

    num_networks: int
    values: Any


class CellSurvey:
    """A `jaxadv.grid.work.Program` for one cell; a call has one network for each device.

    A subclass has the compiled program, and makes records of what it returns.

    Args:
        spec: the specification.
        cell: the cell.
        mesh: the devices.
    """

    label: ClassVar[str]

    def __init__(self, spec: Landscape, cell: Cell, mesh: Mesh) -> None:
        self.spec, self.cell, self.mesh = spec, cell, mesh
        with jax.enable_x64(True):
            self.shared = (
                key_of(spec), given_of(spec), jnp.asarray(cell.scale), jnp.asarray(cell.ratio)
            )  # fmt: skip

    @property
    def replicates_per_call(self) -> int:
        """One network for each device."""
        return self.mesh.size

    @property
    def layout(self) -> Mapping[str, Any]:
        """The settings of the cell; nothing of the layout can be chosen."""
        cell = self.cell
        labels = self.spec.labels_of(cell.group)
        return {**labels, "training": cell.training, "ratio": cell.ratio, "scale": cell.scale}

    def start(self, networks: Sequence[int], states: States | None = None) -> Running:
        """Begin the survey of some networks without waiting; it is short, and keeps no state."""
        del states
        # A last call with fewer networks repeats some, so that one compiled shape serves all calls.
        indices = np.resize(np.asarray(networks, np.int32), self.mesh.size)
        with jax.enable_x64(True):
            return Running(len(networks), self.program()(indices, *self.shared))

    def finish(self, running: Running, tick: Tick | None = None) -> Finished:
        """Wait until the survey has ended, and return its records."""
        if tick is not None:
            cell = self.cell
            trained = "random" if cell.training == "none" else f"{cell.training} training"
            tick(0, f"{self.label}: {trained}, s = {cell.scale:g}")
        wait_for(running.values)
        records = self.records(running)
        counts = {"networks_run": np.ones(running.num_networks, int)}
        return Finished({name: value[None] for name, value in records.items()}, counts)

    def program(self) -> Callable[..., Any]:
        """The compiled program; its arguments are the networks' indices and ``shared``."""
        raise NotImplementedError

    def records(self, running: Running) -> dict[str, np.ndarray]:
        """The records of a call that has ended, with axes (network, …)."""
        raise NotImplementedError
