"""Functions of one row, on many rows, so many at a time."""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Int

X = TypeVar("X")
R = TypeVar("R")


def map_batches(function: Callable[[X], R], rows: X, size: int) -> R:
    """``function(row)`` for each row, ``size`` of them side by side.

    The last batch is filled up with the last row, so that all batches have one shape, and the
    function is compiled once.

    Example:
        >>> map_batches(lambda row: 2 * row, jnp.arange(3), size=2).tolist()
        [0, 2, 4]
    """
    number = len(jax.tree.leaves(rows)[0])
    size = min(size, number)
    index = jnp.minimum(jnp.arange(-(-number // size) * size), number - 1).reshape(-1, size)
    results = lax.map(lambda index: jax.vmap(function)(_take(rows, index)), index)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:number], results)


def map_marked(
    function: Callable[[X], R], rows: X, marked: Bool[Array, " row"], others: R, size: int
) -> R:
    """``function(row)`` for each marked row, ``size`` of them side by side.

    The time grows with the number of marked rows, which may be known only when the program runs.

    Args:
        function: of one row.
        rows: any pytree of arrays with a common leading axis.
        marked: the rows to call it for.
        others: the results of the other rows, stacked.
        size: rows in a batch.

    Example:
        >>> marked = jnp.array([True, False, True])
        >>> map_marked(lambda row: 2 * row, jnp.arange(3), marked, jnp.zeros(3, int), 2).tolist()
        [0, 0, 4]
    """
    size = min(size, len(marked))
    order = jnp.argsort(~marked)  # the marked rows first
    num_marked = jnp.sum(marked, dtype=jnp.int32)

    def one_batch(carry: tuple[Int[Array, ""], R]) -> tuple[Int[Array, ""], R]:
        begin, results = carry
        # A slice that would end behind the last row begins earlier, and repeats some.
        first = jnp.minimum(begin, len(marked) - size)
        index = lax.dynamic_slice_in_dim(order, first, size)
        new = jax.vmap(function)(_take(rows, index))

        def put(old: Array, new: Array) -> Array:
            is_marked = marked[index].reshape(-1, *[1] * (new.ndim - 1))
            before = lax.dynamic_slice_in_dim(old, first, size)
            return lax.dynamic_update_slice_in_dim(old, jnp.where(is_marked, new, before), first, 0)

        return begin + size, jax.tree.map(put, results, new)

    begun = jnp.int32(0), _take(others, order)
    _, results = lax.while_loop(lambda carry: carry[0] < num_marked, one_batch, begun)
    return _take(results, jnp.argsort(order))


def _take(rows: X, index: Int[Array, " row"]) -> X:
    return jax.tree.map(lambda leaf: leaf[index], rows)
