"""The devices that jaxadv computes on."""

import os
import time
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import jax
from jax import lax

# No public name says whether JAX has started. Trying to change a setting would tell, and change it.
from jax._src import xla_bridge

R = TypeVar("R")
Device = Any  # a `jax.Device`, which type checkers do not take for a type
NAP = 0.002  # seconds between two looks whether a device is done


def use_devices(number: int | None = None) -> list[Device]:
    """The devices that this process computes on, one entry for each call that runs at a time.

    XLA runs the small matrix products of an ascent on one core. So a CPU, which is one device of
    JAX, has an entry for each core: as many calls run on it side by side.

    Args:
        number: how many entries; by default one for each core of a CPU, or each accelerator.

    Raises:
        ValueError: if there are not so many accelerators, or XLA has too few threads for so many
            calls on a CPU.

    Warns:
        UserWarning: if JAX started before this call, with threads for half of the cores at most.

    Example:
        >>> len(use_devices(1))
        1
    """
    if number is not None and (type(number) is not int or number < 1):
        raise ValueError(f"devices: {number!r} must be a whole number from 1")
    asked = number or _num_cores()
    if not xla_bridge.backends_are_initialized():
        _start(threads=max(2 * asked, 2 * _num_cores(), _num_threads()))
    devices = jax.local_devices()
    reason = ""
    if devices[0].platform == "cpu":
        # Calls and the parallel parts of their work share XLA's threads. Without one to spare, all
        # calls can be waiting in LAPACK for a part each, for ever.
        threads = _num_threads()
        devices = devices[:1] * min(asked, max(1, threads - 1))
        reason = (
            f": XLA has {threads} threads since JAX started; call "
            f"jaxadv.use_devices({number or ''}) before anything that makes an array"
        )
    if number is not None and len(devices) < number:
        raise ValueError(f"devices: {number} asked for, there are {len(devices)}{reason}")
    if number is None and devices[0].platform == "cpu" and 2 * len(devices) <= asked > 1:
        warnings.warn(
            f"{asked} cores, but only {len(devices)} of them can be used{reason}", stacklevel=2
        )
    return devices[:number]


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
    """The threads of XLA's pool on a CPU."""
    if _Pool.threads is not None:
        return _Pool.threads
    given = os.environ.get("NPROC", "")
    return int(given) if given.isdecimal() else _num_cores()


def _num_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
