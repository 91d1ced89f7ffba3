"""One sweep on one device, on many, in many processes and in steps: the same records.

In double precision; run with ``make soak``.
"""

import json
import os

import pytest

from tests.comparison import assert_same_records
from tests.soak import programs

pytestmark = pytest.mark.slow

FLAGS = [
    "--scales", "0.1,1,10", "--dims", "8", "--widths", "16,24", "--networks", "60",
    "--examples", "4", "--starts", "2", "--max-steps", "3000", "--precision", "double",
]  # fmt: skip
LAYOUTS = {
    "2 devices": ["--devices", "2"],
    "4 devices": ["--devices", "4"],
    "5 lanes, checked every 3 steps": ["--lanes", "5", "--check-every", "3"],
    "64 lanes, checked every 64 steps": ["--lanes", "64", "--check-every", "64"],
}


@pytest.fixture(scope="module")
def on_one_device(tmp_path_factory):
    path = tmp_path_factory.mktemp("one") / "run"
    programs.run(path, [*FLAGS, "--devices", "1"])
    return programs.records(path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_changes_nothing(tmp_path, on_one_device, layout):
    programs.run(tmp_path, [*FLAGS, *LAYOUTS[layout]])
    assert_same_records(programs.records(tmp_path), on_one_device)


def test_shards_at_the_same_time_change_nothing(tmp_path, on_one_device):
    processes = [
        programs.start(tmp_path, [*FLAGS, "--devices", "1", "--shard", f"{index}/3"])
        for index in range(3)
    ]
    printed = [programs.end(process)[0] for process in processes]
    assert_same_records(programs.records(tmp_path), on_one_device)
    assert any("certified" in out for out in printed)
    shares_are_each_once(tmp_path, on_one_device.num_steps[..., -1].size, workers=3)


def test_processes_of_one_job_change_nothing(tmp_path, on_one_device):
    """Two processes with two devices each, as Slurm starts them, on the loopback address."""
    processes = join(tmp_path, [*FLAGS, "--distributed", "--devices", "2"])
    (table, progress), (silent, other) = [ended(process) for process in processes]
    assert_same_records(programs.records(tmp_path), on_one_device)
    assert "certified" in table
    assert silent == ""
    trials = on_one_device.num_steps[..., -1].size
    assert f"{trials}/{trials}" in progress
    assert "trial" not in other
    shares_are_each_once(tmp_path, trials, workers=2)
    # A finished store only prints its summary.
    (again, _), _ = [ended(process) for process in join(tmp_path, [*FLAGS, "--distributed"])]
    assert again == table


def test_a_mistake_ends_all_processes_of_a_job(tmp_path):
    programs.run(tmp_path, ["--scales", "1", "--networks", "1", "--dims", "2", "--widths", "4"])
    first, second = join(tmp_path, [*FLAGS, "--distributed"])
    assert "was made with" in programs.end(first, 2)[1]
    assert "was made with" in programs.end(second, 2)[1]


def test_growth_in_three_steps_changes_nothing(tmp_path, on_one_device):
    programs.run(tmp_path, [*FLAGS, "--scales", "1", "--networks", "30", "--widths", "24"])
    programs.run(tmp_path, [*FLAGS, "--networks", "45"])
    programs.run(tmp_path, FLAGS)
    assert_same_records(programs.asked(tmp_path), on_one_device)
    shares_are_each_once(tmp_path, on_one_device.num_steps[..., -1].size, workers=1)


def join(store, flags):
    """Two processes of one job."""
    job = {
        "SLURM_JOB_ID": str(os.getpid()),  # which the port is made from
        "SLURM_STEP_NODELIST": "127.0.0.1",
        "SLURM_NTASKS": "2",
    }
    return [
        programs.start(store, flags, {**job, "SLURM_PROCID": rank, "SLURM_LOCALID": rank})
        for rank in "01"
    ]


def ended(process):
    """What a process of a job printed, but for the lines of the library that connects them."""
    out, err = programs.end(process)
    lines = [line for line in out.splitlines() if not line.startswith("[Gloo]")]
    return "\n".join(lines), err


def shares_are_each_once(store, trials, workers):
    notes = json.loads((store / "manifest.json").read_text())["runs"]
    assert sum(note["trials_run"] for note in notes) == trials
    assert {note["worker"] for note in notes} == set(range(workers))
    assert all(note["trials_run"] > 0 for note in notes)
