"""The state of a network's runs as plain arrays, and back on any number of devices."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

Arrays = dict[str, np.ndarray]  # by name; records of one evaluation have axes (cell, …)
LEAF, RECORD = "leaf", "record"  # how the names of saved arrays begin


def saved(runs: Any, row: int, records: Sequence[Arrays]) -> Arrays:
    """The state of one network: its runs, and the records of its evaluations so far.

    Args:
        runs: a pytree whose leaves have a row for each network.
        row: which network.
        records: the records of each of its evaluations.
    """
    leaves = {
        f"{LEAF}-{index}": _plain(leaf)[row] for index, leaf in enumerate(jax.tree.leaves(runs))
    }
    values = {
        f"{RECORD}-{name}": np.stack([record[name] for record in records]) for name in records[0]
    }
    return {**leaves, **values}


def restore(
    begun: Any, states: Sequence[Mapping[str, np.ndarray] | None]
) -> tuple[Any, list[list[Arrays]]]:
    """Networks as their states left them; a network without a state is at the beginning.

    Args:
        begun: the runs at the beginning, with a row for each network; rows beyond repeat networks.
        states: the state of each network, as `saved` makes it; None where there is none.

    Returns:
        The runs, on the devices of ``begun``, and the records of each network's evaluations.
    """
    leaves, structure = jax.tree.flatten(begun)
    fitting = [state if state is not None and _fits(state, leaves) else None for state in states]
    records = [[] if state is None else _records(state) for state in fitting]
    if not any(records):
        return begun, records
    rows = [fitting[row % len(fitting)] for row in range(len(leaves[0]))]
    values = []
    for index, leaf in enumerate(leaves):
        value = np.array(_plain(leaf))
        for row, state in enumerate(rows):
            if state is not None:
                value[row] = state[f"{LEAF}-{index}"]
        values.append(_like(value, leaf))
    return jax.tree.unflatten(structure, values), records


def _fits(state: Mapping[str, np.ndarray], leaves: Sequence[Array]) -> bool:
    """Whether a state has the arrays of a row; another version may have saved other arrays."""
    of_runs = [state.get(f"{LEAF}-{index}") for index in range(len(leaves))]
    shapes = [None if value is None else (value.shape, value.dtype) for value in of_runs]
    return shapes == [(plain.shape[1:], plain.dtype) for plain in (_plain(leaf) for leaf in leaves)]


def _records(state: Mapping[str, np.ndarray]) -> list[Arrays]:
    start = f"{RECORD}-"
    values = {name.removeprefix(start): v for name, v in state.items() if name.startswith(start)}
    number = len(next(iter(values.values())))
    return [{name: value[index] for name, value in values.items()} for index in range(number)]


def _is_key(leaf: Array) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: Array) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _like(value: np.ndarray, leaf: Array) -> Array:
    """The value where the leaf is, so that the same program takes it."""
    array = jax.numpy.asarray(value)
    array = jax.random.wrap_key_data(array) if _is_key(leaf) else array
    return jax.device_put(array, leaf.sharding)
