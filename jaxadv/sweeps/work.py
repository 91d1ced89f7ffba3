"""Running a sweep: the grid of its trials."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Unpack

import xarray as xr

from jaxadv.devices import Device
from jaxadv.experiments.fields import count
from jaxadv.experiments.work import OF_GROUPS, SpecifiedWork
from jaxadv.grid import opening
from jaxadv.grid.run import Options, run_grid
from jaxadv.grid.schema import TEXT, Coordinate, Schema
from jaxadv.sweeps.plan import free_bytes, make_plan
from jaxadv.sweeps.program import SweepProgram
from jaxadv.sweeps.records import VARIABLES
from jaxadv.sweeps.spec import Cell, Sweep
from jaxadv.sweeps.trials import expected_length, settings_of

BLOCK_TRIALS = 512  # about the fewest trials in a block


def run_sweep(
    sweep: Sweep,
    store: str | Path | None = None,
    *,
    lanes: int | None = None,
    check_every: int | None = None,
    **options: Unpack[Options],
) -> xr.Dataset:
    """Run all trials of a sweep and return what they found.

    A run only does what its store lacks. The same sweep goes on where a run stopped, and a sweep
    with more networks or other cells adds them to the store. The processes of `jax.distributed`
    share the work if it was initialised, and each of them returns the whole dataset.

    Devices and processes change how long a run takes, and no result. Lanes and checks change no
    result either, except for the rounding of single precision. Compiled programs are kept in the
    user's cache folder (`keep_programs`).

    Args:
        sweep: the specification.
        store: a folder to write to, block by block, or an fsspec address such as
            ``s3://bucket/run``. None keeps the dataset in memory.
        lanes: trials of one network under way at a time; by default chosen by device and shape.
        check_every: steps between two looks for trials that have ended; by default likewise.
        **options: how it is run, each by its name:

            - fresh: delete what the store holds, and begin anew.
            - shard: (index, count): run every count-th part of the work alone, and leave the others
              to other processes, which may run at any time.
            - devices: how many devices to use; by default all, on a CPU one for each core.
            - executor: any `concurrent.futures.Executor`, on whose workers the blocks are run, for
              instance ``dask.distributed.Client(address).get_executor()``. A worker uses
              ``devices`` devices of its own, and must reach the store. None runs them in this
              process.
            - progress: whether to draw a progress bar (in a notebook, one of its own).

    Returns:
        A dataset with dimensions (cell, network, example, start[, tolerance]); the settings of a
        cell are coordinates on ``cell``. Each variable says in its attributes what it is, and
        ``complete`` says what was run: everything, unless other shards are not done. The attributes
        of the dataset are the manifest, in which ``identity`` and ``runs`` are JSON.

    Raises:
        ValueError: if the store is a file, is in use, or was made with other settings; if a
            function has no name that a store could keep; if there are fewer devices; if the
            trials of a single network need more memory than a device has.
        OSError: if the store cannot be written to, or an executor lost its workers; what was
            complete is kept.

    Example:
        >>> ds = run_sweep(Sweep(scales=(0.1,), networks=1, examples=2), progress=False)
        >>> dict(ds.num_steps.sizes)
        {'cell': 1, 'network': 1, 'example': 2, 'start': 4, 'tolerance': 3}
    """
    return run_grid(SweepWork(sweep, lanes, check_every), store, **options)


def open_sweep(store: str | Path) -> xr.Dataset:
    """All cells and networks that the store of a sweep holds; see `jaxadv.open`.

    Raises:
        ValueError: if there is no sweep, or it cannot be read.
    """
    return opening.open(store, Sweep.experiment)


@dataclass(frozen=True)
class SweepWork(SpecifiedWork[Sweep]):
    """The grid of a sweep.

    Attributes:
        spec: the sweep.
        lanes: trials of one network under way at a time; None chooses by device and shape.
        check_every: steps between two looks for trials that have ended; None chooses too.
    """

    lanes: int | None = None
    check_every: int | None = None

    columns: ClassVar[Mapping[str, Coordinate]] = {
        "scale": Coordinate("input scale s"),
        "ratio": Coordinate("perturbation ratio"),
        **OF_GROUPS,
        "step_rule": Coordinate("step-size rule", TEXT),
        "step_size": Coordinate("parameter of the rule"),
    }
    labels: ClassVar[Mapping[str, str]] = {**SpecifiedWork.labels, "step_rule": "step"}
    of_cells: ClassVar[frozenset[str]] = SpecifiedWork.of_cells | {"step", "step_sizes"}
    of_runs: ClassVar[frozenset[str]] = SpecifiedWork.of_runs | {"prove"}

    @property
    def unit(self) -> str:
        """A trial."""
        return "trial"

    @property
    def schema(self) -> Schema:
        """The dataset."""
        sweep = self.spec
        meaning = "residual at which steps are counted"
        return Schema(
            title="Projected gradient ascent on random two-layer networks",
            columns=self.columns,
            variables=VARIABLES,
            sizes={
                "example": sweep.examples,
                "start": sweep.starts,
                "tolerance": len(sweep.tolerances),
            },
            points={"tolerance": Coordinate(meaning, values=sweep.tolerances)},
            float_dtype=sweep.dtype,
        )

    @property
    def groups(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells of each group of the sweep."""
        return tuple(self.spec.cells_of(group) for group in self.spec.groups)

    @property
    def replicates_per_block(self) -> int:
        """A quarter of the square root of the number of networks, or more in small sweeps.

        The work that a kill can lose and the number of files both grow with that root.

        Example:
            >>> [SweepWork(Sweep(networks=n)).replicates_per_block for n in (16, 1_000_000)]
            [2, 250]
        """
        sweep = self.spec
        return max(1, BLOCK_TRIALS // sweep.trials_per_network, math.isqrt(sweep.networks) // 4)

    @property
    def options(self) -> Mapping[str, Any]:
        """How trials are laid out."""
        return {"lanes": self.lanes, "check_every": self.check_every}

    def units(self, cells: Sequence[Cell]) -> int:
        """How many trials one network has in some cells."""
        return len(cells) * self.spec.examples * self.spec.starts

    def cost(self, cells: Sequence[Cell]) -> float:
        """Width times dim, for each step that the trials are expected to take."""
        group = cells[0].group
        return group.dim * group.width * float(expected_length(settings_of(self.spec, cells)).sum())

    def program(self, cells: tuple[Cell, ...], devices: Sequence[Device]) -> SweepProgram:
        """The program for some cells, with as many networks in a call as the memory holds.

        Raises:
            ValueError: if a single network needs more than a device has.
        """
        sweep = self.spec
        # Planned as if all networks were to be run, so that a resumed run rounds as before.
        plan = make_plan(
            sweep, cells, devices[0], sweep.networks, lanes=self.lanes, check_every=self.check_every
        )
        while True:
            program = SweepProgram(sweep, cells, plan, devices)
            needed, free = program.num_bytes, free_bytes(devices[0], len(devices))
            if needed <= free:
                return program
            if plan.networks_per_call == 1:
                group = cells[0].group
                raise ValueError(
                    f"memory: one network of width {group.width} and dim {group.dim} with "
                    f"{self.units(cells)} trials needs {needed:.3g} bytes on a device, which "
                    f"has {free:.3g}; take fewer examples or starts and more networks"
                )
            plan = plan.with_fewer_networks()

    def rate(self, counts: Counter[str], seconds: float) -> str:
        """Steps per second, and how busy the lanes are."""
        steps, lane_steps = counts["steps_run"], counts["lane_steps_run"]
        rate = steps / seconds if seconds else 0
        return f"{rate:.3g} steps/s, lanes {steps / max(lane_steps, 1):.0%} busy"

    def check(self, *, stored: bool) -> None:
        """Refuse also lanes and checks that are no positive whole numbers."""
        for name, value in self.options.items():
            if value is not None:
                count(name, value)
        super().check(stored=stored)
