"""How a grid is stored: the rows of its cells, its blocks, and what is complete of them.

Cells and replicates can be added to a store. Each cell's part of a block is a chunk of its own, so
that workers write disjoint files. The flag ``complete`` of a cell and a replicate is written after
their records, and a checksum tells whether these are still what was written.
"""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from jaxadv.grid.blocks import Block, blocks_of, missing_parts
from jaxadv.grid.identity import former_coordinates
from jaxadv.grid.places import DAMAGED, Place
from jaxadv.grid.schema import CELL, CHECKSUM, COMPLETE, Schema
from jaxadv.grid.states import States
from jaxadv.grid.store import ArraySpec, Store
from jaxadv.grid.work import Work


class StoredGrid:
    """A grid and its store, which may hold further cells and replicates.

    Attributes:
        work: the grid.
        store: the store.
    """

    def __init__(self, work: Work, store: Store) -> None:
        self.work, self.store = work, store
        row_of = {values: row for row, values in enumerate(_cells_in(store, work.schema))}
        cells = [cell for group in work.groups for cell in group]
        self._rows = {cell: row_of[work.values_of(cell)] for cell in cells}
        # Records of an older version may have no checksum, or one of fewer variables.
        self._names = store.attributes_of(CHECKSUM)["of"]
        self._entries = dict(work.identity.entries)

    @classmethod
    def create(cls, path: Place | None, work: Work) -> "StoredGrid":
        """The grid in the store at ``path``, which is made or grows if need be.

        Raises:
            ValueError: if the path holds something else, a grid with another identity, or a grid
                that cannot grow like this.
            OSError: if the store cannot be written to.
        """
        schema = work.schema
        store = Store.create(path, work.identity, schema.attributes)
        old = dict.fromkeys(_cells_in(store, schema))
        values = [work.values_of(cell) for group in work.groups for cell in group]
        new = [row for row in values if row not in old]
        replicates = max(store.sizes(COMPLETE).get(schema.replicate, 0), work.replicates)
        per_block = _replicates_per_block(store, schema) or work.replicates_per_block
        arrays = schema.arrays(len(old) + len(new), replicates, per_block)
        _check_growth(store, arrays, new)
        _keep_older_records(store, schema)
        former = former_coordinates(store.attributes)
        store.lay_out(schema.coordinates(len(old) + len(new), former))
        if new:
            columns = zip(schema.columns.items(), zip(*old, *new, strict=True), strict=True)
            store.write({name: np.array(v, column.dtype) for (name, column), v in columns}, {})
        for name, point in schema.points.items():
            _settle(store, name, np.array(point.values, point.dtype))
        store.lay_out(arrays)
        return cls(work, store)

    @property
    def blocks(self) -> list[Block]:
        """All blocks of the grid."""
        return blocks_of(self.work, self.store.chunks(COMPLETE)[self.work.schema.replicate])

    def unmarked(self, block: Block) -> list[Block]:
        """The parts of a block that are not marked as complete."""
        return missing_parts(block, self._marks(block))

    def check(self, block: Block) -> list[Block]:
        """The parts of a block that are still to be run, after all its records were checked.

        Rounding depends on which cells run together. So a replicate whose records are damaged in
        one cell is run again in all cells of the block. Where all records are intact and a kill
        came before the last flags, the missing flags are set.
        """
        marked = self._marks(block)
        if not marked.any():
            return missing_parts(block, marked)
        intact = np.stack([self._intact(cell, block.replicates) for cell in block.cells])
        damaged = (marked & ~intact).any(axis=0)
        written = intact.all(axis=0) & marked.any(axis=0)
        complete = (marked | written) & ~damaged
        if (complete != marked).any():
            self.store.write({COMPLETE: complete}, self._region(block.cells, block.replicates))
        return missing_parts(block, complete)

    def write(self, block: Block, records: Mapping[str, np.ndarray]) -> None:
        """Write the records of a block, or of a part of it, and then mark it as complete."""
        region = self._region(block.cells, block.replicates)
        values = {
            name: _stored_form(value, self.store.dtype(name)) for name, value in records.items()
        }
        try:
            self.store.write(values, region)
        except DAMAGED:
            # A lost machine can leave chunks that are not whole, and not marked as complete.
            self._forget(block.cells, block.replicates)
            self.store.write(values, region)
        sums = _checksums({name: values[name] for name in self._names})
        self.store.write({CHECKSUM: sums}, region)
        self.store.write({COMPLETE: np.array(True)}, region)
        self.states_of(block.cells).delete(block.replicates)

    def states_of(self, cells: tuple[Any, ...]) -> States:
        """Where the states of long work in some cells are kept."""
        settings = [self.work.values_of(cell) for cell in cells]
        return States(self.store.path, [self._entries, settings])

    def dataset(self) -> xr.Dataset:
        """The grid's own cells and replicates, in its order."""
        rows = _as_slice(list(self._rows.values()))
        part = {CELL: rows, self.work.schema.replicate: slice(0, self.work.replicates)}
        return whole_dataset(self.store).isel(part)

    def _region(self, cells: Iterable[Any], replicates: range) -> dict[str, Any]:
        """Where the records of some cells and replicates are in the arrays."""
        rows = _as_slice([self._rows[cell] for cell in cells])
        return {CELL: rows, self.work.schema.replicate: slice(replicates.start, replicates.stop)}

    def _marks(self, block: Block) -> np.ndarray:
        """What of a block is marked as complete, with axes (cell, replicate)."""
        try:
            return self.store.read(COMPLETE, self._region(block.cells, block.replicates))
        except DAMAGED:
            pass
        marks = np.zeros((len(block.cells), len(block)), bool)
        for row, cell in enumerate(block.cells):
            region = self._region([cell], block.replicates)
            try:
                marks[row] = self.store.read(COMPLETE, region)[0]
            except DAMAGED:
                self.store.erase([COMPLETE], region)
        return marks

    def _intact(self, cell: Any, replicates: range) -> np.ndarray:
        """Whether a cell's records are what was written, for each replicate."""
        region = self._region([cell], replicates)
        try:
            values = {name: self.store.read(name, region) for name in (CHECKSUM, *self._names)}
        except DAMAGED:
            self._forget([cell], replicates)
            return np.zeros(len(replicates), bool)
        return (values.pop(CHECKSUM) == _checksums(values))[0]

    def _forget(self, cells: Iterable[Any], replicates: range) -> None:
        """Delete the chunks of some cells and replicates, with all flags that are in them."""
        names = [COMPLETE, CHECKSUM, *self.work.schema.variables]
        self.store.erase(names, self._region(cells, replicates))


