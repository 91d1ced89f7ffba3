"""Float64 for the computations that need it."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.core import Tracer

from jaxadv.pytrees import cast_floats

R = TypeVar("R")


def in_double(function: Callable[..., R], *args: Any, dtype: Any, **kwargs: Any) -> R:
    """``function(*args, **kwargs)`` with float64 switched on, its floats returned in ``dtype``.

    Inside a transformation (`jax.jit`, `jax.vmap`) JAX cannot change the precision. The function
    is then called as it is; enter ``jax.enable_x64(True)`` around the transformation.

    Example:
        >>> bool(in_double(lambda x: as_double(x) + 1e-12 > 1, jnp.float32(1), dtype=jnp.float32))
        True
    """
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((args, kwargs))):
        return function(*args, **kwargs)
    with jax.enable_x64(True):
        result = function(*args, **kwargs)
        return cast_floats(result, dtype)


def as_double(tree: R) -> R:
    """The tree with its floats in float64, or in float32 where float64 is switched off."""
    return cast_floats(tree, jnp.result_type(float))
