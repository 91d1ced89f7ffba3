"""A run that is killed again and again finds what one that is left alone finds.

Run with ``make soak``; prints when it killed what.
"""

import contextlib
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import jaxadv as ja
from jaxadv.grid.places import DATA
from jaxadv.grid.states import FOLDER
from jaxadv.grid.store import Store
from tests.soak import programs

pytestmark = pytest.mark.slow

KILLS = 30
# A minute or two of work each, in many blocks.
SPECIFICATIONS = {
    "sweep": ja.Sweep(
        scales=(0.1, 1.0, 10.0), dims=(16, 24), widths=128, networks=600, examples=8, starts=2,
        tolerances=(1e-2, 1e-3), max_steps=5000,
    ),
    "landscape": ja.Landscape(
        scales=(0.3, 3.0), dims=6, widths=32, networks=700, examples=2, starts=32, max_steps=1000
    ),
    "training": ja.Training(
        scales=(0.3, 1.0, 3.0), ratios=(0.0, 0.1), optimizers=("sgd", "adam"), rates=0.05,
        steps=60, dims=8, widths=32, networks=120, examples=32, test_examples=16, attack_steps=5,
        strong_steps=10,
    ),
}  # fmt: skip
# Numbers of devices, one run after the other.
LAYOUTS = {"one device": (1,), "two devices": (2,), "one and two devices in turn": (1, 2)}


@pytest.fixture(scope="module", params=SPECIFICATIONS)
def spec(request):
    return SPECIFICATIONS[request.param]


@pytest.fixture(scope="module")
def left_alone(spec, tmp_path_factory):
    """The records of a run that nobody stopped, on one device."""
    path = tmp_path_factory.mktemp("left-alone") / "run"
    clock = time.perf_counter()
    programs.end(programs.start_run(spec, path, devices=1))
    print(f"\n{spec.experiment} left alone: {time.perf_counter() - clock:.1f} s")
    return programs.records(path)


def complete_files(store: Path) -> dict[Path, tuple[int, int]]:
    """The files of all blocks that are complete in a cell: when they were written, and as what."""
    try:
        opened = Store.open(store)
        complete, per_block = opened.read("complete"), opened.chunks("complete")["network"]
    except (ValueError, KeyError, OSError):
        return {}
    found = {}
    for cell, flags in enumerate(complete):
        for block in range(-(-len(flags) // per_block)):
            if flags[block * per_block : (block + 1) * per_block].all():
                for key in (f"*/c.{cell}.{block}", f"*/c.{cell}.{block}.*"):
                    for path in (store / DATA).glob(key):
                        found[path] = (path.stat().st_mtime_ns, path.stat().st_ino)
    return found


def wait_for_a_write(process: subprocess.Popen[str], store: Path) -> None:
    """Wait until the process writes a part of a block, or a state."""
    before = time.time_ns()
    while process.poll() is None:
        files = [*(store / DATA).glob("*/c.*.*"), *(store / FOLDER).glob("*")]
        with contextlib.suppress(FileNotFoundError):  # one that is about to get its name
            if any(path.stat().st_mtime_ns > before for path in files):
                return
        time.sleep(0.001)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_thirty_kills_at_random_moments_change_nothing(tmp_path, spec, left_alone, layout):
    store, rng, numbers = tmp_path / "run", np.random.default_rng(0), LAYOUTS[layout]
    snapshots: list[dict[Path, tuple[int, int]]] = []
    total = left_alone.complete.size
    print(f"\n{spec.experiment}, {layout}")
    print(f"{'kill':>4} {'after':>8} {'at':>14} {'complete':>9} of {total}")
    for kill in range(1, KILLS + 1):
        clock = time.perf_counter()
        process = programs.start_run(spec, store, numbers[kill % len(numbers)])
        in_write = kill % 2 == 0
        if in_write:
            wait_for_a_write(process, store)
            time.sleep(float(rng.uniform(0, 1)))
            wait_for_a_write(process, store)
            time.sleep(float(rng.uniform(0, 0.05)))
        else:
            time.sleep(float(rng.uniform(0.5, 10)))
        assert process.poll() is None, f"ended before it could be killed: {process.communicate()}"
        process.send_signal(signal.SIGKILL)
        process.communicate()
        seconds = time.perf_counter() - clock
        snapshots.append(complete_files(store))
        moment = "during a write" if in_write else "any moment"
        print(f"{kill:4} {seconds:6.2f} s {moment:>14} {programs.num_complete(store):9}")
    programs.end(programs.start_run(spec, store, numbers[0]))
    xr.testing.assert_identical(programs.records(store), left_alone)
    last = complete_files(store)
    assert len(last) > len(snapshots[-1]) > 0
    for snapshot in snapshots:
        changed = [path for path, written in snapshot.items() if last[path] != written]
        assert not changed, "was complete, and was run again"
    assert not list((store / FOLDER).glob("*"))


FLAGS = [
    "--scales", "0.1,1,10", "--dims", "16,24", "--widths", "128", "--networks", "600",
    "--examples", "8", "--starts", "2", "--tolerances", "1e-2,1e-3", "--max-steps", "5000",
]  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_sweep_within_seconds_and_the_same_command_goes_on(tmp_path, number):
    store = tmp_path / "run"
    process = programs.start(store, FLAGS)
    programs.wait_for(process, store, 60)
    clock = time.perf_counter()
    process.send_signal(number)
    _, err = programs.end(process, 128 + number)
    seconds = time.perf_counter() - clock
    kept = programs.num_complete(store)
    print(f"\n{signal.Signals(number).name}: ended after {seconds:.2f} s, {kept} networks kept")
    assert seconds < 3
    assert kept >= 60
    assert f"goes on: python {programs.SCRIPT}" in err.splitlines()[-1]
    programs.run(store, FLAGS)
    assert bool(ja.open(store).complete.all())