def _as_slice(rows: list[int]) -> list[int] | slice:
    """The rows, as a slice where they follow each other."""
    first, last = rows[0], rows[0] + len(rows)
    return slice(first, last) if rows == list(range(first, last)) else rows


def whole_dataset(store: Store) -> xr.Dataset:
    """All cells and replicates of a store; ``complete`` says which were run.

    Raises:
        ValueError: if it is damaged.
    """
    dataset = store.dataset()
    if COMPLETE not in dataset:
        raise ValueError(f"store: has no array {COMPLETE!r}; run the command that made it again")
    missing = [name for name in store.attributes_of(CHECKSUM).get("of", ()) if name not in dataset]
    if missing:
        raise ValueError(f"store: has no array {missing[0]!r}; run the command that made it again")
    return dataset.drop_vars(CHECKSUM, errors="ignore")


def _cells_in(store: Store, schema: Schema) -> list[tuple[Any, ...]]:
    """The values of the columns of all cells of a store."""
    num_cells = store.sizes(COMPLETE).get(CELL, 0)
    if not num_cells:
        return []
    try:
        former = former_coordinates(store.attributes)
        columns = [
            store.read(name).tolist() if store.sizes(name) else [former.get(name)] * num_cells
            for name in schema.columns
        ]
    except DAMAGED as error:
        raise ValueError(f"store: the settings of its cells cannot be read: {error}") from error
    if any(value == "" or pd.isna(value) for column in columns for value in column[:num_cells]):
        raise ValueError("store: the settings of its cells are damaged; give another folder")
    # A store that was stopped while it grew has coordinates of cells that are not there yet.
    return list(zip(*(column[:num_cells] for column in columns), strict=True))


