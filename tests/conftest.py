"""Settings and fixtures of all tests."""

import gc
import os
import sys
from pathlib import Path

import jax
import matplotlib as mpl
import pytest

mpl.use("Agg")
jax.config.update("jax_numpy_rank_promotion", "raise")
# Several devices on any machine, so that all code for many of them is covered.
jax.config.update("jax_num_cpu_devices", 8)
os.environ["NPROC"] = "16"  # see `jaxadv.devices.use_devices`
# The tests compile much and compute little: this saves a quarter of their time.
jax.config.update("jax_disable_most_optimizations", True)
# Many tests build the same programs: each is compiled once for all of them and all workers.
CACHE = Path(__file__).parent.parent / ".pytest_cache" / "programs"
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
MOST_MAPS = 30_000


@pytest.fixture
def float64():
    """Run the test in double precision."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def same_rounding():
    """The settings above, for processes that are started by this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")
        patch.setenv("JAX_COMPILATION_CACHE_DIR", jax.config.jax_compilation_cache_dir)
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
        yield


# jaxadv is imported late: what this file imports, jaxtyping's hook cannot check any more.
@pytest.fixture(scope="session")
def sweep():
    """A small sweep."""
    import jaxadv as ja  # noqa: PLC0415

    return ja.Sweep(
        scales=(10.0, 0.1), ratios=(0.1, 0.2), dims=8, widths=32, networks=3, examples=4, starts=2,
        max_steps=300,
    )  # fmt: skip


@pytest.fixture(scope="session")
def dataset(sweep):
    """What it finds."""
    import jaxadv as ja  # noqa: PLC0415

    return ja.run_sweep(sweep, progress=False)


@pytest.fixture
def axes():
    """Empty axes in the style of all figures."""
    import matplotlib.pyplot as plt  # noqa: PLC0415

    from jaxadv.figures.style import STYLE  # noqa: PLC0415

    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots()
        yield axes
        plt.close(figure)


@pytest.fixture(autouse=True)
def _room_for_programs():
    """Forget compiled programs before they use up the memory maps that Linux allows a process.

    Beyond 65,530 of them, XLA ends the process.
    """
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MOST_MAPS:
        programs = sys.modules.get("jaxadv.programs")
        if programs is not None:
            programs.remembered.cache_clear()
        jax.clear_caches()
        gc.collect()
