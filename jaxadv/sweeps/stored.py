"""How a sweep lies in a store: its cells and networks, its blocks, what is complete of them.

Cells and networks can be added to a store; each cell's part of a block is a chunk of its own, so
that workers write disjoint files. The flag `complete` of a cell and network is written after their
records, and a checksum tells whether these are still what was written.
"""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from jaxadv.experiments.draws import random_mark
from jaxadv.grid.places import DAMAGED, Place
from jaxadv.grid.store import ArraySpec, Store
from jaxadv.sweeps.blocks import Block, Task, blocks_of, networks_per_block, tasks_of
from jaxadv.sweeps.records import VARIABLES
from jaxadv.sweeps.spec import Cell, Sweep

TITLE = "Projected gradient ascent on random two-layer networks"
CHUNK_CELLS = 1024
"""Of the coordinates, which are small."""
TEXT: Any = np.dtypes.StringDType()
COORDINATES: Mapping[str, tuple[Any, str]] = {
    "scale": ("float64", "input scale s"),
    "ratio": ("float64", "perturbation ratio"),
    "dim": ("int64", "input dimension"),
    "width": ("int64", "hidden width"),
    "activation": (TEXT, "activation"),
    "loss": (TEXT, "loss"),
    "step_rule": (TEXT, "step-size rule"),
    "step_size": ("float64", "parameter of the rule"),
}
"""The coordinates on ``cell``: type and meaning."""


