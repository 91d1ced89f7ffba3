"""Running a sweep: network by network into a store, with a progress bar."""

import datetime as dt
import json
import platform
import time
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from tqdm.auto import tqdm

from jaxadv.devices import Device, keep_programs, use_devices
from jaxadv.store import ArraySpec, Store, check_identity
from jaxadv.sweeps.engine import Engine, Finished, Running
from jaxadv.sweeps.plan import free_bytes, make_plan
from jaxadv.sweeps.records import VARIABLES
from jaxadv.sweeps.spec import Group, Sweep

CHUNK_TRIALS = 512
"""Trials of one group in a chunk of the store; at least one network's."""
TOTALS = ("seconds", "trials_run", "steps_run", "lane_steps_run")
"""What a manifest counts, over all runs that a store took; the steps' quotient is the occupancy."""
PACKAGES = ("jaxadv", "jax", "jaxlib", "numpy", "optax", "xarray", "zarr")


def run_sweep(
    sweep: Sweep,
    store: str | Path | None = None,
    *,
    devices: int | None = None,
    lanes: int | None = None,
    check_every: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Run all trials of a sweep and return what they found.

    Devices, lanes and checks change the time that it takes and not what is found, but for the
    rounding of single precision. Compiled programs are kept in the user's cache folder
    (`keep_programs`).

    Args:
        sweep: the specification.
        store: a folder to write to, network by network; a run that ended early goes on where it
            stopped. None keeps the dataset in memory.
        devices: how many devices to use; by default all, on a CPU one for each core.
        lanes: trials of one network under way at a time; by default chosen by device and shape.
        check_every: steps between two looks for trials that have ended; by default likewise.
        progress: whether to draw a progress bar (in a notebook, one of its own).

    Returns:
        A dataset with dimensions (cell, network, example, start[, tolerance]); the settings of a
        cell are coordinates on ``cell``. Each variable says in its attributes what it is. The
        dataset's own attributes are the manifest: specification, seed, versions, device, times.

    Raises:
        ValueError: if the store is a file or belongs to another sweep; if there are not so many
            devices; if a single network's trials need more memory than a device has.

    Example:
        >>> ds = run_sweep(Sweep(scales=(0.1,), networks=1, examples=2), progress=False)
        >>> dict(ds.num_steps.sizes)
        {'cell': 1, 'network': 1, 'example': 2, 'start': 4, 'tolerance': 3}
    """
    path = None if store is None else Path(store)
    keep_programs()
    chosen = use_devices(devices)
    target = Store.create(path, sweep.fingerprint, _coordinates(sweep, chosen), _arrays(sweep))
    waiting = _waiting(sweep, target.read("complete"))
    if waiting:
        networks = sum(len(networks) for _, networks in waiting)
        bar = _Progress(networks * sweep.trials_per_network, progress)
        with bar.bar:
            engines = {}
            for group in bar.compiling(dict.fromkeys(group for group, _ in waiting)):
                engines[group] = _fitting_engine(
                    sweep, group, chosen, lanes=lanes, check_every=check_every
                )
            _run_networks(sweep, target, waiting, engines, bar)
    dataset = target.dataset()
    if path is None:
        return dataset.load()
    manifest = json.dumps(dataset.attrs, indent=2, default=str) + "\n"
    (path / "manifest.json").write_text(manifest, encoding="utf-8")
    return dataset


def open_sweep(store: str | Path) -> xr.Dataset:
    """The dataset of a sweep that was stored, read when it is looked at.

    Raises:
        ValueError: if there is no sweep, or it cannot be read.
    """
    return Store.open(Path(store)).dataset()


def check_store(sweep: Sweep, store: str | Path) -> None:
    """Refuse a store that cannot take a sweep, before anything is computed or written.

    Raises:
        ValueError: if the store is a file or belongs to another sweep.
    """
    check_identity(Path(store), sweep.fingerprint)


def _waiting(sweep: Sweep, complete: np.ndarray) -> list[tuple[Group, range]]:
    """The networks that are not complete in all cells of their group, in runs without a gap."""
    runs = []
    for group in sweep.groups:
        is_complete = complete[_cells(sweep, group)].all(axis=0)
        edges = np.flatnonzero(np.diff(is_complete, prepend=True, append=True))
        runs += [(group, range(*pair)) for pair in edges.reshape(-1, 2).tolist()]
    return runs


def _cells(sweep: Sweep, group: Group) -> slice:
    """Where a group's cells are among all cells."""
    number = len(sweep.cells) // len(sweep.groups)
    first = sweep.groups.index(group) * number
    return slice(first, first + number)


def _fitting_engine(
    sweep: Sweep,
    group: Group,
    devices: list[Device],
    *,
    lanes: int | None,
    check_every: int | None,
) -> Engine:
    """The engine for a group, with as many networks in a call as the memory holds."""
    plan = make_plan(sweep, group, devices, lanes, check_every)
    while True:
        engine = Engine(sweep, group, plan)
        needed, free = engine.num_bytes, free_bytes(devices[0], plan.mesh.size)
        if needed <= free:
            return engine
        if plan.networks_per_device == 1:
            raise ValueError(
                f"memory: one network of width {group.width} and dim {group.dim} with "
                f"{sweep.trials_per_network} trials needs {needed:.3g} bytes on a device, which "
                f"has {free:.3g}; take fewer examples or starts and more networks"
            )
        plan = plan.with_fewer_networks()


def _run_networks(
    sweep: Sweep,
    target: Store,
    waiting: list[tuple[Group, range]],
    engines: dict[Group, Engine],
    bar: "_Progress",
) -> None:
    """Run the trials on networks, call by call, and write what each call found."""
    clock = time.perf_counter()
    before = target.attributes
    seconds, trials, steps, lane_steps = (before.get(name, 0) for name in TOTALS)
    started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    target.annotate({"started": before.get("started", started)})

    def write(group: Group, networks: range, running: Running) -> None:
        finished = engines[group].finish(running)
        block = {"cell": _cells(sweep, group), "network": slice(networks.start, networks.stop)}
        target.write(block, finished.records)
        target.write(block, {"complete": np.array(True)})
        bar.report(finished)
        done = (
            round(seconds + time.perf_counter() - clock, 3),
            trials + bar.trials,
            steps + bar.steps,
            lane_steps + bar.lane_steps,
        )
        target.annotate(dict(zip(TOTALS, done, strict=True)))

    previous = None
    for group, networks in waiting:
        per_call = engines[group].networks_per_call
        for first in range(networks.start, networks.stop, per_call):
            call = range(first, min(first + per_call, networks.stop))
            # Begun before the last one is waited for, so that no device runs dry.
            running = group, call, engines[group].start(call)
            if previous is not None:
                write(*previous)
            previous = running
    assert previous is not None
    write(*previous)


class _Progress:
    """Trials, steps and lane occupancy of a run, drawn as it goes."""

    def __init__(self, total: int, visible: bool) -> None:
        self.trials = self.steps = self.lane_steps = 0
        self.bar = tqdm(total=total, unit="trial", disable=not visible, dynamic_ncols=True)

    def compiling(self, groups: Iterable[Group]) -> Iterator[Group]:
        """The groups, one by one; says that they are compiled, which takes seconds each."""
        groups = list(groups)
        for number, group in enumerate(groups, 1):
            self.bar.set_description_str(f"compiling, {number} of {len(groups)}")
            yield group
        self.bar.set_description_str("")
        self.bar.reset()

    def report(self, finished: Finished) -> None:
        """Count trials that have ended."""
        self.trials += finished.trials
        self.steps += finished.steps
        self.lane_steps += finished.lane_steps
        elapsed = self.bar.format_dict["elapsed"]
        rate = self.steps / elapsed if elapsed else 0
        occupancy = self.steps / max(self.lane_steps, 1)
        self.bar.set_postfix_str(f"{rate:.3g} steps/s, lanes {occupancy:.0%} busy", refresh=False)
        self.bar.update(finished.trials)


def _coordinates(sweep: Sweep, devices: list[Device]) -> xr.Dataset:
    """The coordinates of a sweep's dataset, and the manifest as far as it is known beforehand."""
    text: Any = np.dtypes.StringDType()
    cells = {
        "scale": (float, "input scale s", [cell.scale for cell in sweep.cells]),
        "ratio": (float, "perturbation ratio", [cell.ratio for cell in sweep.cells]),
        "dim": (int, "input dimension", [cell.group.dim for cell in sweep.cells]),
        "width": (int, "hidden width", [cell.group.width for cell in sweep.cells]),
        "activation": (text, "activation", [cell.group.activation for cell in sweep.cells]),
        "loss": (text, "loss", [cell.group.loss for cell in sweep.cells]),
        "step_rule": (text, "step-size rule", [cell.step_rule for cell in sweep.cells]),
        "step_size": (float, "parameter of the rule", [cell.step_size for cell in sweep.cells]),
    }
    coordinates: dict[str, Any] = {
        name: ("cell", np.array(values, dtype), {"long_name": long_name, "units": "1"})
        for name, (dtype, long_name, values) in cells.items()
    }
    tolerance = {"long_name": "residual at which steps are counted", "units": "1"}
    coordinates["tolerance"] = ("tolerance", np.array(sweep.tolerances), tolerance)
    manifest = {
        "title": "Projected gradient ascent on random two-layer networks",
        "sweep": sweep.to_toml(),
        **{f"{package}_version": version(package) for package in PACKAGES},
        "python_version": platform.python_version(),
        "device_platform": devices[0].platform,
        "device_kind": devices[0].device_kind,
        "device_count": len(devices),
        "matmul_precision": "highest",
    }
    return xr.Dataset(coords=coordinates, attrs=manifest)


def _arrays(sweep: Sweep) -> dict[str, ArraySpec]:
    """The arrays of a sweep's dataset; a chunk holds some networks in all cells of a group."""
    dims = ("cell", "network", "example", "start", "tolerance")
    tolerances = len(sweep.tolerances)
    shape = (len(sweep.cells), sweep.networks, sweep.examples, sweep.starts, tolerances)
    cells = len(sweep.cells) // len(sweep.groups)
    networks = max(1, min(sweep.networks, CHUNK_TRIALS // sweep.trials_per_network))
    chunks = (cells, networks, sweep.examples, sweep.starts, tolerances)
    floats = "float64" if sweep.precision == "double" else "float32"

    def array(rank: int, dtype: str, attributes: dict[str, Any]) -> ArraySpec:
        return ArraySpec(dims[:rank], shape[:rank], chunks[:rank], dtype, attributes)

    arrays = {
        name: array(
            5 if variable.per_tolerance else 4,
            floats if variable.dtype == "float" else variable.dtype,
            variable.attributes,
        )
        for name, variable in VARIABLES.items()
    }
    meaning = {"long_name": "whether the trials of this cell and network were run", "units": "1"}
    return {**arrays, "complete": array(2, "bool", meaning)}
