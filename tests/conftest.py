"""Settings and fixtures of all tests."""

from pathlib import Path

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
# Many tests build the same programs: each is compiled once for all of them and all workers.
CACHE = Path(__file__).parent.parent / ".pytest_cache" / "programs"
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


@pytest.fixture
def float64():
    """Run the test in double precision."""
    with jax.enable_x64(True):
        yield
