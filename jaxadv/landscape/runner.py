"""Running a survey of landscapes: network by network into a store, resumed where it stopped."""

import contextlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from jax.sharding import Mesh
from tqdm.auto import tqdm

from jaxadv.devices import keep_programs, use_devices
from jaxadv.experiments.draws import random_mark
from jaxadv.experiments.fields import count
from jaxadv.experiments.manifest import as_attributes, describe_process, now, write_manifest
from jaxadv.landscape.spec import Landscape
from jaxadv.landscape.survey import NUM_BARRIERS, VARIABLES, Surveyor
from jaxadv.stores import places
from jaxadv.stores.locks import locked
from jaxadv.stores.store import ArraySpec, Store

TITLE = "The landscape of the adversarial loss of two-layer networks"
OF_CELLS = {
    "training": "how the network was trained",
    "ratio": "perturbation ratio",
    "scale": "input scale s",
}
"""The coordinates on ``cell`` that tell cells apart."""
OF_ALL = {
    "dim": "input dimension",
    "width": "hidden width",
    "activation": "activation",
    "loss": "loss",
}
"""The coordinates on ``cell`` that all cells have in common."""


def run_landscape(
    spec: Landscape,
    store: str | Path | None = None,
    *,
    fresh: bool = False,
    devices: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Survey the landscapes that a specification asks for.

    What the store has already is not surveyed again: the same specification goes on where a run
    stopped, and one with more networks adds them.

    Args:
        spec: the specification.
        store: a folder to write to, network by network, or an fsspec address. None keeps the
            dataset in memory.
        fresh: delete what the store holds, and begin anew.
        devices: how many devices to use; by default all, on a CPU one for each core.
        progress: whether to draw a progress bar.

    Returns:
        A dataset with dimensions (cell, network, example[, start | pair | mode]); the settings of
        a cell are coordinates on ``cell``. Each variable says in its attributes what it is; the
        dataset's own attributes are the manifest.

    Raises:
        ValueError: if the store is a file, is in use, or was made with other settings, or there
            are not so many devices.
        OSError: if the store cannot be written to; what was complete is kept.

    Example:
        >>> spec = Landscape(scales=(1.0,), dim=3, width=8, networks=1, examples=1, starts=4)
        >>> dict(run_landscape(spec, progress=False).maximum.sizes)
        {'cell': 1, 'network': 1, 'example': 1, 'start': 4}
    """
    if devices is not None:
        count("devices", devices)
    keep_programs()
    chosen = use_devices(devices)[: spec.networks]
    path = None if store is None else places.place(store)
    identity = identity_of(spec)
    if path is not None:
        places.check(path, None if fresh else identity)
    is_local = isinstance(path, Path)
    with locked(path / ".lock") if is_local else contextlib.nullcontext():
        if fresh and path is not None:
            places.delete(path)
        stored = Store.create(path, identity, {"title": TITLE, "coordinates": " ".join(OF_CELLS)})
        _lay_out(stored, spec)
        _run(spec, stored, Surveyor(spec, Mesh(np.array(chosen), ("device",))), progress=progress)
        dataset = _dataset(stored).isel(network=slice(0, spec.networks))
        manifest = manifest_of(stored, spec)
        dataset.attrs = as_attributes(manifest)
        if path is None:
            return dataset.load()
        write_manifest(path, manifest)
    return dataset


def open_landscape(store: str | Path) -> xr.Dataset:
    """All that a store holds, read when it is looked at; ``complete`` says what was surveyed.

    Raises:
        ValueError: if there is no survey, or it cannot be read.
    """
    opened = Store.open(places.place(store))
    dataset = _dataset(opened)
    dataset.attrs = as_attributes(manifest_of(opened))
    return dataset


def identity_of(spec: Landscape) -> dict[str, Any]:
    """What must be the same for all of a store: all but the number of networks."""
    fields = spec.to_dict()
    del fields["networks"]
    real = spec.real_examples
    data = spec.data if real is None else real.digest
    return {**fields, "data": data, "random numbers": random_mark()}


def manifest_of(store: Store, spec: Landscape | None = None) -> dict[str, Any]:
    """All that a store says of itself; the specification is the last run's if none is given."""
    runs = [note for note in store.notes().values() if "started" in note]
    known = store.attributes
    last = runs[-1]["landscape"] if runs else ""
    return {
        **{name: known[name] for name in ("title", "format", "identity")},
        "landscape": last if spec is None else spec.to_toml(),
        "seconds": sum(run["seconds"] for run in runs),
        "runs": runs,
    }


def _run(spec: Landscape, stored: Store, surveyor: Surveyor, *, progress: bool) -> None:
    """Survey what is not complete."""
    complete = stored.read("complete", {"network": slice(0, spec.networks)})
    if complete.all():
        return
    note = {"landscape": spec.to_toml(), **describe_process(list(surveyor.mesh.devices.flat))}
    clock, at_once = time.perf_counter(), surveyor.mesh.size
    per_network = spec.examples * spec.starts
    total = complete.size * per_network
    with tqdm(total=total, unit="ascent", disable=not progress, dynamic_ncols=True) as bar:
        bar.update(int(complete.sum()) * per_network)
        for row, cell in enumerate(spec.cells):
            bar.set_description_str(f"{cell.training} training, s = {cell.scale:g}")
            missing = np.flatnonzero(~complete[row])
            for first in range(0, len(missing), at_once):
                networks = missing[first : first + at_once].tolist()
                records = surveyor(cell, networks)
                for place, network in enumerate(networks):
                    block = {"cell": [row], "network": [network]}
                    values = {name: value[None, [place]] for name, value in records.items()}
                    stored.write(values, block)
                    # Last: what is complete has all its records.
                    stored.write({"complete": np.array(True)}, block)
                bar.update(len(networks) * per_network)
                seconds = round(time.perf_counter() - clock, 3)
                stored.note(note["started"], {**note, "seconds": seconds, "ended": now()})


def _lay_out(store: Store, spec: Landscape) -> None:
    """The arrays of a store, with its coordinates filled."""
    networks = max(store.sizes("complete").get("network", 0), spec.networks)
    sizes = {
        "cell": len(spec.cells), "network": networks, "example": spec.examples,
        "start": spec.starts, "pair": NUM_BARRIERS, "mode": (spec.dim or 0) - 1,
    }  # fmt: skip
    columns = {name: [getattr(cell, name) for cell in spec.cells] for name in OF_CELLS} | {
        name: [getattr(spec, name)] * len(spec.cells) for name in OF_ALL
    }

    def array(dims: tuple[str, ...], dtype: Any, attributes: dict[str, Any]) -> ArraySpec:
        shape = tuple(sizes[dim] for dim in dims)
        chunks = tuple(1 if dim in ("cell", "network") else sizes[dim] for dim in dims)
        return ArraySpec(dims, shape, chunks, dtype, attributes)

    coordinates = {
        name: array(
            ("cell",),
            np.dtypes.StringDType() if isinstance(column[0], str) else np.array(column).dtype,
            {"long_name": {**OF_CELLS, **OF_ALL}[name], "units": "1"},
        )
        for name, column in columns.items()
    }
    variables = {
        name: array(
            ("cell", "network", *variable.dims),
            "float64" if variable.dtype == "float" else variable.dtype,
            variable.attributes,
        )
        for name, variable in VARIABLES.items()
    }
    meaning = {"long_name": "whether this cell and network were surveyed", "units": "1"}
    store.lay_out({**coordinates, **variables})
    store.write({name: np.array(column) for name, column in columns.items()}, {})
    store.lay_out({"complete": array(("cell", "network"), "bool", meaning)})


def _dataset(store: Store) -> xr.Dataset:
    return store.dataset().set_coords([*OF_CELLS, *OF_ALL])
