"""The devices that jaxadv uses, how work is spread on them, and the cache of programs."""

import os
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import jax
import platformdirs
from jax import lax

# No public name says whether JAX has started. Trying to change a setting would tell, and change it.
from jax._src import xla_bridge
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

R = TypeVar("R")
Device = Any  # a `jax.Device`, which type checkers do not take for a type
_config: Any = jax.config
NAP = 0.002  # seconds between two looks whether the devices are done
SHORTEST_COMPILATION = 0.2  # seconds; a program that compiles faster is not kept in the cache


def use_devices(number: int | None = None) -> list[Device]:
    """The devices that this process computes on; on a CPU, one for each core.

    XLA runs the small matrix products of an ascent on one core. JAX can be told to treat the cores
    of a CPU as so many devices, but only before it starts, that is before the first array is made.
    What the user asked of JAX (``jax_num_cpu_devices``, or the flag of XLA for the same) is kept.

    Args:
        number: how many; by default all that there are.

    Raises:
        ValueError: if there are not so many devices.

    Warns:
        UserWarning: if JAX has started with fewer CPU devices than the machine has cores, or with
            too few threads for those that it has.

    Example:
        >>> len(use_devices(1))
        1
    """
    if number is not None and (type(number) is not int or number < 1):
        raise ValueError(f"devices: {number!r} must be a whole number from 1")
    wanted, asked = number or _num_cores(), _num_asked()
    late = xla_bridge.backends_are_initialized()
    if not late:
        if not asked:
            jax.config.update("jax_num_cpu_devices", wanted)
        # Where the user asked for fewer threads than that, devices could wait for ever.
        _start(threads=max(2 * max(wanted, asked), _num_threads()))
    every = jax.local_devices()
    devices, reason = every, ""
    if every[0].platform == "cpu" and late:
        devices = every[: max(1, max(_num_threads(), len(every)) - 1)]
        idle = len(every) - len(devices)
        if idle or not asked:
            reason = (
                f": JAX had started with {len(every)} on this CPU before jaxadv could ask for more"
                f"{f', and without a thread to spare for {idle} of them' * bool(idle)}; "
                "call jaxadv.use_devices() before anything that makes an array"
            )
    if number is not None and len(devices) < number:
        raise ValueError(f"devices: {number} asked for, there are {len(devices)}{reason}")
    if number is None and reason and len(devices) < wanted:
        warnings.warn(f"{wanted} cores, but not as many devices{reason}", stacklevel=2)
    return devices[:number]


def _num_asked() -> int:
    """How many CPU devices the user asked JAX for; 0 if that is left to us."""
    flag = re.search(r"host_platform_device_count=(\d+)", os.environ.get("XLA_FLAGS", ""))
    return max(_config.jax_num_cpu_devices, int(flag[1]) if flag else 0, 0)


def _start(threads: int) -> None:
    """Start JAX; on a CPU, XLA's pool gets so many threads.

    XLA reads NPROC once, when its CPU client starts, and so may others later: it is put back.
    """
    before = os.environ.get("NPROC")
    os.environ["NPROC"] = str(threads)
    try:
        jax.local_devices()
    finally:
        if before is None:
            del os.environ["NPROC"]
        else:
            os.environ["NPROC"] = before
    _Pool.threads = threads


class _Pool:
    """XLA's pool of threads on a CPU: how many there are, if it was started here."""

    threads: int | None = None


def _num_threads() -> int:
    """The threads of XLA's pool on a CPU, where that is not made larger by the devices.

    The devices and the parallel parts of their work share one pool: where it has no thread more
    than devices, these can all be waiting in LAPACK for a part each, for ever.
    """
    if _Pool.threads is not None:
        return _Pool.threads
    given = os.environ.get("NPROC", "")
    return int(given) if given.isdecimal() else _num_cores()


def keep_programs() -> None:
    """Keep compiled programs in the user's cache folder, for the next process of the same shapes.

    What the user set is kept: JAX's own ``jax_compilation_cache_dir`` names another folder, and
    ``jax_enable_compilation_cache`` (or JAX_ENABLE_COMPILATION_CACHE=false) switches it off.
    """
    if _config.jax_compilation_cache_dir is None:
        folder = Path(platformdirs.user_cache_dir("jaxadv", appauthor=False)) / "programs"
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", SHORTEST_COMPILATION)


def on_devices(
    function: Callable[..., R], mesh: Mesh, rows: Any, *shared: Any, at_once: int = 1
) -> R:
    """``function(row, *shared)`` for each row of ``rows``, which is spread over the devices.

    Nothing is exchanged between devices, so that loops in them may end at different times.

    Args:
        function: written for one row.
        mesh: the devices, in one axis ``"device"``.
        rows: any pytree of arrays with a common leading axis, a multiple of the devices.
        shared: what all rows have in common.
        at_once: how many rows a device works on side by side; one after the other by default.

    Example:
        >>> mesh = Mesh(use_devices(1), ("device",))
        >>> on_devices(lambda row, unit: row * unit, mesh, jax.numpy.arange(3), 2).tolist()
        [0, 2, 4]
    """

    def local(rows: Any, *shared: Any) -> Any:
        return in_batches(lambda row: function(row, *shared), rows, at_once)

    specs = (P("device"), *(P() for _ in shared))
    # No check of varying axes: the loops end at different times on different devices.
    return jax.shard_map(local, mesh=mesh, in_specs=specs, out_specs=P("device"), check_vma=False)(
        rows, *shared
    )


def wait_for(arrays: Any) -> None:
    """Wait until devices have computed all arrays of a pytree.

    In small naps, so that a signal is heard at once.

    Example:
        >>> wait_for({"one": jax.numpy.arange(3)})
    """
    while not all(leaf.is_ready() for leaf in jax.tree.leaves(arrays)):
        time.sleep(NAP)


def in_batches(function: Callable[[Any], R], rows: Any, at_once: int) -> R:
    """``function(row)`` for each row of ``rows``, so many side by side, the others after them.

    Example:
        >>> in_batches(lambda row: 2 * row, jax.numpy.arange(3), at_once=2).tolist()
        [0, 2, 4]
    """
    return lax.map(function, rows, batch_size=None if at_once == 1 else at_once)


def _num_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