def _replicates_per_block(store: Store, schema: Schema) -> int | None:
    """How many replicates a store's blocks have; None if it has no arrays yet."""
    names = (name for name in (COMPLETE, *schema.variables) if store.sizes(name))
    return next((store.chunks(name)[schema.replicate] for name in names), None)


def _check_growth(store: Store, arrays: Mapping[str, ArraySpec], new: list[Any]) -> None:
    """Refuse a grid that a store has no room for."""
    for name, array in arrays.items():
        sizes = store.sizes(name)
        for dim, size in zip(array.dims[2:], array.shape[2:], strict=True):
            if sizes and sizes[dim] != size:
                raise ValueError(
                    f"store: has room for {sizes[dim]} along {dim!r}, not {size}; give another "
                    "folder"
                )
    if new and store.sizes(COMPLETE) and store.chunks(COMPLETE)[CELL] > 1:
        raise ValueError(
            "store: was made by jaxadv 0.1, which wrote all cells of a network together; cells "
            "cannot be added, give another folder"
        )


def _keep_older_records(store: Store, schema: Schema) -> None:
    """Give checksums to the records of a store of version 0.1, which may have none.

    The checksums say which variables they are of: those that the store had then.
    """
    names = [name for name in schema.variables if store.sizes(name)]
    if store.sizes(CHECKSUM):
        if "of" not in store.attributes_of(CHECKSUM):
            store.describe(CHECKSUM, {"of": names})
        return
    if "experiment" in store.attributes or not store.sizes(COMPLETE):
        return
    sizes, chunks = store.sizes(COMPLETE), store.chunks(COMPLETE)
    spec = schema.arrays(sizes[CELL], sizes[schema.replicate], chunks[schema.replicate])[CHECKSUM]
    lengths = chunks[CELL], chunks[schema.replicate]
    attributes = {**spec.attributes, "of": names}
    store.lay_out({CHECKSUM: ArraySpec(spec.dims, spec.shape, lengths, spec.dtype, attributes)})
    for cell in range(0, sizes[CELL], chunks[CELL]):
        for first in range(0, sizes[schema.replicate], chunks[schema.replicate]):
            last = min(first + chunks[schema.replicate], sizes[schema.replicate])
            cells = slice(cell, min(cell + chunks[CELL], sizes[CELL]))
            region = {CELL: cells, schema.replicate: slice(first, last)}
            try:
                sums = _checksums({name: store.read(name, region) for name in names})
            except DAMAGED:
                continue  # the next check of these blocks runs them again
            store.write({CHECKSUM: sums}, region)


def _settle(store: Store, name: str, values: np.ndarray) -> None:
    """Write a coordinate, unless the store has it already."""
    try:
        is_there = np.array_equal(store.read(name), values)
    except DAMAGED:
        store.erase([name], {})
        is_there = False
    if not is_there:
        store.write({name: values}, {})


def _stored_form(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values as they come back from the store: a NaN may have other bits there."""
    values = np.ascontiguousarray(values, dtype)
    if dtype.kind == "f":
        values = np.where(np.isnan(values), dtype.type(np.nan), values)
    return values


def _checksums(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """CRC-32 of all records of each cell and replicate."""
    first = next(iter(values.values()))
    sums = np.zeros(first.shape[:2], np.uint32)
    for name in sorted(values):
        value = np.ascontiguousarray(values[name])
        for index in np.ndindex(sums.shape):
            sums[index] = zlib.crc32(value[index].tobytes(), int(sums[index]))
    return sums
