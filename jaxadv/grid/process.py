"""What a manifest says about a process: time, versions, machine, settings of JAX."""

import datetime as dt
import functools
import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from jaxadv.devices import Device

PACKAGES = ("jaxadv", "jax", "jaxlib", "numpy", "optax", "xarray", "zarr")
# Settings of JAX that numbers can depend on. (Ascents and certificates set the precision of their
# products and floats themselves.)
FLAGS = (
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
    "jax_enable_x64",
    "jax_default_matmul_precision",
)


def describe_process(devices: Sequence[Device]) -> dict[str, Any]:
    """When a process began to work, with which versions, settings and devices."""
    config: Any = jax.config
    return {
        "started": now(),
        **{f"{package}_version": version(package) for package in PACKAGES},
        "python_version": platform.python_version(),
        "commit": _commit(),
        "machine": platform.machine(),
        "device_platform": devices[0].platform,
        "device_kind": devices[0].device_kind,
        "device_count": len(devices),
        "flags": {name: getattr(config, name) for name in FLAGS}
        | {"XLA_FLAGS": os.environ.get("XLA_FLAGS", "")},
    }


def now() -> str:
    """The time, as manifests have it."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


@functools.cache
def _commit() -> str:
    """The commit of this code, marked if files were changed since; empty outside a checkout."""
    package = Path(__file__).parents[1]
    if not (package.parent / ".git").exists():
        return ""

    def git(*command: str) -> str:
        run = subprocess.run(  # noqa: S603
            ["git", "-C", str(package), *command],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return run.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + "-dirty" * bool(git("status", "--porcelain", "."))
    except (OSError, subprocess.SubprocessError):
        return ""
