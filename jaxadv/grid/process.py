"""What every manifest says of a run: time, versions, machine, settings of JAX."""

import datetime as dt
import json
import os
import platform
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from jaxadv.devices import Device
from jaxadv.grid.places import Place

FILE = "manifest.json"
PACKAGES = ("jaxadv", "jax", "jaxlib", "numpy", "optax", "xarray", "zarr")
FLAGS = (
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
    "jax_enable_x64",
    "jax_default_matmul_precision",
)
"""Settings of JAX that numbers can depend on; ascents and certificates set the precision of
products and of their floats by themselves."""


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


def as_attributes(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest as a dataset's attributes: what is nested becomes JSON.

    Example:
        >>> as_attributes({"steps_run": 3, "runs": [{"worker": 0}]})
        {'steps_run': 3, 'runs': '[{"worker": 0}]'}
    """
    return {
        name: json.dumps(value) if isinstance(value, dict | list) else value
        for name, value in manifest.items()
    }


def write_manifest(folder: Place, manifest: Mapping[str, Any]) -> None:
    """Write a manifest beside its data, whole or not at all."""
    text = json.dumps(manifest, indent=2) + "\n"
    if not isinstance(folder, Path):
        # An object store shows what was written when all of it was.
        (folder / FILE).write_text(text, encoding="utf-8")
        return
    path = folder / FILE
    if path.exists() and path.read_bytes() == text.encode():
        return
    unfinished = folder / f".{FILE}-{uuid.uuid4().hex}"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def _commit() -> str:
    """The commit of this code, if it is a checkout, and whether the code is another by now."""
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
