"""A disk that fills up or cannot be written to: one line, and what was complete is kept.

Needs the right to mount; run with ``make soak``.
"""

import subprocess

import pytest
import xarray as xr

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
