"""Blocks on the workers of an executor: the same records, also where workers are lost."""

import dataclasses
import json
import multiprocessing
import os
import signal
from concurrent.futures import (
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)

import pytest
import xarray as xr
from distributed import Client, LocalCluster

import jaxadv as ja
from jaxadv.grid.run import run_grid
from jaxadv.sweeps import work as sweep_work
from jaxadv.sweeps.work import SweepWork
from tests.comparison import assert_same_records
from tests.grid.dying import DyingSweep

pytestmark = pytest.mark.usefixtures("same_rounding")
SWEEP = ja.Sweep(
    scales=(0.1, 1.0), dims=(4,), widths=(8,), networks=5, examples=2, starts=1, max_steps=500,
    precision="double",
)  # fmt: skip


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of two networks; workers read that from the store."""
    monkeypatch.setattr(sweep_work, "BLOCK_TRIALS", 8)


@pytest.fixture(scope="module")
def plain():
    return ja.run_sweep(SWEEP, devices=1, progress=False)


@pytest.fixture(scope="module")
def cluster(same_rounding):
    """Two workers of Dask, each a process, on the loopback address."""
    options = {"processes": True, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(n_workers=2, host="127.0.0.1", **options) as cluster:
        yield cluster


def processes(number=2):
    return ProcessPoolExecutor(number, mp_context=multiprocessing.get_context("spawn"))


def run(store, executor, work=None):
    options = {"devices": 1, "executor": executor, "progress": False}
    if work is None:
        return ja.run_sweep(SWEEP, store, **options).load()
    return run_grid(work, store, **options).load()


def test_a_pool_of_processes_gives_the_records_of_a_plain_run(tmp_path, plain):
    with processes() as executor:
        spread = run(tmp_path / "run", executor)
        again = run(tmp_path / "run", executor)
    xr.testing.assert_equal(spread, plain)
    xr.testing.assert_equal(again, plain)
    (note,) = json.loads(again.attrs["runs"])  # nothing was run again
    assert note["executor"] == "ProcessPoolExecutor"
    assert note["trials_run"] == SWEEP.num_trials
    assert note["device_count"] == 1


@pytest.mark.slow
def test_a_pool_that_loses_a_process_says_so_in_a_line_and_the_same_run_goes_on(tmp_path, plain):
    work = DyingSweep(SWEEP, victim=tmp_path / "victim")
    message = "executor: BrokenProcessPool: .*; what was complete is kept"
    with processes(1) as executor, pytest.raises(OSError, match=message):
        run(tmp_path / "run", executor, work)
    assert not bool(ja.open(tmp_path / "run").complete.any())
    with processes(1) as executor:
        xr.testing.assert_equal(run(tmp_path / "run", executor), plain)


def test_dask_runs_a_block_again_whose_worker_was_killed_in_its_middle(tmp_path, cluster, plain):
    work = DyingSweep(SWEEP, victim=tmp_path / "victim")
    with Client(cluster) as client:
        spread = run(tmp_path / "run", client.get_executor(), work)
    killed = int((tmp_path / "victim").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(killed, signal.SIG_DFL)
    xr.testing.assert_equal(spread, plain)
    (note,) = json.loads(spread.attrs["runs"])
    assert note["executor"] == "ClientExecutor"
    assert note["trials_run"] == SWEEP.num_trials


@pytest.mark.slow
def test_dask_that_gives_up_on_a_block_says_so_in_a_line_and_the_same_run_goes_on(
    tmp_path, cluster, plain, monkeypatch
):
    work = DyingSweep(SWEEP, victim=tmp_path / "victim")
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    message = "executor: KilledWorker: Attempted to run task .*; what was complete is kept"
    with Client(cluster) as client:
        with pytest.raises(OSError, match=message) as error:
            run(tmp_path / "run", client.get_executor(), work)
        assert "\n" not in str(error.value)
        # A notebook keeps the last error, and with it what Dask was asked for.
        spread = run(tmp_path / "run", client.get_executor(), work)
    xr.testing.assert_equal(spread, plain)


class Stopped(Executor):
    """An executor that has lost its scheduler."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_exception(CancelledError())
        return future


def test_an_error_of_the_executor_itself_is_said_by_its_name(tmp_path):
    with pytest.raises(OSError, match=r"^executor: CancelledError; what was complete is kept$"):
        run(tmp_path / "run", Stopped())


def test_threads_serve_as_well(tmp_path, plain):
    with ThreadPoolExecutor(2) as executor:
        xr.testing.assert_equal(run(tmp_path / "run", executor), plain)


class Recording(ThreadPoolExecutor):
    """An executor that writes down its tasks."""

    def __init__(self):
        super().__init__(2)
        self.tasks = []

    def submit(self, task):
        """Write the task down, and run it."""
        self.tasks.append(task)
        return super().submit(task)


@pytest.mark.slow
def test_no_two_tasks_have_chunks_in_common(tmp_path, plain):
    """Growth by cells and networks at once leaves a block of which two parts are missing."""
    smaller = dataclasses.replace(SWEEP, scales=(0.1,), networks=3)
    ja.run_sweep(smaller, tmp_path / "run", devices=1, progress=False)
    with Recording() as executor:
        grown = run(tmp_path / "run", executor)
    chunks = [
        (cell, replicate // 2)
        for task in executor.tasks
        for cell in task.block.cells
        for replicate in task.block.replicates[::2]
    ]
    assert len(chunks) == len(set(chunks)) == 2 * 3
    assert_same_records(grown, plain)


def test_an_executor_needs_a_store_and_no_shards(tmp_path):
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(ValueError, match="store: processes that share the work need a store"):
            run(None, executor)
        with pytest.raises(ValueError, match="executor: it deals out the work itself"):
            ja.run_sweep(SWEEP, tmp_path / "run", executor=executor, shard=(0, 2), progress=False)
    assert not (tmp_path / "run").exists()


def test_an_error_of_a_worker_is_the_error_of_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_work, "free_bytes", lambda *_: 1000)
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(ValueError, match="memory: one network of width 8"),
    ):
        run(tmp_path / "run", executor, SweepWork(SWEEP, lanes=2))
