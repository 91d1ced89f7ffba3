"""Running a sweep: block by block into a store, with a progress bar."""

import datetime as dt
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from tqdm.auto import tqdm

from jaxadv.store import ArraySpec, Store, check_identity
from jaxadv.sweeps.engine import run_network
from jaxadv.sweeps.records import VARIABLES
from jaxadv.sweeps.spec import Sweep

BLOCK_TRIALS = 512
"""Trials of one group that are written, and lost by a crash, together; at least one network's."""
TOTALS = ("seconds", "trials_run", "steps_run", "lane_steps_run")
"""What a manifest counts, over all runs that a store took; the steps' quotient is the occupancy."""
PACKAGES = ("jaxadv", "jax", "jaxlib", "numpy", "optax", "xarray", "zarr")


def run_sweep(
    sweep: Sweep, store: str | Path | None = None, *, progress: bool = True
) -> xr.Dataset:
    """Run all trials of a sweep and return what they found.

    Args:
        sweep: the specification.
        store: a folder to write to, block by block; a run that ended early goes on where it
            stopped. None keeps the dataset in memory.
        progress: whether to draw a progress bar (in a notebook, one of its own).

    Returns:
        A dataset with dimensions (cell, network, example, start[, tolerance]); the settings of a
        cell are coordinates on ``cell``. Each variable says in its attributes what it is. The
        dataset's own attributes are the manifest: specification, seed, versions, device, times.

    Raises:
        ValueError: if the store is a file or belongs to another sweep.

    Example:
        >>> ds = run_sweep(Sweep(scales=(0.1,), networks=1, examples=2), progress=False)
        >>> dict(ds.num_steps.sizes)
        {'cell': 1, 'network': 1, 'example': 2, 'start': 4, 'tolerance': 3}
    """
    path = None if store is None else Path(store)
    target = Store.create(path, sweep.fingerprint, _coordinates(sweep), _arrays(sweep))
    blocks = _blocks(sweep)
    complete = target.read("complete")
    waiting = [block for block in blocks if not complete[block["cell"], block["network"]].all()]
    if waiting:
        _run_blocks(sweep, target, waiting, progress=progress)
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


def _blocks(sweep: Sweep) -> list[dict[str, slice]]:
    """The units of work and of durability: some networks in all cells of one group."""
    cells = len(sweep.cells) // len(sweep.groups)
    networks = _networks_per_block(sweep)
    return [
        {
            "cell": slice(first_cell, first_cell + cells),
            "network": slice(first, min(first + networks, sweep.networks)),
        }
        for first_cell in range(0, len(sweep.cells), cells)
        for first in range(0, sweep.networks, networks)
    ]


def _networks_per_block(sweep: Sweep) -> int:
    trials = sweep.num_trials // (len(sweep.groups) * sweep.networks)
    return max(1, min(sweep.networks, BLOCK_TRIALS // trials))


def _run_blocks(
    sweep: Sweep, target: Store, waiting: list[dict[str, slice]], *, progress: bool
) -> None:
    """Compute blocks and write each when it is whole."""
    clock = time.perf_counter()
    before = target.attributes
    seconds, trials, steps, lane_steps = (before.get(name, 0) for name in TOTALS)
    started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    target.annotate({"started": before.get("started", started)})
    bar = _Progress(sweep, waiting, visible=progress)
    with bar.bar:
        for block in waiting:
            group = sweep.cells[block["cell"].start].group
            networks = range(block["network"].start, block["network"].stop)
            parts = [run_network(sweep, group, index, bar.report) for index in networks]
            values = {name: np.stack([part[name] for part in parts], axis=1) for name in parts[0]}
            target.write(block, values)
            target.write(block, {"complete": np.array(True)})
            done = (
                round(seconds + time.perf_counter() - clock, 3),
                trials + bar.trials,
                steps + bar.steps,
                lane_steps + bar.lane_steps,
            )
            target.annotate(dict(zip(TOTALS, done, strict=True)))


class _Progress:
    """Trials, steps and lane occupancy of a run, drawn as it goes."""

    def __init__(self, sweep: Sweep, waiting: list[dict[str, slice]], *, visible: bool) -> None:
        sizes = [
            (block["cell"].stop - block["cell"].start)
            * (block["network"].stop - block["network"].start)
            for block in waiting
        ]
        total = sum(sizes) * sweep.examples * sweep.starts
        self.trials = self.steps = self.lane_steps = 0
        self.bar = tqdm(total=total, unit="trial", disable=not visible, dynamic_ncols=True)

    def report(self, trials: int, steps: int, lane_steps: int) -> None:
        """Count trials that ended, their steps, and the steps that their lanes were held for."""
        self.trials += trials
        self.steps += steps
        self.lane_steps += lane_steps
        elapsed = self.bar.format_dict["elapsed"]
        rate = self.steps / elapsed if elapsed else 0
        occupancy = self.steps / max(self.lane_steps, 1)
        self.bar.set_postfix_str(f"{rate:.3g} steps/s, lanes {occupancy:.0%} busy", refresh=False)
        self.bar.update(trials)


def _coordinates(sweep: Sweep) -> xr.Dataset:
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
    device = jax.devices()[0]
    manifest = {
        "title": "Projected gradient ascent on random two-layer networks",
        "sweep": sweep.to_toml(),
        **{f"{package}_version": version(package) for package in PACKAGES},
        "python_version": platform.python_version(),
        "device_platform": device.platform,
        "device_kind": device.device_kind,
        "device_count": jax.device_count(),
        "matmul_precision": "highest",
    }
    return xr.Dataset(coords=coordinates, attrs=manifest)


def _arrays(sweep: Sweep) -> dict[str, ArraySpec]:
    """The arrays of a sweep's dataset; a chunk is a block."""
    dims = ("cell", "network", "example", "start", "tolerance")
    tolerances = len(sweep.tolerances)
    shape = (len(sweep.cells), sweep.networks, sweep.examples, sweep.starts, tolerances)
    cells = len(sweep.cells) // len(sweep.groups)
    chunks = (cells, _networks_per_block(sweep), sweep.examples, sweep.starts, tolerances)
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
