"""`jaxadv info`: what a report of a bug needs."""

import importlib.metadata
import os
import platform
from collections.abc import Iterator

import jax

from jaxadv.devices import use_devices
from jaxadv.programs import keep_programs

LIBRARIES = ("jaxadv", "jax", "jaxlib", "numpy", "scipy", "optax", "xarray", "zarr", "tyro")
VARIABLES = ("JAX_", "XLA_", "CUDA_VISIBLE_DEVICES", "NPROC", "OMP_NUM_THREADS", "SLURM_JOB_ID")
"""How names of environment variables begin that change what is run, and how."""


def run() -> None:
    """Print versions, devices and settings, one a line."""
    for name, value in facts():
        print(f"{name:<32}{value}")


def facts() -> Iterator[tuple[str, str]]:
    """Each fact by its name."""
    for library in LIBRARIES:
        yield library, importlib.metadata.version(library)
    yield "Python", platform.python_version()
    yield "machine", platform.platform()
    keep_programs()
    devices = use_devices()
    yield "devices", f"{len(devices)} × {devices[0].device_kind} ({devices[0].platform})"
    yield "processes", str(jax.process_count())
    settings = jax.config.values
    for setting in (
        "jax_compilation_cache_dir", "jax_enable_compilation_cache", "jax_enable_x64",
        "jax_default_matmul_precision", "jax_debug_nans", "jax_disable_jit",
    ):  # fmt: skip
        yield setting, str(settings[setting])
    for variable in sorted(os.environ):
        if variable.startswith(VARIABLES):
            yield variable, os.environ[variable]
