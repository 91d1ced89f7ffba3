"""Sweeps by their script, and runs of any experiment, in processes to be killed and watched."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import xarray as xr

import jaxadv as ja
from jaxadv.experiments.specification import Specification
from jaxadv.grid.store import Store
from jaxadv.grid.stored import whole_dataset

SCRIPT = Path(__file__).parents[2] / "scripts" / "sweep.py"
ONE_RUN = Path(__file__).with_name("one_run.py")


def start(
    store: Path | str, flags: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a sweep; what it prints can be read from the process."""
    return _start([str(SCRIPT), *flags, "--store", str(store)], environment)


def start_run(spec: Specification, store: Path, devices: int) -> subprocess.Popen[str]:
    """Start a run of any experiment on so many devices."""
    file = store.parent / "specification.toml"
    file.write_text(spec.to_toml(), encoding="utf-8")
    return _start([str(ONE_RUN), spec.experiment, str(file), str(store), str(devices)])


def _start(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    # The tests' own settings of JAX are not its.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("NPROC")}
    return subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**ours, **(environment or {})},
    )


def end(process: subprocess.Popen[str], code: int = 0) -> tuple[str, str]:
    """Wait for its end; what it printed."""
    out, err = process.communicate(timeout=900)
    assert process.returncode == code, f"exit code {process.returncode}: {err[-2000:]}"
    return out, err


def run(store: Path | str, flags: Sequence[str], code: int = 0) -> tuple[str, str]:
    """Run a sweep to its end; what it printed."""
    return end(start(store, flags), code)


def num_complete(store: Path) -> int:
    """How many networks are complete, cell by cell; 0 where there is no store yet."""
    try:
        return int(Store.open(store).read("complete").sum())
    except (ValueError, KeyError, OSError):
        return 0


def wait_for(process: subprocess.Popen[str], store: Path, networks: int) -> None:
    """Wait until so many networks are complete, or the process has ended."""
    while process.poll() is None and num_complete(store) < networks:
        time.sleep(0.02)


def records(store: Path | str) -> xr.Dataset:
    """All that a store holds, without its manifest."""
    return whole_dataset(Store.open(Path(store))).load().drop_attrs()


def asked(store: Path) -> xr.Dataset:
    """The dataset that the last run on a store asked for, in its order."""
    return ja.run_sweep(ja.Sweep.from_toml(store / "manifest.json"), store, progress=False).load()
