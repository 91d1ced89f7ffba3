"""A dataset of cells and networks: laid out in a store, filled network by network, resumed.

For experiments whose cells are fixed; networks can be added.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from jaxadv.experiments.draws import random_mark
from jaxadv.experiments.specification import Specification
from jaxadv.grid import places
from jaxadv.grid.identity import Identity
from jaxadv.grid.locks import locked
from jaxadv.grid.manifest import as_attributes, write_manifest
from jaxadv.grid.places import Place
from jaxadv.grid.schema import Variable
from jaxadv.grid.store import ArraySpec, Store


@dataclass(frozen=True)
class Column:
    """A coordinate: what it is, its values along its dimension, and their unit."""

    long_name: str
    values: Sequence[Any]
    units: str = "1"


@dataclass(frozen=True)
class Grid:
    """What a dataset holds.

    Attributes:
        spec: what it is made for.
        networks: how many there are to be.
        kind: what sort of experiment it is.
        title: of the dataset.
        columns: the coordinates on ``cell`` by name.
        variables: by name.
        sizes: of the variables' dimensions, but for cell and network.
        points: coordinates on other dimensions, by the name of the dimension.
        float_dtype: of variables whose type is "float".
        settings: what the values depend on beside the specification.
        single: the dimensions along which a chunk of a variable holds one value.
    """

    spec: Specification
    networks: int
    kind: str
    title: str
    columns: Mapping[str, Column]
    variables: Mapping[str, Variable]
    sizes: Mapping[str, int]
    points: Mapping[str, Column] = field(default_factory=dict)
    float_dtype: str = "float64"
    settings: Mapping[str, Any] = field(default_factory=dict)
    single: tuple[str, ...] = ("cell", "network")

    @property
    def num_cells(self) -> int:
        """How many cells there are."""
        return len(next(iter(self.columns.values())).values)

    @property
    def identity(self) -> Identity:
        """What must be the same for all of a store: all but the number of networks."""
        fields = self.spec.labelled()
        for name in ("networks", "data_dir", "smooth"):
            fields.pop(name, None)
        real = self.spec.real_examples
        data = self.spec.data if real is None else real.digest
        settings = {**self.settings, "random numbers": random_mark()}
        entries = {
            self.kind: self.title, **fields, **self.spec.declared, "data": data, **settings,
        }  # fmt: skip
        return Identity(self.spec.experiment, entries)


def fill(
    grid: Grid,
    store: str | Path | None,
    work: Callable[[Store, Place | None], None],
    *,
    fresh: bool,
) -> xr.Dataset:
    """Open a grid's store, let ``work`` do what is not ``complete``, and return the dataset.

    Args:
        grid: what the store is for.
        store: a folder or an fsspec address; None keeps the dataset in memory.
        work: writes records, and then sets ``complete``; given the store and where it is.
        fresh: delete what the store holds, and begin anew.

    Raises:
        ValueError: if the store is a file, is in use, or was made with other settings, or a
            function of the specification has no name.
        OSError: if it cannot be written to; what was complete is kept.
    """
    if store is not None:
        grid.spec.check_names()
    path = None if store is None else places.place(store)
    if path is not None:
        places.check(path, None if fresh else grid.identity)
    is_local = isinstance(path, Path)
    with locked(path / ".lock") if is_local else contextlib.nullcontext():
        if fresh and path is not None:
            places.delete(path)
        names = " ".join([*grid.columns, *grid.points])
        stored = Store.create(path, grid.identity, {"title": grid.title, "coordinates": names})
        _lay_out(stored, grid)
        work(stored, path)
        dataset = stored.dataset().isel(network=slice(0, grid.networks))
        manifest = manifest_of(stored, grid.spec)
        dataset.attrs = as_attributes(manifest)
        if path is None:
            return dataset.load()
        write_manifest(path, manifest)
    return dataset


def open_grid(store: str | Path, kind: str, spec: type[Specification], what: str) -> xr.Dataset:
    """All that a store of one kind holds, read when it is looked at.

    Raises:
        ValueError: if there is none of the kind, ``what`` in words, or it cannot be read.
    """
    opened = Store.open(places.place(store))
    if kind not in opened.attributes["identity"]:
        raise ValueError(f"store: what is in {str(store)!r} is no {what}")
    dataset = opened.dataset()
    dataset.attrs = as_attributes(manifest_of(opened, spec))
    return dataset


def manifest_of(store: Store, spec: Specification | type[Specification]) -> dict[str, Any]:
    """All that a store says of itself; of a mere type of specification, that of the last run."""
    runs = [note for note in store.notes().values() if "started" in note]
    known = store.attributes
    name = spec.experiment
    last = runs[-1][name] if runs else ""
    return {
        **{key: known[key] for key in ("title", "format", "identity")},
        name: spec.text if isinstance(spec, Specification) else last,
        "seconds": sum(run["seconds"] for run in runs),
        "runs": runs,
    }


def _lay_out(store: Store, grid: Grid) -> None:
    """The arrays of a store, with its coordinates filled."""
    networks = max(store.sizes("complete").get("network", 0), grid.networks)
    sizes = {"cell": grid.num_cells, "network": networks, **grid.sizes}

    def array(
        dims: tuple[str, ...], dtype: Any, attributes: Mapping[str, Any], single: tuple[str, ...]
    ) -> ArraySpec:
        shape = tuple(sizes[dim] for dim in dims)
        chunks = tuple(1 if dim in single else sizes[dim] for dim in dims)
        return ArraySpec(dims, shape, chunks, dtype, attributes)

    coordinates, values = {}, {}
    for name, column in {**grid.columns, **grid.points}.items():
        values[name] = np.array(column.values)
        is_text = isinstance(column.values[0], str)
        dtype = np.dtypes.StringDType() if is_text else values[name].dtype
        meaning = {"long_name": column.long_name, "units": column.units}
        dim = name if name in grid.points else "cell"
        coordinates[name] = array((dim,), dtype, meaning, ())
    variables = {
        name: array(
            ("cell", "network", *variable.dims),
            grid.float_dtype if variable.dtype == "float" else variable.dtype,
            variable.attributes,
            grid.single,
        )
        for name, variable in grid.variables.items()
    }
    meaning = {"long_name": "whether this cell and network are done", "units": "1"}
    store.lay_out({**coordinates, **variables})
    store.write(values, {})
    store.lay_out({"complete": array(("cell", "network"), "bool", meaning, grid.single)})
