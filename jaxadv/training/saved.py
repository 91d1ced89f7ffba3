"""The state of a network's runs as plain arrays, and back."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

Arrays = dict[str, np.ndarray]  # by name; records of one evaluation have axes (cell, …)
LEAF, RECORD = "leaf", "record"  # how the names of saved arrays begin


def saved(runs: Any, records: Sequence[Arrays]) -> Arrays:
    """The state of a network: its runs, a pytree, and the records of its evaluations so far."""
    leaves = {f"{LEAF}-{index}": _plain(leaf) for index, leaf in enumerate(jax.tree.leaves(runs))}
    values = {
        f"{RECORD}-{name}": np.stack([record[name] for record in records]) for name in records[0]
    }
    return {**leaves, **values}


def restore(
    begun: Any, state: Mapping[str, np.ndarray] | None, names: Collection[str]
) -> tuple[Any, list[Arrays]]:
    """A network as its state left it; it is at the beginning if it has none, or one that misfits.

    Args:
        begun: the runs at the beginning.
        state: as `saved` makes it; another version may have saved other arrays.
        names: of the records of an evaluation.

    Returns:
        The runs, on the device of ``begun``, and the records of the network's evaluations.
    """
    leaves, structure = jax.tree.flatten(begun)
    values = [(state or {}).get(f"{LEAF}-{index}") for index in range(len(leaves))]
    if state is None or not all(map(_fits, values, leaves)):
        return begun, []
    records = _records(state)
    if any(set(record) != set(names) for record in records):
        return begun, []
    restored = [_like(value, leaf) for value, leaf in zip(values, leaves, strict=True)]
    return jax.tree.unflatten(structure, restored), records


def _fits(value: np.ndarray | None, leaf: Array) -> bool:
    plain = _plain(leaf)
    return value is not None and (value.shape, value.dtype) == (plain.shape, plain.dtype)


def _records(state: Mapping[str, np.ndarray]) -> list[Arrays]:
    start = f"{RECORD}-"
    values = {name.removeprefix(start): v for name, v in state.items() if name.startswith(start)}
    number = len(next(iter(values.values())))
    return [{name: value[index] for name, value in values.items()} for index in range(number)]


def _is_key(leaf: Array) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: Array) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _like(value: np.ndarray | None, leaf: Array) -> Array:
    """The value where the leaf is, so that the same program takes it."""
    array = jax.numpy.asarray(value)
    array = jax.random.wrap_key_data(array) if _is_key(leaf) else array
    return jax.device_put(array, leaf.sharding)
