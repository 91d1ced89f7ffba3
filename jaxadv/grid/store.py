"""Arrays that are written block by block and may grow: a zarr group that xarray opens.

A store is a folder, or the address of one on an object store, with ``data.zarr`` and whatever else
its owner puts beside it. It is made for one identity, the named settings that all its values
depend on, and a run with another identity is refused. Each write of a chunk is atomic, on a local
disk and on object stores, and laying out can be repeated: a process may be killed at any moment.
Nothing here knows what the values mean.
"""

import contextlib
import itertools
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import xarray as xr
import zarr
from zarr.errors import ZarrUserWarning
from zarr.storage import MemoryStore

from jaxadv.grid.identity import Identity
from jaxadv.grid.places import (
    DAMAGED,
    DATA,
    FORMAT,
    MAKER,
    Place,
    open_group,
    writing,
    zarr_store,
)

NOTES = "notes"


@dataclass(frozen=True)
class ArraySpec:
    """One array of a store.

    Attributes:
        dims: the names of its dimensions.
        shape: their lengths.
        chunks: the lengths of a chunk.
        dtype: the type of its values.
        attributes: what it means, as CF attributes.
        fill_value: of parts that were not written; None for 0, NaN or "".
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: Any
    attributes: Mapping[str, Any]
    fill_value: Any = None


class Store:
    """A zarr group on disk, on an object store or in memory.

    Attributes:
        path: where it is; None in memory.

    Example:
        >>> store = Store.create(None, Identity("count", {"seed": 0}), {"title": "Counts"})
        >>> store.lay_out({"count": ArraySpec(("run",), (4,), (2,), "int32", {"units": "1"})})
        >>> store.write({"count": np.array([5, 6])}, {"run": slice(2, 4)})
        >>> store.dataset()["count"].values.tolist()
        [0, 0, 5, 6]
    """

    def __init__(self, group: zarr.Group, path: Place | None) -> None:
        self._group, self.path = group, path
        self._arrays: dict[str, zarr.Array] = {}  # those that are open: opening one takes a while
        self._name = "memory" if path is None else str(path)

    @classmethod
    def create(
        cls, path: Place | None, identity: Identity, attributes: Mapping[str, Any]
    ) -> "Store":
        """The store at ``path``, made if it is not there yet; in memory if ``path`` is None.

        Args:
            path: a folder, which need not exist, or an address.
            identity: what all values depend on.
            attributes: of the dataset.

        Raises:
            ValueError: if the path is a file, or holds something else or another identity.
            OSError: if it cannot be written to.
        """
        group = None if path is None else open_group(path)
        name = "memory" if path is None else str(path)
        if group is None:
            with writing(name):
                target = MemoryStore() if path is None else zarr_store(path)
                group = zarr.create_group(target, attributes={"maker": MAKER, "format": FORMAT})
        if "identity" not in group.attrs:
            # A new store, or one whose creation was stopped: the identity is written last.
            with writing(name):
                group.require_group(NOTES)
                owner = {"experiment": identity.experiment, "identity": dict(identity.entries)}
                group.update_attributes({**attributes, **owner})
        identity.check(name, dict(group.attrs))
        if any(group.attrs.get(key) != value for key, value in attributes.items()):
            # An older store has fewer coordinates.
            with writing(name):
                group.update_attributes(dict(attributes))
        return cls(group, path)

    @classmethod
    def open(cls, path: Place) -> "Store":
        """The store at ``path``, for reading.

        Raises:
            ValueError: if there is none, or it cannot be read.
        """
        group = open_group(path)
        if group is None or "identity" not in group.attrs:
            raise ValueError(f"store: there is none in {str(path)!r}")
        return cls(group, path)

    def lay_out(self, arrays: Mapping[str, ArraySpec]) -> None:
        """Make the arrays that are missing, and give the others their new shapes.

        New parts hold 0, NaN or "". Arrays keep the chunks that they were made with. They are laid
        out in the order given; the array whose shape says what the store holds must be the last.
        """
        with writing(self._name):
            for name, spec in arrays.items():
                if not self._has(name):
                    self._group.create_array(
                        name,
                        shape=spec.shape,
                        chunks=spec.chunks,
                        dtype=spec.dtype,
                        fill_value=_fill_value(spec),
                        # In memory, compression takes more time than the rest of a write.
                        compressors=None if self.path is None else "auto",
                        dimension_names=spec.dims,
                        # One folder for an array's files, not one for each.
                        chunk_key_encoding={"name": "default", "separator": "."},
                        attributes=dict(spec.attributes),
                    )
                elif self._array(name).shape != spec.shape:
                    self._array(name).resize(spec.shape)

    def write(self, values: Mapping[str, np.ndarray], region: Mapping[str, Any]) -> None:
        """Fill a region of some arrays.

        Args:
            values: by array.
            region: slices or indices by dimension; all of a dimension that is not named. Slices
                are faster.
        """
        with writing(self._name):
            for name, value in values.items():
                array = self._array(name)
                array.oindex[self._selection(array, region)] = value

    def read(self, name: str, region: Mapping[str, Any] | None = None) -> np.ndarray:
        """The values of one array, or of a region of it."""
        array = self._array(name)
        return np.asarray(array.oindex[self._selection(array, region or {})])

    def erase(self, names: Iterable[str], region: Mapping[str, Any]) -> None:
        """Delete all chunks of some arrays that overlap a region, damaged ones as well."""
        assert self.path is not None
        for name in names:
            array = self._array(name)
            ranges = []
            for dim, size, length in zip(self._dims(array), array.shape, array.chunks, strict=True):
                indices = np.arange(size)[region.get(dim, slice(None))]
                ranges.append(np.unique(indices // length).tolist())
            for chunk in itertools.product(*ranges):
                key = cast(Any, array.metadata).encode_chunk_key(chunk)
                with writing(self._name):
                    (self.path / DATA / name / key).unlink(missing_ok=True)

    def sizes(self, name: str) -> dict[str, int]:
        """The length of an array, by dimension; empty if there is none."""
        if not self._has(name):
            return {}
        array = self._array(name)
        return dict(zip(self._dims(array), array.shape, strict=True))

    def chunks(self, name: str) -> dict[str, int]:
        """The length of an array's chunks, by dimension."""
        array = self._array(name)
        return dict(zip(self._dims(array), array.chunks, strict=True))

    def dtype(self, name: str) -> np.dtype:
        """The type of an array's values."""
        return np.dtype(cast(Any, self._array(name).dtype))

    def attributes_of(self, name: str) -> dict[str, Any]:
        """The attributes of an array; empty if there is none."""
        return dict(self._array(name).attrs) if self._has(name) else {}

    def describe(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Add attributes to an array."""
        with writing(self._name):
            self._array(name).update_attributes(dict(attributes))

    @property
    def attributes(self) -> dict[str, Any]:
        """The dataset's attributes, and the store's own."""
        return dict(self._group.attrs)

    def note(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Write down something beside the data; replaces the note of that name."""
        with writing(self._name):
            notes = cast(zarr.Group, self._group[NOTES])
            if name in notes:
                cast(zarr.Group, notes[name]).update_attributes(dict(attributes))
            else:
                notes.create_group(name, attributes=dict(attributes))

    def notes(self) -> dict[str, dict[str, Any]]:
        """All notes, in the order of their names."""
        notes = cast(zarr.Group, self._group[NOTES])
        with warnings.catch_warnings():
            # A kill can leave the folder of a note that was never written.
            warnings.simplefilter("ignore", ZarrUserWarning)
            return {name: dict(note.attrs) for name, note in sorted(notes.groups())}

    def note_of(self, name: str) -> dict[str, Any]:
        """One note; empty if there is none yet."""
        path = f"{NOTES}/{name}"
        return dict(self._group[path].attrs) if path in self._group else {}

    def dataset(self) -> xr.Dataset:
        """All of the store; values are read when they are used.

        Raises:
            ValueError: if it is damaged.
        """
        try:
            return xr.open_zarr(self._group.store, consolidated=False, chunks=None)
        except DAMAGED as error:
            raise ValueError(
                f"store: {self._name!r} is damaged, or was stopped while it grew; run the "
                f"command that made it again: {error}"
            ) from error

    def _has(self, name: str) -> bool:
        with self._reading(name):
            return name in self._group

    def _array(self, name: str) -> zarr.Array:
        if name not in self._arrays:
            with self._reading(name):
                self._arrays[name] = cast(zarr.Array, self._group[name])
        return self._arrays[name]

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """Say which array's description is damaged."""
        try:
            yield
        except DAMAGED as error:
            raise ValueError(
                f"store: cannot read the array {name!r} of {self._name!r} ({error}); delete its "
                f"folder in {DATA} and run again: what is lost is then computed anew"
            ) from error

    def _dims(self, array: zarr.Array) -> tuple[str, ...]:
        return cast(Any, array.metadata).dimension_names

    def _selection(self, array: zarr.Array, region: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(region.get(dim, slice(None)) for dim in self._dims(array))


def _fill_value(spec: ArraySpec) -> Any:
    dtype = np.dtype(spec.dtype)
    if spec.fill_value is not None:
        return spec.fill_value
    return np.nan if dtype.kind == "f" else "" if dtype.kind == "T" else 0
