"""Where runs are between two evaluations, so that a run that was stopped can go on."""

import io
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from jaxtyping import Array

from jaxadv.stores.places import Place
from jaxadv.stores.store import Store

T = TypeVar("T")
FILE = "checkpoint.npz"
NOTE = "checkpoints"


class Checkpoint:
    """The state of the networks that are under way, in one file beside a store's data.

    The file is replaced as a whole. It is good for the store that it was written for: one that was
    begun anew has another mark.

    Args:
        store: the store.
        path: where it is; None if it is in memory, and nothing is kept.
    """

    def __init__(self, store: Store, path: Place | None) -> None:
        self._path = path
        if "mark" not in store.note_of(NOTE):
            store.note(NOTE, {"mark": uuid.uuid4().hex})
        self._mark = store.note_of(NOTE)["mark"]

    def save(self, state: Any, networks: Sequence[int], evaluations: int) -> None:
        """Keep the state of some networks after so many evaluations."""
        if self._path is None:
            return
        leaves = [_plain(leaf) for leaf in jax.tree.leaves(state)]
        content = io.BytesIO()
        np.savez(
            content,
            *leaves,
            mark=np.array(self._mark),
            networks=np.array(networks),
            evaluations=np.array(evaluations),
        )
        path = self._path / FILE
        if isinstance(path, Path):
            unfinished = path.with_suffix(".partial")
            unfinished.write_bytes(content.getvalue())
            unfinished.replace(path)
        else:
            path.write_bytes(content.getvalue())

    def load(self, begun: T, networks: Sequence[int]) -> tuple[T, int]:
        """The state that was kept of these networks, and after how many evaluations.

        Args:
            begun: the networks' state at the beginning, returned with 0 if nothing was kept, or the
                file is damaged or of another version.
            networks: which.
        """
        path = None if self._path is None else self._path / FILE
        if path is None or not path.exists():
            return begun, 0
        leaves, structure = jax.tree.flatten(begun)
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept:
                # An array whose header is damaged may end before its checksum is looked at.
                if kept.zip.testzip() is not None:
                    return begun, 0
                if str(kept["mark"]) != self._mark or kept["networks"].tolist() != list(networks):
                    return begun, 0
                values = [kept[f"arr_{index}"] for index in range(len(leaves))]
                evaluations = int(kept["evaluations"])
        except Exception:  # noqa: BLE001  each kind of damage has errors of its own
            return begun, 0
        if [_kind(value) for value in values] != [_kind(_plain(leaf)) for leaf in leaves]:
            # Written by a version whose runs were made of other parts.
            return begun, 0
        back = [_like(value, leaf) for value, leaf in zip(values, leaves, strict=True)]
        return jax.tree.unflatten(structure, back), evaluations

    def delete(self) -> None:
        """Delete the file: its networks are complete."""
        if self._path is not None:
            (self._path / FILE).unlink(missing_ok=True)


def _kind(array: np.ndarray) -> tuple[tuple[int, ...], np.dtype]:
    return array.shape, array.dtype


def _is_key(leaf: Array) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: Array) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _like(value: np.ndarray, leaf: Array) -> Array:
    """The value where the leaf is, so that the same program takes it."""
    with jax.enable_x64(True):
        array = jax.numpy.asarray(value)
        array = jax.random.wrap_key_data(array) if _is_key(leaf) else array
        return jax.device_put(array, leaf.sharding)
