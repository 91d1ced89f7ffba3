"""What a grid asks of an experiment: its cells and replicates, and programs that run them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jaxadv.devices import Device
from jaxadv.grid.identity import Identity
from jaxadv.grid.schema import Schema
from jaxadv.grid.states import States

Cell = Any  # whatever an experiment uses as a cell; hashable, and the grid never looks into it
# Called on the way of a call with the units that are done by now and a text for the progress bar;
# raises an error if the run has ended meanwhile.
Tick = Callable[[int, str], None]


@dataclass(frozen=True)
class Finished:
    """Replicates that have ended.

    Attributes:
        records: by variable, with axes (cell, replicate, …).
        counts: what was done, by name and with the axis (replicate,).
    """

    records: Mapping[str, np.ndarray]
    counts: Mapping[str, np.ndarray]

    @property
    def total(self) -> Counter[str]:
        """The counts of all replicates together."""
        return Counter({name: round(float(values.sum())) for name, values in self.counts.items()})


@runtime_checkable
class Program(Protocol):
    """Compiled work for some cells of one group, on any replicates and several devices.

    Each device has a thread, which calls both methods. A CPU has several, so that calls of one
    program can overlap.
    """

    @property
    def replicates_per_call(self) -> int:
        """How many replicates `start` takes at most."""
        ...

    @property
    def layout(self) -> Mapping[str, Any]:
        """How the work lies on the devices; for the manifest."""
        ...

    def start(self, replicates: Sequence[int], states: States, device: Device, /) -> Any:
        """Begin the work on some replicates without waiting. Long work goes on from its state."""
        ...

    def finish(self, running: Any, tick: Tick, /) -> Finished:
        """Wait for what `start` began. Long work keeps its state, and calls ``tick`` before."""
        ...


@runtime_checkable
class Work(Protocol):
    """An experiment on a grid: independent replicates in each of many cells.

    Up to rounding, a value depends on nothing but the identity, the cell and the replicate. A
    `Work` can be pickled and hashed.
    """

    @property
    def text(self) -> str:
        """The specification as a TOML document."""
        ...

    @property
    def identity(self) -> Identity:
        """What all values depend on, beside the cell and the replicate."""
        ...

    @property
    def options(self) -> Mapping[str, Any]:
        """Settings that change how long the work takes, but no value; for the manifest."""
        ...

    @property
    def schema(self) -> Schema:
        """What the dataset holds."""
        ...

    @property
    def groups(self) -> Sequence[tuple[Cell, ...]]:
        """All cells, group by group; one program runs the cells of a group together."""
        ...

    @property
    def replicates(self) -> int:
        """How many replicates each cell has."""
        ...

    @property
    def replicates_per_block(self) -> int:
        """How many replicates the blocks of a new store have."""
        ...

    @property
    def unit(self) -> str:
        """What the progress bar counts, in the singular; calls count it as ``unit + "s_run"``."""
        ...

    def units(self, cells: Sequence[Cell], /) -> int:
        """How many of these units one replicate has in some cells."""
        ...

    def cost(self, cells: Sequence[Cell], /) -> float:
        """What the time of one replicate in some cells is roughly proportional to."""
        ...

    def values_of(self, cell: Cell, /) -> tuple[Any, ...]:
        """The values of a cell's coordinates, in the order of the schema's columns."""
        ...

    def program(self, cells: tuple[Cell, ...], devices: Sequence[Device], /) -> Program:
        """The program for some cells of one group.

        Raises:
            ValueError: if it needs more memory than a device has.
        """
        ...

    def rate(self, counts: Counter[str], seconds: float, /) -> str:
        """How fast it goes, for the progress bar."""
        ...

    def check(self, *, stored: bool) -> None:
        """Refuse what cannot be run or, where ``stored``, what cannot be stored.

        Raises:
            ValueError: in one line.
        """
        ...
