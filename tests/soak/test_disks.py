"""A disk that fills up or cannot be written to: one line, and what was complete is kept.

Some need the right to mount; run with ``make soak``.
"""

import subprocess

import pytest
import xarray as xr
from zarr.storage import LocalStore

import jaxadv as ja
from jaxadv.sweeps import plan
from jaxadv.sweeps import work as sweep_work
from tests.soak import programs

pytestmark = pytest.mark.slow

FLAGS = [
    "--scales", "0.1,1", "--dims", "8", "--widths", "16", "--networks", "300", "--examples", "8",
    "--starts", "2", "--max-steps", "1000",
]  # fmt: skip


def mount(*options):
    command = ["mount", *map(str, options)]
    return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.fixture
def disk(tmp_path):
    """A small disk in memory."""
    if mount("-t", "tmpfs", "-o", "size=1536k", "tmpfs", tmp_path) != 0:
        pytest.skip("no right to mount")
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


def test_a_full_disk_and_then_a_larger_one(disk, tmp_path_factory):
    left_alone = tmp_path_factory.mktemp("left-alone")
    programs.run(left_alone, FLAGS)
    store = disk / "run"
    _, err = programs.run(store, FLAGS, code=2)
    line = err.splitlines()[-1]
    kept = programs.num_complete(store)
    print(f"\n{line}\n{kept} networks kept")
    assert line.startswith("error: store: cannot write to")
    assert "No space left on device; what was complete is kept" in line
    assert 0 < kept < 600
    assert "No space left" in programs.run(store, FLAGS, code=2)[1]
    assert programs.num_complete(store) >= kept
    assert mount("-o", "remount,size=64m", disk) == 0
    programs.run(store, FLAGS)
    xr.testing.assert_identical(programs.records(store), programs.records(left_alone))


def test_a_disk_that_cannot_be_written_to(disk):
    small = [*FLAGS, "--networks", "8"]
    store = disk / "run"
    programs.run(store, small)
    before = programs.records(store)
    assert mount("-o", "remount,ro", disk) == 0
    for flags in (small, FLAGS, [*small, "--fresh"]):
        _, err = programs.run(store, flags, code=2)
        assert "Read-only file system" in err.splitlines()[-1]
        assert "Traceback" not in err
    xr.testing.assert_identical(programs.records(store), before)


def test_a_write_that_fails_whichever_it_is_and_all_that_follow(tmp_path, monkeypatch):
    """Every file of a run is once the first that cannot be written, though its folder is there."""
    monkeypatch.setattr(sweep_work, "BLOCK_TRIALS", 8)
    monkeypatch.setattr(plan, "TRIALS_PER_CALL", 1)
    sweep = ja.Sweep(
        scales=(0.1, 1.0), dims=4, widths=8, networks=3, examples=2, starts=1, max_steps=500
    )

    def run(store=None):
        return ja.run_sweep(sweep, store, devices=1, progress=False).load()

    expected, write, left = run(), LocalStore.set, [0]

    async def failing(self, key, value):
        if left[0] == 0:
            (self.root / key).parent.mkdir(parents=True, exist_ok=True)
            raise OSError(28, "No space left on device")
        left[0] -= 1
        await write(self, key, value)

    writes, message = 0, "the first"
    while message:
        store, left[0], message = tmp_path / str(writes), writes, ""
        with monkeypatch.context() as patch:
            patch.setattr(LocalStore, "set", failing)
            try:
                run(store)
            except OSError as error:
                message = str(error)
        assert not message or "No space left on device" in message
        xr.testing.assert_equal(run(store), expected)
        assert bool(ja.open_sweep(store).complete.all())
        writes += 1
    print(f"\n{writes - 1} writes, each of which has failed once")
    assert writes > 100
