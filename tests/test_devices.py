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
        ("print(len(d.use_devices()))", {}, str(CORES)),
        ("print(len(d.use_devices(3)))", {}, "3"),
        ("print(len(d.use_devices(1)), jax.device_count())", {}, "1 1"),
        ("print(len(d.use_devices()))", {"JAX_NUM_CPU_DEVICES": "5"}, "5"),
        (
            "print(len(d.use_devices()))",
            {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"},
            "4",
        ),
    ],
)
def test_a_cpu_has_a_device_for_each_core_unless_the_user_asks_for_others(
    code, environment, expected
):
    assert python(code, **environment).stdout.split("\n")[0] == expected


def test_it_says_so_when_jax_has_started_too_early():
    late = "jax.numpy.zeros(1); "
    run = python(late + "print(len(d.use_devices()))")
    assert run.stdout == "1\n"
    assert CORES == 1 or "JAX had started with 1 on this CPU before jaxadv" in run.stderr
    run = python(late + "d.use_devices(7)")
    assert "ValueError: devices: 7 asked for, there are 1: JAX had started with 1" in run.stderr


def test_devices_without_a_thread_to_spare_are_left_out():
    """They may be started already, when jaxadv can no longer ask for threads; see `use_devices`."""
    code = "jax.config.update('jax_num_cpu_devices', 8); jax.numpy.zeros(1); "
    run = python(code + "print(len(d.use_devices()))", NPROC="1")
    assert run.stdout == "7\n"
    run = python(code + "d.use_devices(8)", NPROC="1")
    assert "ValueError: devices: 8 asked for, there are 7: JAX had started with 8" in run.stderr
    assert "without a thread to spare for 1 of them" in run.stderr


THREADS = """
import os, pathlib
names = [path.read_text() for path in pathlib.Path("/proc/self/task").glob("*/comm")]
print(sum(name.startswith("tf_XLAEigen") for name in names), os.environ.get("NPROC"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
@pytest.mark.parametrize(
    ("given", "threads"), [(None, "6"), ("1", "6"), ("7", "7"), ("many", "6")], ids=str
)
def test_there_are_threads_for_all_devices_and_the_users_setting_is_as_it_was(given, threads):
    run = python(f"d.use_devices(3)\n{THREADS}", **({"NPROC": given} if given else {}))
    least = 0 if (given or "").isdecimal() else CORES
    assert run.stdout.split() == [str(max(int(threads), least)), str(given)]


def test_a_second_call_finds_the_same_devices_and_their_threads():
    run = python("print(len(d.use_devices(5)), len(d.use_devices()), len(d.use_devices(2)))")
    assert (run.stdout, run.stderr) == ("5 5 2\n", "")


def test_asking_whether_jax_has_started_changes_nothing():
    code = (
        "changes = []; before = jax.config.update;"
        "jax.config.update = lambda *change: (changes.append(change), before(*change));"
        "d.use_devices(3); d.use_devices(); print(changes)"
    )
    assert python(code).stdout == "[('jax_num_cpu_devices', 3)]\n"
    assert python(code, JAX_NUM_CPU_DEVICES="4").stdout == "[]\n"


def test_programs_are_kept_in_the_users_cache_unless_the_user_says_where(tmp_path):
    code = "d.keep_programs(); print(jax.config.jax_compilation_cache_dir)"
    assert "jaxadv" in python(code).stdout
    elsewhere = str(tmp_path)
    assert python(code, JAX_COMPILATION_CACHE_DIR=elsewhere).stdout.strip() == elsewhere


def test_devices_that_wait_for_each_others_factorisations_do_not_wait_for_ever():
    """The XLA pool of threads, see `use_devices`: two devices at once in LAPACK."""
    code = """
import numpy as np
from jax.sharding import Mesh, PartitionSpec as P
mesh = Mesh(np.array(d.use_devices(2)), ("device",))
f = jax.jit(jax.shard_map(
    jax.lax.linalg.cholesky, mesh=mesh, in_specs=P("device"), out_specs=P("device")))
for _ in range(20):
    result = f(np.tile(np.eye(64, dtype="float32"), (256, 1, 1)))
print(float(result.sum()))
"""
    run = subprocess.run(
        [sys.executable, "-c", "import jax, jaxadv.devices as d" + code],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={k: v for k, v in os.environ.items() if k != "NPROC"},
    )
    assert run.stdout.strip() == str(256 * 64.0)


RUNS = {
    "ja.run_sweep(ja.Sweep(scales=1, dims=2, widths=2, networks=1, examples=1, starts=1, ",
    "ja.run_landscape(ja.Landscape(scales=1, dims=2, widths=2, networks=1, examples=1, starts=2, ",
}


@pytest.mark.parametrize("run", sorted(RUNS))
def test_a_run_asks_for_its_devices_before_jax_starts(run):
    code = f"import jaxadv as ja; {run}max_steps=1), devices=3, progress=False).complete"
    process = python(f"{code}; print(jax.device_count())")
    assert process.stdout == "3\n"
    assert "JAX had started" not in process.stderr
