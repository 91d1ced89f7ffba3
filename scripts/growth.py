"""How jaxadv's time and memory grow with the number of trials, their size, and the devices."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import psutil

import jaxadv as ja
from jaxadv.figures.style import STYLE

BASE = {"scales": (0.1,), "networks": 2, "examples": 125, "starts": 4, "tolerances": (1e-3,)}
"""A thousand trials, on two networks: one for each of two devices."""
GROWTH: dict[str, list[dict[str, Any]]] = {
    "trials": [{"networks": n} for n in (2, 20, 200, 2000)],
    "dim": [{"dims": (d,)} for d in (16, 64, 256, 1024)],
    "width": [{"widths": (m,)} for m in (64, 512, 2048, 8192)],
    "devices": [{"devices": n, "networks": 40} for n in (1, 2)],
}


def grow(*, quick: bool) -> tuple[dict[str, Any], str]:
    """Time per trial and peak memory, compilation apart, each in a process of its own."""
    measured: dict[str, Any] = {"base": BASE, "axes": {}}
    lines = [f"{'axis':<9}{'value':>9}{'trials':>10}{'us/trial':>10}{'peak MB':>9}"]
    for axis, changes in GROWTH.items():
        rows = []
        for change in changes[:3] if quick else changes:
            # A short run compiles the programs, which takes more memory than to run them.
            _in_a_process({**change, "networks": 2})
            row = _in_a_process(change)
            rows.append(row)
            value = next(iter(change.values()))
            value = value[0] if isinstance(value, tuple) else value
            per_trial, peak = row["microseconds_per_trial"], row["peak_bytes"] / 1e6
            lines.append(f"{axis:<9}{value:>9}{row['trials']:>10}{per_trial:>10.0f}{peak:>9.0f}")
        measured["axes"][axis] = rows
    return measured, "\n".join(lines)


def _in_a_process(change: dict[str, Any]) -> dict[str, Any]:
    """The figures of `grow_one`, in a new process."""
    code = f"import growth; growth.grow_one({change!r})"
    run = subprocess.run(  # noqa: S603 (our own code)
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout.splitlines()[-1])


def draw_growth(measured: dict[str, Any], path: Path) -> None:
    """Time in all and peak memory against the number of trials."""
    rows = measured["axes"]["trials"]
    trials = [row["trials"] for row in rows]
    columns = {
        "time in seconds, compilation apart": [
            row["trials"] * row["microseconds_per_trial"] / 1e6 for row in rows
        ],
        "peak memory in GB": [row["peak_bytes"] / 1e9 for row in rows],
    }
    with mpl.rc_context(STYLE):
        figure, panels = plt.subplots(1, 2, figsize=(7, 2.8))
        for axes, (label, values) in zip(panels, columns.items(), strict=True):
            axes.plot(trials, values, "o-", color="C0")
            axes.set_xscale("log")
            axes.set_xlabel("trials")
            axes.set_title(label)
            axes.grid(color="0.9")
        panels[0].set_yscale("log")
        linear = [rows[-1]["microseconds_per_trial"] * number / 1e6 for number in trials]
        panels[0].plot(trials, linear, "--", color="0.6", label="in proportion to the last")
        panels[0].legend()
        panels[1].set_ylim(0, 1.2 * max(columns["peak memory in GB"]))
        figure.savefig(path)
        plt.close(figure)


def grow_one(change: dict[str, Any]) -> None:
    """One point of `grow`: prints its figures as JSON."""
    change = {**change}
    number = change.pop("devices", None)
    sweep = ja.Sweep(**{**BASE, **change})
    with tempfile.TemporaryDirectory() as folder:
        dataset = ja.run_sweep(sweep, Path(folder) / "run", devices=number, progress=False)
    row = {
        **change,
        "devices": json.loads(dataset.attrs["runs"])[-1]["device_count"],
        "trials": sweep.num_trials,
        "microseconds_per_trial": 1e6 * dataset.attrs["seconds"] / sweep.num_trials,
        "peak_bytes": _peak_bytes(),
    }
    print(json.dumps(row))


def _peak_bytes() -> int:
    """The most memory that this process has had."""
    memory = psutil.Process().memory_info()
    peak = getattr(memory, "peak_wset", None)
    if peak is None:
        import resource  # noqa: PLC0415

        unit = 1 if sys.platform == "darwin" else 1024
        peak = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak
