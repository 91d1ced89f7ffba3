"""Values of a dataset that may be missing.

In a dataset a missing value is NaN. Programs compute no such NaN but return `Known` values, so that
``jax_debug_nans`` stops at real faults only.
"""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, ScalarLike

from jaxadv.pytrees import pytree


@pytree
class Known:
    """Values that may not exist, and whether they do.

    Attributes:
        value: of any shape; where it does not exist, its entries mean nothing.
        exists: of the same shape.
    """

    value: Float[Array, "*shape"] | Float[np.ndarray, "*shape"]
    exists: Bool[Array, "*shape"] | Bool[np.ndarray, "*shape"]


Record = Array | Known  # the values of a variable as a program returns them


def known_where(exists: Bool[Array, "..."], value: Float[Array, "..."] | ScalarLike) -> Known:
    """Values that exist under a condition of their shape, or of one that broadcasts to it.

    A value that does not exist becomes 0, whatever the computation gave.

    Example:
        >>> filled(known_where(jnp.array([True, False]), jnp.array([1.0, jnp.nan])))
        array([ 1., nan], dtype=float32)
    """
    value = jnp.asarray(value)
    exists = jnp.broadcast_to(exists, value.shape)
    return Known(jnp.where(exists, value, 0), exists)


def known_on_boundary(value: Array | np.ndarray, multiplier: Array | np.ndarray) -> Known:
    """A certificate's value over the multiplier, which exists only on the boundary of the set.

    In the interior, where the multiplier is 0, a certificate has infinities instead.

    Example:
        >>> filled(known_on_boundary(jnp.array([0.5, -jnp.inf]), jnp.array([2.0, 0.0])))
        array([0.5, nan], dtype=float32)
    """
    return Known(value, multiplier != 0)


def filled(record: Record | ArrayLike) -> np.ndarray:
    """The values of a record in this computer's memory, NaN where they do not exist.

    Example:
        >>> filled(Known(np.array([1.0, 2.0]), np.array([True, False])))
        array([ 1., nan])
    """
    if not isinstance(record, Known):
        return np.asarray(record)
    value = np.asarray(record.value)
    return np.where(np.asarray(record.exists), value, value.dtype.type(np.nan))
