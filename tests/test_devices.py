"""What jaxadv asks of JAX before JAX starts, each case in a process of its own."""

import os
import subprocess
import sys

import pytest

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def python(code, **environment):
    # Warnings are what is looked for, even where the tests themselves run with -W error.
    left_out = {"NPROC", "XLA_FLAGS", "PYTHONWARNINGS"}
    inherited = {name: value for name, value in os.environ.items() if name not in left_out}
    return subprocess.run(
        [sys.executable, "-c", f"import jax, jaxadv.devices as d; {code}"],
        capture_output=True,
        text=True,
        check=False,
        env={**inherited, **environment},
    )


@pytest.mark.parametrize(
    ("code", "environment", "expected"),
    [
        ("print(len(d.use_devices()))", {}, CORES),
        ("print(len(d.use_devices(3)))", {}, 3),
        ("print(len(d.use_devices()))", {"JAX_NUM_CPU_DEVICES": "5"}, CORES),
    ],
)
def test_a_cpu_stands_there_once_for_each_core(code, environment, expected):
    run = python(code + "; print(jax.device_count())", **environment)
    assert run.stdout.split() == [str(expected), environment.get("JAX_NUM_CPU_DEVICES", "1")]
    assert not run.stderr


def test_it_says_so_when_jax_has_started_too_early():
    late = "jax.numpy.zeros(1); "
    run = python(late + "print(len(d.use_devices()))", NPROC="2")
    assert run.stdout == "1\n"
    assert CORES == 1 or "XLA has 2 threads since JAX started; call jaxadv.use_" in run.stderr
    run = python(late + "d.use_devices(7)", NPROC="2")
    assert "ValueError: devices: 7 asked for, there are 1: XLA has 2 threads" in run.stderr
    assert "call jaxadv.use_devices(7) before" in run.stderr


def test_a_thread_is_spared_for_the_parallel_parts_of_all_calls():
    run = python("jax.numpy.zeros(1); print(len(d.use_devices(4)))", NPROC="5")
    assert run.stdout == "4\n"


THREADS = """
import os, pathlib
names = [path.read_text() for path in pathlib.Path("/proc/self/task").glob("*/comm")]
print(sum(name.startswith("tf_XLAEigen") for name in names), os.environ.get("NPROC"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
@pytest.mark.parametrize(
    ("given", "threads"), [(None, 2), ("1", 2), ("99", 99), ("many", 2)], ids=str
)
def test_there_are_threads_for_all_calls_and_the_users_setting_is_as_it_was(given, threads):
    run = python(f"d.use_devices(3)\n{THREADS}", **({"NPROC": given} if given else {}))
    assert run.stdout.split() == [str(max(threads, 2 * max(CORES, 3))), str(given)]


def test_a_second_call_may_ask_for_another_number():
    run = python("print(len(d.use_devices(1)), len(d.use_devices()), len(d.use_devices(2)))")
    assert (run.stdout, run.stderr) == (f"1 {CORES} 2\n", "")


def test_asking_for_devices_changes_no_setting_of_jax():
    code = (
        "changes = []; before = jax.config.update;"
        "jax.config.update = lambda *change: (changes.append(change), before(*change));"
        "d.use_devices(3); d.use_devices(); print(changes)"
    )
    assert python(code).stdout == "[]\n"


def test_programs_are_kept_in_the_users_cache_unless_the_user_says_where(tmp_path):
    code = (
        "from jaxadv.programs import keep_programs; keep_programs();"
        "print(jax.config.jax_compilation_cache_dir)"
    )
    assert "jaxadv" in python(code).stdout
    elsewhere = str(tmp_path)
    assert python(code, JAX_COMPILATION_CACHE_DIR=elsewhere).stdout.strip() == elsewhere


def test_devices_that_wait_for_each_others_factorisations_do_not_wait_for_ever():
    """The XLA pool of threads, see `use_devices`: two calls at once in LAPACK."""
    code = """
import numpy as np
from concurrent.futures import ThreadPoolExecutor
f = jax.jit(jax.lax.linalg.cholesky)
matrices = np.tile(np.eye(64, dtype="float32"), (128, 1, 1))
def call(device):
    return sum(float(f(matrices).sum()) for _ in range(20))
devices = d.use_devices(2)
with ThreadPoolExecutor(2) as threads:
    print(sum(threads.map(call, devices)))
"""
    run = subprocess.run(
        [sys.executable, "-c", "import jax, jaxadv.devices as d" + code],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={k: v for k, v in os.environ.items() if k != "NPROC"},
    )
    assert run.stdout.strip() == str(2 * 20 * 128 * 64.0)


RUNS = {
    "ja.run_sweep(ja.Sweep(scales=1, dims=2, widths=2, networks=1, examples=1, starts=1, ",
    "ja.run_landscape(ja.Landscape(scales=1, dims=2, widths=2, networks=1, examples=1, starts=2, ",
}


@pytest.mark.parametrize("run", sorted(RUNS))
def test_a_run_asks_for_its_devices_before_jax_starts(run):
    code = f"import jaxadv as ja; run = {run}max_steps=1), devices=9, progress=False)"
    process = python(
        f"{code}; import json; print(json.loads(run.attrs['runs'])[0]['device_count'])"
    )
    assert process.stdout == "9\n"
    assert "asked for" not in process.stderr
