"""Running a survey of landscapes: network by network into a store, resumed where it stopped."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import xarray as xr
from jax.sharding import Mesh
from tqdm.auto import tqdm

from jaxadv.experiments.grids import Column, Grid, fill, open_grid
from jaxadv.experiments.layout import mesh_of
from jaxadv.grid.process import describe_process, now
from jaxadv.grid.schema import Variable
from jaxadv.grid.store import Store
from jaxadv.landscape.exhaustive import CriticalSurvey
from jaxadv.landscape.spec import Cell, Landscape
from jaxadv.landscape.survey import RegularitySurvey

KIND = "survey"
OF_CELLS = {
    "training": "how the network was trained",
    "ratio": "perturbation ratio",
    "scale": "input scale s",
}
"""The coordinates on ``cell`` that tell the cells of a group apart."""
OF_GROUPS = {
    "dim": "input dimension",
    "width": "hidden width",
    "activation": "activation",
    "loss": "loss",
}
"""The coordinates on ``cell`` that tell groups apart."""


@runtime_checkable
class Survey(Protocol):
    """What is measured of networks, and how it is stored.

    Attributes:
        label: what is surveyed, for the progress bar.
        title: of the dataset.
        variables: by name.
        sizes: of the variables' dimensions, but for cell and network.
        settings: what the values depend on beside the specification.
        mesh: the devices; a call surveys at most as many networks.
    """

    label: str
    title: str
    variables: Mapping[str, Variable]
    settings: Mapping[str, Any]
    sizes: Mapping[str, int]
    mesh: Mesh

    def __call__(self, cell: Cell, networks: Sequence[int]) -> dict[str, np.ndarray]:
        """The records of some networks in one cell, with axes (network, …)."""
        ...


def run_landscape(
    spec: Landscape,
    store: str | Path | None = None,
    *,
    fresh: bool = False,
    devices: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Survey the landscapes that a specification asks for: maxima, and how regular it is.

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
        ValueError: if the store is a file, is in use, or was made with other settings, if a
            function has no name for it, or there are not so many devices.
        OSError: if the store cannot be written to; what was complete is kept.

    Example:
        >>> spec = Landscape(scales=(1.0,), dims=3, widths=8, networks=1, starts=4, max_steps=50)
        >>> dict(run_landscape(spec, progress=False).maximum.sizes)  # doctest: +SKIP
        {'cell': 1, 'network': 1, 'example': 2, 'start': 4}
    """
    survey = RegularitySurvey(spec, mesh_of(devices))
    return run_survey(spec, survey, store, fresh=fresh, progress=progress)


def run_critical(
    spec: Landscape,
    store: str | Path | None = None,
    *,
    starts: int = 10_000,
    fresh: bool = False,
    devices: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """All critical points on the sphere at one input of each network, and what ascent finds there.

    Ascents run on the sphere (`L2Sphere`), from starts that are uniform on it. Stored and resumed
    as `run_landscape`.

    Args:
        spec: the specification, in 2 or 3 dimensions or both, of random networks.
        store: as in `run_landscape`; a folder of its own.
        starts: of ascents, on each problem.
        fresh: as in `run_landscape`.
        devices: likewise.
        progress: likewise.

    Returns:
        A dataset with dimensions (cell, network).

    Raises:
        ValueError, OSError: as `run_landscape`, and if the dimension is not 2 or 3, or
            networks are to be trained.

    Example:
        >>> spec = Landscape(scales=(1.0,), dims=2, widths=8, networks=1)
        >>> run_critical(spec, starts=16).strays.item()  # doctest: +SKIP
        0
    """
    survey = CriticalSurvey(spec, mesh_of(devices), starts)
    return run_survey(spec, survey, store, fresh=fresh, progress=progress)


def run_survey(
    spec: Landscape,
    survey: Survey,
    store: str | Path | None,
    *,
    fresh: bool,
    progress: bool,
) -> xr.Dataset:
    """Survey what a store has not yet, and return all that was asked for."""
    grid = grid_of(spec, survey)
    return fill(
        grid, store, lambda stored, _: _run(spec, stored, survey, progress=progress), fresh=fresh
    )


def open_landscape(store: str | Path) -> xr.Dataset:
    """All that a store holds, read when it is looked at; ``complete`` says what was surveyed.

    Raises:
        ValueError: if there is no survey, or it cannot be read.
    """
    return open_grid(store, KIND, Landscape, "survey of landscapes")


def grid_of(spec: Landscape, survey: Survey) -> Grid:
    """What a survey's dataset holds."""
    columns = {
        name: Column(text, [getattr(cell, name) for cell in spec.cells])
        for name, text in OF_CELLS.items()
    } | {
        name: Column(text, [spec.labels_of(cell.group)[name] for cell in spec.cells])
        for name, text in OF_GROUPS.items()
    }
    return Grid(
        spec=spec,
        networks=spec.networks,
        kind=KIND,
        title=survey.title,
        columns=columns,
        variables=survey.variables,
        sizes=survey.sizes,
        settings=survey.settings,
    )


def _run(spec: Landscape, stored: Store, survey: Survey, *, progress: bool) -> None:
    """Survey what is not complete."""
    complete = stored.read("complete", {"network": slice(0, spec.networks)})
    if complete.all():
        return
    note = {"landscape": spec.text, **describe_process(list(survey.mesh.devices.flat))}
    clock, at_once = time.perf_counter(), survey.mesh.size
    total = complete.size
    with tqdm(total=total, unit="network", disable=not progress, dynamic_ncols=True) as bar:
        bar.update(int(complete.sum()))
        for row, cell in enumerate(spec.cells):
            training = "random" if cell.training == "none" else f"{cell.training} training"
            bar.set_description_str(f"{survey.label}: {training}, s = {cell.scale:g}")
            missing = np.flatnonzero(~complete[row])
            for first in range(0, len(missing), at_once):
                networks = missing[first : first + at_once].tolist()
                records = survey(cell, networks)
                for place, network in enumerate(networks):
                    block = {"cell": [row], "network": [network]}
                    values = {name: value[None, [place]] for name, value in records.items()}
                    stored.write(values, block)
                    # Last: what is complete has all its records.
                    stored.write({"complete": np.array(True)}, block)
                bar.update(len(networks))
                seconds = round(time.perf_counter() - clock, 3)
                stored.note(note["started"], {**note, "seconds": seconds, "ended": now()})
