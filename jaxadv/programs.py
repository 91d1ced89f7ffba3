"""Compiled programs: how they are lowered for a device, and where they are kept."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import jax
import platformdirs
from jax.sharding import SingleDeviceSharding

from jaxadv.devices import Device

P = TypeVar("P")
_config: Any = jax.config
SHORTEST_COMPILATION = 0.2  # seconds; a program that compiles faster is not kept on the disk
# On a CPU each group of cells has two thousand memory mappings, of which Linux gives a process
# 65,530; beyond them, XLA ends the process.
MOST_PROGRAMS = 8


def keep_programs() -> None:
    """Keep compiled programs in the user's cache folder, for the next process of the same shapes.

    What the user set is kept: JAX's own ``jax_compilation_cache_dir`` names another folder, and
    ``jax_enable_compilation_cache`` (or JAX_ENABLE_COMPILATION_CACHE=false) switches it off.
    """
    if _config.jax_compilation_cache_dir is None:
        folder = Path(platformdirs.user_cache_dir("jaxadv", appauthor=False)) / "programs"
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", SHORTEST_COMPILATION)


@lru_cache(maxsize=MOST_PROGRAMS)
def remembered(build: Callable[..., P], *args: Any, **options: Any) -> P:
    """``build(*args, **options)``; it is called once as long as its result is remembered.

    All programs of a process share this memory. It holds `MOST_PROGRAMS` results, and forgets the
    one that was asked for least recently.

    Args:
        build: a function that compiles programs.
        args: its arguments, all hashable.
        options: likewise.

    Example:
        >>> remembered(sorted, (3, 1)) is remembered(sorted, (3, 1))
        True
    """
    return build(*args, **options)


def lower_for(device: Device, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """``function``, traced and lowered for arguments like ``args`` on one device.

    Programs are for one device each, and devices share nothing. So the results of a call do not
    depend on how many devices there are: XLA compiles a program for several devices in another way,
    and it rounds in another way.

    Args:
        device: the device.
        function: the function.
        args: pytrees of arrays, or of anything with a ``shape`` and a ``dtype``.
        options: of `jax.jit`.

    Returns:
        A `jax.stages.Lowered`.

    Example:
        >>> device, one = jax.devices()[0], jax.numpy.float32(1)
        >>> float(lower_for(device, jax.numpy.exp, one).compile()(0 * one))
        1.0
    """
    sharding = SingleDeviceSharding(device)
    shaped = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), args
    )
    return jax.jit(function, **options).lower(*shaped)