class StoredSweep:
    """A sweep and the store that it is in, perhaps with cells and networks of others.

    Example:
        >>> stored = StoredSweep.create(None, Sweep(scales=(0.1,), networks=5))
        >>> [block.networks for block in stored.blocks]
        [range(0, 5)]
        >>> [task.networks for task in stored.check(stored.blocks[0])]
        [range(0, 5)]
    """

    def __init__(self, sweep: Sweep, store: Store) -> None:
        self._sweep, self.store = sweep, store
        places = {values: row for row, values in enumerate(_cells_in(store))}
        self._rows = {cell: places[_values(sweep, cell)] for cell in sweep.cells}

    @classmethod
    def create(cls, path: Place | None, sweep: Sweep) -> "StoredSweep":
        """The sweep in the store at ``path``, which is made, or grows, if need be.

        Raises:
            ValueError: if there is something else, or a sweep with another identity.
            OSError: if the store cannot be written to.
        """
        names = " ".join([*COORDINATES, "tolerance"])
        attributes = {"title": TITLE, "coordinates": names}
        store = Store.create(path, identity_of(sweep), attributes)
        known = dict.fromkeys(_cells_in(store))
        new = [values for cell in sweep.cells if (values := _values(sweep, cell)) not in known]
        networks = max(store.sizes("complete").get("network", 0), sweep.networks)
        per_block = _networks_per_block(store) or networks_per_block(sweep)
        coordinates, variables = _layout(sweep, len(known) + len(new), networks, per_block)
        store.lay_out(coordinates)
        columns = dict(zip(COORDINATES, zip(*known, *new, strict=True), strict=True))
        if new:
            store.write(
                {name: np.array(columns[name], COORDINATES[name][0]) for name in COORDINATES}, {}
            )
        _settle_tolerances(store, sweep)
        store.lay_out(variables)
        return cls(sweep, store)

    @property
    def blocks(self) -> list[Block]:
        """All blocks of the sweep."""
        return blocks_of(self._sweep, self.store.chunks("complete")["network"])

    def unmarked(self, blocks: Iterable[Block]) -> list[list[Task]]:
        """What is not marked as complete of some blocks."""
        return [
            tasks_of(block, self._sweep.cells_of(block.group), self._marks(block))
            for block in blocks
        ]

    def check(self, block: Block) -> list[Task]:
        """What is to be done of a block, after a look at all records that it should have.

        Cells that were run together are run together again, for rounding depends on that: where
        one is damaged, a network is run again in all of them; where a kill came between the flags,
        when all records had been written, the missing flags are set.
        """
        cells, marked = self._sweep.cells_of(block.group), self._marks(block)
        if not marked.any():
            return tasks_of(block, cells, marked)
        intact = np.stack([self._intact(cell, block.networks) for cell in cells])
        damaged = (marked & ~intact).any(axis=0)
        written = intact.all(axis=0) & marked.any(axis=0)
        complete = (marked | written) & ~damaged
        if (complete != marked).any():
            self.store.write({"complete": complete}, self._place(cells, block.networks))
        return tasks_of(block, cells, complete)

    def write(self, task: Task, records: Mapping[str, np.ndarray]) -> None:
        """Write what was found; mark it as complete when all is written."""
        place = self._place(task.cells, task.networks)
        values = {
            name: _stored_form(value, self.store.dtype(name)) for name, value in records.items()
        }
        try:
            self.store.write(values, place)
        except DAMAGED:
            # A lost machine can leave chunks that were never whole, nor marked.
            self._forget(task.cells, task.networks)
            self.store.write(values, place)
        self.store.write({"checksum": _checksums(values)}, place)
        self.store.write({"complete": np.array(True)}, place)

    def dataset(self) -> xr.Dataset:
        """The sweep's own cells and networks, in the order of its specification."""
        rows = list(self._rows.values())
        if rows == list(range(len(rows))):
            rows = slice(0, len(rows))
        part = {"cell": rows, "network": slice(0, self._sweep.networks)}
        return whole_dataset(self.store).isel(part)

    def _place(self, cells: Iterable[Cell], networks: range) -> dict[str, Any]:
        rows = [self._rows[cell] for cell in cells]
        return {"cell": rows, "network": slice(networks.start, networks.stop)}

    def _marks(self, block: Block) -> np.ndarray:
        """What is marked as complete of a block, with axes (cell, network)."""
        cells = self._sweep.cells_of(block.group)
        try:
            return self.store.read("complete", self._place(cells, block.networks))
        except DAMAGED:
            pass
        marks = np.zeros((len(cells), len(block.networks)), bool)
        for row, cell in enumerate(cells):
            place = self._place([cell], block.networks)
            try:
                marks[row] = self.store.read("complete", place)[0]
            except DAMAGED:
                self.store.erase(["complete"], place)
        return marks

    def _intact(self, cell: Cell, networks: range) -> np.ndarray:
        """On which networks a cell's records are what was written."""
        place = self._place([cell], networks)
        try:
            values = {name: self.store.read(name, place) for name in ("checksum", *VARIABLES)}
        except DAMAGED:
            self._forget([cell], networks)
            return np.zeros(len(networks), bool)
        return (values.pop("checksum") == _checksums(values))[0]

    def _forget(self, cells: Iterable[Cell], networks: range) -> None:
        """Delete the chunks that some cells have there, with the flags of all that is in them."""
        self.store.erase(["complete", "checksum", *VARIABLES], self._place(cells, networks))


def whole_dataset(store: Store) -> xr.Dataset:
    """All cells and networks of a store; ``complete`` says which were run.

    Raises:
        ValueError: if it is damaged.
    """
    dataset = store.dataset()
    missing = [name for name in (*VARIABLES, "complete") if name not in dataset]
    if missing:
        raise ValueError(f"store: has no array {missing[0]!r}; run what made it again")
    return dataset[[*VARIABLES, "complete"]]


def identity_of(sweep: Sweep) -> dict[str, Any]:
    """What must be the same for all of a store: all but the cells and the number of networks."""
    fields = ("seed", "examples", "starts", "tolerances", "max_steps", "network", "precision")
    real = sweep.real_examples
    data = sweep.data if real is None else real.digest
    values = sweep.labelled()
    settings = {name: values[name] for name in fields}
    return {**settings, **sweep.declared, "data": data, "random numbers": random_mark()}


