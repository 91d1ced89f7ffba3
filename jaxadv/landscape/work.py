"""Running landscapes: the grids of surveys, of maxima and regularity or of all critical points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Unpack

import xarray as xr

from jaxadv.devices import Device
from jaxadv.experiments.work import OF_GROUPS, SpecifiedWork
from jaxadv.grid import opening
from jaxadv.grid.run import Options, run_grid
from jaxadv.grid.schema import TEXT, Coordinate, Schema, Variable
from jaxadv.landscape import exhaustive, survey
from jaxadv.landscape.exhaustive import CriticalSurvey
from jaxadv.landscape.program import CellSurvey
from jaxadv.landscape.spec import Cell, Landscape
from jaxadv.landscape.survey import RegularitySurvey


def run_landscape(
    spec: Landscape,
    store: str | Path | None = None,
    **options: Unpack[Options],
) -> xr.Dataset:
    """Survey the landscapes of a specification: their maxima, and how regular they are.

    A run only does what its store lacks. The same specification goes on where a run stopped, and
    one with more networks or other cells adds them to the store.

    Errors are those of `jaxadv.run_sweep`.

    Args:
        spec: the specification.
        store: a folder to write to, network by network, or an fsspec address. None keeps the
            dataset in memory.
        **options: fresh, shard, devices, executor and progress, as in `jaxadv.run_sweep`.

    Returns:
        A dataset with dimensions (cell, network, example[, start | pair | mode]); the settings of
        a cell are coordinates on ``cell``. Each variable says in its attributes what it is; the
        dataset's own attributes are the manifest.

    Example:
        >>> spec = Landscape(scales=(1.0,), dims=3, widths=8, networks=1, starts=4, max_steps=50)
        >>> dict(run_landscape(spec, progress=False).maximum.sizes)  # doctest: +SKIP
        {'cell': 1, 'network': 1, 'example': 2, 'start': 4}
    """
    return run_grid(LandscapeWork(spec), store, **options)


def run_critical(
    spec: Landscape,
    store: str | Path | None = None,
    *,
    starts: int = 10_000,
    **options: Unpack[Options],
) -> xr.Dataset:
    """All critical points on the sphere at one input of each network, and what ascent finds there.

    Ascents run on the sphere (`L2Sphere`), from starts that are uniform on it. Errors are those of
    `jaxadv.run_sweep`.

    Args:
        spec: the specification, in 2 or 3 dimensions, of random networks.
        store: as in `run_landscape`; a folder of its own.
        starts: of ascents, on each problem.
        **options: as in `run_landscape`.

    Returns:
        A dataset with dimensions (cell, network).

    Raises:
        ValueError: also if the dimension is not 2 or 3, or if networks are to be trained.

    Example:
        >>> spec = Landscape(scales=(1.0,), dims=2, widths=8, networks=1)
        >>> run_critical(spec, starts=16).strays.item()  # doctest: +SKIP
        0
    """
    return run_grid(CriticalWork(spec, starts), store, **options)


def open_landscape(store: str | Path) -> xr.Dataset:
    """All that the store of a landscape holds; see `jaxadv.open`.

    Raises:
        ValueError: if there is no landscape, or it cannot be read.
    """
    return opening.open(store, Landscape.experiment)


@dataclass(frozen=True)
class LandscapeWork(SpecifiedWork[Landscape]):
    """The grid of a landscape, whose cells are surveyed one by one."""

    title: ClassVar[str] = "The landscape of the adversarial loss of two-layer networks"
    variables: ClassVar[Mapping[str, Variable]] = survey.VARIABLES
    columns: ClassVar[Mapping[str, Coordinate]] = {
        "training": Coordinate("how the network was trained", TEXT),
        "ratio": Coordinate("perturbation ratio"),
        "scale": Coordinate("input scale s"),
        **OF_GROUPS,
    }
    of_cells: ClassVar[frozenset[str]] = SpecifiedWork.of_cells | {"trainings"}

    @property
    def more_identity(self) -> Mapping[str, Any]:
        """What is surveyed."""
        return {"survey": self.title}

    @property
    def sizes(self) -> Mapping[str, int]:
        """The lengths of the variables' dimensions."""
        return survey.sizes_of(self.spec)

    @property
    def schema(self) -> Schema:
        """The dataset."""
        return Schema(self.title, self.columns, self.variables, self.sizes)

    @property
    def groups(self) -> tuple[tuple[Cell, ...], ...]:
        """Each cell is a group of its own."""
        return tuple((cell,) for cell in self.spec.cells)

    @property
    def replicates_per_block(self) -> int:
        """One network: some seconds of work."""
        return 1

    @property
    def unit(self) -> str:
        """A network in a cell."""
        return "network"

    def units(self, cells: Sequence[Cell]) -> int:
        """One network in each cell."""
        return len(cells)

    def cost(self, cells: Sequence[Cell]) -> float:
        """Width times dim times the radius, which the lengths of ascents grow with."""
        group = cells[0].group
        return group.dim * group.width * sum(cell.scale * cell.ratio for cell in cells)

    def program(self, cells: tuple[Cell, ...], devices: Sequence[Device]) -> CellSurvey:
        """The survey of a cell."""
        return RegularitySurvey(self.spec, cells[0], devices)


@dataclass(frozen=True)
class CriticalWork(LandscapeWork):
    """The grid of all critical points.

    Attributes:
        spec: the specification, in 2 or 3 dimensions, of random networks.
        starts: how many ascents there are on each problem.
    """

    starts: int = 10_000

    title: ClassVar[str] = "All critical points of the adversarial loss on the sphere"
    variables: ClassVar[Mapping[str, Variable]] = exhaustive.VARIABLES

    @property
    def more_identity(self) -> Mapping[str, Any]:
        """What is surveyed, and how many ascents are compared with it."""
        return {**super().more_identity, "ascents": self.starts}

    @property
    def sizes(self) -> Mapping[str, int]:
        """None: each variable is one number for a network."""
        return {}

    def program(self, cells: tuple[Cell, ...], devices: Sequence[Device]) -> CellSurvey:
        """The survey of a cell."""
        return CriticalSurvey(self.spec, cells[0], devices, self.starts)

    def check(self, *, stored: bool) -> None:
        """Refuse other dimensions than 2 and 3, and trained networks."""
        exhaustive.check(self.spec)
        super().check(stored=stored)
