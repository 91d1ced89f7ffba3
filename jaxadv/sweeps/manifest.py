"""What a store says of the runs that filled it: enough to run them again."""

import datetime as dt
import json
import os
import platform
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from jaxadv.devices import Device
from jaxadv.stores.places import Place
from jaxadv.stores.store import Store
from jaxadv.sweeps.plan import Plan
from jaxadv.sweeps.progress import Counts
from jaxadv.sweeps.spec import Cell, Sweep
from jaxadv.sweeps.workers import LOOK_EVERY, Worker

FILE = "manifest.json"
TOTALS = ("seconds", "trials_run", "steps_run", "lane_steps_run")
"""What is summed over all runs."""
PACKAGES = ("jaxadv", "jax", "jaxlib", "numpy", "optax", "xarray", "zarr")
FLAGS = (
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
    "jax_enable_x64",
    "jax_default_matmul_precision",
)
"""Settings of JAX that numbers can depend on; ascents and certificates set the precision of
products and of their floats by themselves."""


def describe_run(
    sweep: Sweep,
    worker: Worker,
    devices: Sequence[Device],
    options: Mapping[str, Any],
    plans: Mapping[tuple[Cell, ...], Plan],
) -> dict[str, Any]:
    """What one worker's run is: specification, versions, machine, settings, layout."""
    config: Any = jax.config
    return {
        "sweep": sweep.to_toml(),
        "started": now(),
        "worker": worker.index,
        "workers": worker.count,
        **{f"{package}_version": version(package) for package in PACKAGES},
        "python_version": platform.python_version(),
        "commit": _commit(),
        "machine": platform.machine(),
        "device_platform": devices[0].platform,
        "device_kind": devices[0].device_kind,
        "device_count": len(devices),
        "flags": {name: getattr(config, name) for name in FLAGS}
        | {"XLA_FLAGS": os.environ.get("XLA_FLAGS", "")},
        "options": dict(options),
        "layout": [
            {
                "dim": cells[0].group.dim,
                "width": cells[0].group.width,
                "activation": cells[0].group.activation,
                "loss": cells[0].group.loss,
                "cells": len(cells),
                "lanes": plan.num_lanes,
                "check_every": plan.check_every,
                "networks_at_once": plan.networks_at_once,
                "networks_per_call": plan.networks_per_call,
            }
            for cells, plan in plans.items()
        ],
    }


class RunNote:
    """The note that one worker's run keeps in the store: what it is, and how far it has come."""

    def __init__(self, store: Store, worker: Worker, description: Mapping[str, Any]) -> None:
        self._store, self._worker = store, worker
        self._description = dict(description)
        self._clock = self._looked = time.perf_counter()
        self._others = Counts()
        self.counts = Counts()
        self._write({})

    def add(self, counts: Counts) -> None:
        """Count trials whose records are complete."""
        self.counts += counts
        self._write({})

    def end(self) -> None:
        """Say that this worker has done its share."""
        self._write({"ended": now()})

    def of_others(self) -> Counts:
        """What the others of the launch have done, as of a moment ago; the first one asks."""
        is_time = time.perf_counter() - self._looked > LOOK_EVERY
        if self._worker.together and self._worker.index == 0 and is_time:
            self._others = sum(map(_counts, self._notes_of_others()), Counts())
            self._looked = time.perf_counter()
        return self._others

    def all_ended(self) -> bool:
        """Whether all workers of the launch have done their share."""
        return all("ended" in note for note in self._notes_of_others())

    def _notes_of_others(self) -> list[dict[str, Any]]:
        others = (index for index in range(self._worker.count) if index != self._worker.index)
        return [self._store.note_of(self._worker.name(index)) for index in others]

    def _write(self, more: Mapping[str, Any]) -> None:
        seconds = round(time.perf_counter() - self._clock, 3)
        values = (seconds, self.counts.trials, self.counts.steps, self.counts.lane_steps)
        totals = dict(zip(TOTALS, values, strict=True))
        self._store.note(self._worker.name(), {**self._description, **totals, **more})


def _counts(note: Mapping[str, Any]) -> Counts:
    return Counts(*(note.get(name, 0) for name in TOTALS[1:]))


def now() -> str:
    """The time, as manifests have it."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def manifest_of(store: Store, sweep: Sweep | None = None) -> dict[str, Any]:
    """All that a store says of itself: a sweep, the totals of all runs, and the runs.

    Args:
        store: the store.
        sweep: whose specification to give; by default that of the last run.
    """
    # A kill can leave a note without words.
    runs = [note for note in store.notes().values() if "started" in note]
    totals = {name: sum(run.get(name, 0) for run in runs) for name in TOTALS}
    last = runs[-1] if runs else {}
    known = store.attributes
    return {
        **{name: known[name] for name in ("title", "format", "identity")},
        "sweep": last.get("sweep", "") if sweep is None else sweep.to_toml(),
        "started": min((run["started"] for run in runs), default=""),
        "ended": max((run.get("ended", "") for run in runs), default=""),
        **totals,
        "occupancy": totals["steps_run"] / max(totals["lane_steps_run"], 1),
        "runs": runs,
    }


def as_attributes(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest as a dataset's attributes: what is nested becomes JSON.

    Example:
        >>> as_attributes({"steps_run": 3, "runs": [{"worker": 0}]})
        {'steps_run': 3, 'runs': '[{"worker": 0}]'}
    """
    return {
        name: json.dumps(value) if isinstance(value, dict | list) else value
        for name, value in manifest.items()
    }


def write_manifest(folder: Place, manifest: Mapping[str, Any]) -> None:
    """Write a manifest beside its data, whole or not at all."""
    text = json.dumps(manifest, indent=2) + "\n"
    if not isinstance(folder, Path):
        # An object store shows what was written when all of it was.
        (folder / FILE).write_text(text, encoding="utf-8")
        return
    path = folder / FILE
    if path.exists() and path.read_bytes() == text.encode():
        return
    unfinished = folder / f".{FILE}-{uuid.uuid4().hex}"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _commit() -> str:
    """The commit of this code, if it is a checkout, and whether the code is another by now."""
    package = Path(__file__).parents[1]
    if not (package.parent / ".git").exists():
        return ""

    def git(*command: str) -> str:
        run = subprocess.run(  # noqa: S603
            ["git", "-C", str(package), *command],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return run.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + "-dirty" * bool(git("status", "--porcelain", "."))
    except (OSError, subprocess.SubprocessError):
        return ""
