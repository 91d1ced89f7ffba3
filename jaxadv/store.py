"""Datasets that are written block by block: a zarr group that xarray opens.

A store is a folder with ``data.zarr`` and whatever else its owner puts beside it. It is made for
one identity, a hash of what its values depend on, and refuses to be opened for another. Nothing
here knows what the values mean.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import xarray as xr
import zarr
from zarr.storage import MemoryStore

DATA = "data.zarr"
FORMAT = 1


@dataclass(frozen=True)
class ArraySpec:
    """One array of a store: its dimensions with their lengths and chunks, its type, its meaning."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: str
    attributes: Mapping[str, Any]


class Store:
    """A zarr group on disk or in memory, with arrays that are filled block by block.

    Example:
        >>> spec = ArraySpec(("run",), (4,), (2,), "int32", {"units": "1"})
        >>> store = Store.create(None, "abc", xr.Dataset(), {"count": spec})
        >>> store.write({"run": slice(2, 4)}, {"count": np.array([5, 6])})
        >>> store.dataset()["count"].values.tolist()
        [0, 0, 5, 6]
    """

    def __init__(self, group: zarr.Group) -> None:
        self._group = group

    @classmethod
    def create(
        cls,
        path: Path | None,
        identity: str,
        coordinates: xr.Dataset,
        arrays: Mapping[str, ArraySpec],
    ) -> "Store":
        """The store at ``path``, made if it is not there yet; in memory if ``path`` is None.

        Args:
            path: a folder, which need not exist.
            identity: what the values depend on; `open` and later `create` compare it.
            coordinates: coordinates and attributes, written at once.
            arrays: the arrays by name, filled with 0 (NaN for floats) until they are written.

        Raises:
            ValueError: if the path is a file, or holds a store of another identity.
        """
        if path is None:
            return cls(_lay_out(MemoryStore(), identity, coordinates, arrays))
        check_identity(path, identity)
        target = path / DATA
        if not target.exists():
            # Renamed when whole: a store is never seen half made.
            unfinished = path / (DATA + ".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            path.mkdir(parents=True, exist_ok=True)
            _lay_out(unfinished, identity, coordinates, arrays)
            unfinished.rename(target)
        return cls(zarr.open_group(target, mode="r+"))

    @classmethod
    def open(cls, path: Path) -> "Store":
        """The store at ``path``, for reading.

        Raises:
            ValueError: if there is none, or it cannot be read.
        """
        group = _open(path)
        if group is None:
            raise ValueError(f"store: there is no sweep in {str(path)!r}")
        return cls(group)

    def write(self, block: Mapping[str, slice], values: Mapping[str, np.ndarray]) -> None:
        """Fill a block of some arrays: all of a dimension that ``block`` does not name."""
        for name, value in values.items():
            array = self._array(name)
            dims = cast(Any, array.metadata).dimension_names
            array[tuple(block.get(dim, slice(None)) for dim in dims)] = value

    def read(self, name: str) -> np.ndarray:
        """The values of one array."""
        return np.asarray(self._array(name)[...])

    @property
    def attributes(self) -> dict[str, Any]:
        """The dataset's attributes."""
        return dict(self._group.attrs)

    def annotate(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes to the dataset, or change them."""
        self._group.update_attributes(dict(attributes))

    def dataset(self) -> xr.Dataset:
        """All of the store, read when it is looked at."""
        return xr.open_zarr(self._group.store, consolidated=False, chunks=None)

    def _array(self, name: str) -> zarr.Array:
        array = self._group[name]
        assert isinstance(array, zarr.Array)
        return array


def check_identity(path: Path, identity: str) -> None:
    """Refuse a path at which a store of this identity cannot be.

    Raises:
        ValueError: if the path is a file, or holds something else.
    """
    nearest = next(place for place in (path, *path.parents) if place.exists())
    if not nearest.is_dir():
        raise ValueError(f"store: {str(nearest)!r} is a file; give a folder")
    group = _open(path)
    if group is None:
        return
    if group.attrs.get("format") != FORMAT:
        found = group.attrs.get("format")
        raise ValueError(f"store: {str(path)!r} has format {found}, this version writes {FORMAT}")
    if group.attrs.get("fingerprint") != identity:
        raise ValueError(
            f"store: {str(path)!r} holds another sweep, {group.attrs.get('fingerprint')}, "
            f"not {identity}; give another folder"
        )


def _open(path: Path) -> zarr.Group | None:
    if not (path / DATA).exists():
        return None
    try:
        group = zarr.open_group(path / DATA, mode="r+")
    except (OSError, ValueError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"store: cannot read {str(path / DATA)!r}: {error}") from error
    return group


def _lay_out(
    where: Path | MemoryStore,
    identity: str,
    coordinates: xr.Dataset,
    arrays: Mapping[str, ArraySpec],
) -> zarr.Group:
    coordinates.to_zarr(where, consolidated=False, zarr_format=3)
    group = zarr.open_group(where, mode="r+")
    for name, spec in arrays.items():
        group.create_array(
            name,
            shape=spec.shape,
            chunks=spec.chunks,
            dtype=spec.dtype,
            fill_value=np.nan if np.issubdtype(np.dtype(spec.dtype), np.floating) else 0,
            dimension_names=spec.dims,
            attributes=dict(spec.attributes),
        )
    group.update_attributes({"fingerprint": identity, "format": FORMAT})
    return group