def _values(sweep: Sweep, cell: Cell) -> tuple[Any, ...]:
    """The values of a cell's coordinates, in the order of `COORDINATES`."""
    group = cell.group
    return (
        cell.scale,
        cell.ratio,
        group.dim,
        group.width,
        sweep.label("activations", group.activation),
        sweep.label("losses", group.loss),
        sweep.label("step", cell.step_rule),
        cell.step_size,
    )


def _cells_in(store: Store) -> list[tuple[Any, ...]]:
    """The coordinates of all cells of a store."""
    known = store.sizes("complete").get("cell", 0)
    if not known:
        return []
    try:
        columns = [store.read(name).tolist() for name in COORDINATES]
    except DAMAGED as error:
        raise ValueError(f"store: the settings of its cells cannot be read: {error}") from error
    if any(value == "" or pd.isna(value) for column in columns for value in column[:known]):
        raise ValueError("store: the settings of its cells are damaged; give another folder")
    # A store that was stopped while it grew has coordinates of cells that are not there yet.
    return list(zip(*(column[:known] for column in columns), strict=True))


def _networks_per_block(store: Store) -> int | None:
    """What the store was made with; None if it has no arrays yet."""
    has = (name for name in ("complete", *VARIABLES) if store.sizes(name))
    return next((store.chunks(name)["network"] for name in has), None)


def _settle_tolerances(store: Store, sweep: Sweep) -> None:
    """Write the coordinate ``tolerance``, unless it is there already."""
    wanted = np.array(sweep.tolerances)
    try:
        is_there = np.array_equal(store.read("tolerance"), wanted)
    except DAMAGED:
        store.erase(["tolerance"], {})
        is_there = False
    if not is_there:
        store.write({"tolerance": wanted}, {})


def _layout(
    sweep: Sweep, cells: int, networks: int, per_block: int
) -> tuple[dict[str, ArraySpec], dict[str, ArraySpec]]:
    """The coordinates and the variables of a store."""
    dims = ("cell", "network", "example", "start", "tolerance")
    tolerances = len(sweep.tolerances)
    shape = (cells, networks, sweep.examples, sweep.starts, tolerances)
    chunks = (1, per_block, sweep.examples, sweep.starts, tolerances)
    floats = "float64" if sweep.precision == "double" else "float32"

    def array(rank: int, dtype: str, attributes: dict[str, Any]) -> ArraySpec:
        return ArraySpec(dims[:rank], shape[:rank], chunks[:rank], dtype, attributes)

    coordinates = {
        name: ArraySpec(
            ("cell",), (cells,), (CHUNK_CELLS,), dtype, {"long_name": meaning, "units": "1"}
        )
        for name, (dtype, meaning) in COORDINATES.items()
    }
    meaning = {"long_name": "residual at which steps are counted", "units": "1"}
    sizes = (tolerances,)
    coordinates["tolerance"] = ArraySpec(("tolerance",), sizes, sizes, "float64", meaning)
    variables = {
        name: array(
            2 + len(variable.dims),
            floats if variable.dtype == "float" else variable.dtype,
            variable.attributes,
        )
        for name, variable in VARIABLES.items()
    }
    meaning = {"long_name": "CRC-32 of the records, variable by variable", "units": "1"}
    variables["checksum"] = array(2, "uint32", meaning)
    meaning = {"long_name": "whether the trials of this cell and network were run", "units": "1"}
    variables["complete"] = array(2, "bool", meaning)
    return coordinates, variables


def _stored_form(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values as they come back from the store: a NaN may have other bits there."""
    values = np.ascontiguousarray(values, dtype)
    if dtype.kind == "f":
        values = np.where(np.isnan(values), dtype.type(np.nan), values)
    return values


def _checksums(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """CRC-32 of all records of each cell and network."""
    first = next(iter(values.values()))
    sums = np.zeros(first.shape[:2], np.uint32)
    for name in sorted(values):
        value = np.ascontiguousarray(values[name])
        for place in np.ndindex(sums.shape):
            sums[place] = zlib.crc32(value[place].tobytes(), int(sums[place]))
    return sums
