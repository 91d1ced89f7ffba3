"""What rounding may hide, and how bounds stay bounds in a lower precision."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

SAFETY = 4  # a factor on estimates of rounding errors, which leave out terms of higher order


def sum_error(x: Float[Array, " dim"]) -> float:
    """The relative rounding error allowed in sums over the entries of x, in whatever order.

    Example:
        >>> sum_error(jnp.ones(6)) == 32 * float(jnp.finfo(jnp.float32).eps)
        True
    """
    return SAFETY * (x.size + 2) * float(jnp.finfo(x.dtype).eps)


def rounded_up(value: Float[Array, ""], dtype: Any) -> Float[Array, ""]:
    """The least number of a precision that is not below a value, as bounds have to be returned.

    Example:
        >>> float(rounded_up(jnp.float32(0.5), jnp.float32))
        0.5
    """
    rounded = value.astype(dtype)
    is_below = rounded.astype(value.dtype) < value
    return jnp.where(is_below, jnp.nextafter(rounded, jnp.asarray(jnp.inf, dtype)), rounded)
