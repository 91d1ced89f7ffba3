"""The states of long work, from which a run goes on that was stopped before its records.

The state of a replicate is a few arrays in one file beside the store's data. It can be on any file
system of fsspec and is read on any number of devices. (Checkpoint libraries such as orbax keep one
sharded tree of all devices, on disks and in a few clouds. Nothing here is sharded, and blocks end
at different times.)
"""

import hashlib
import io
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxadv.grid.places import Place, reaching, replace_file, writing

FOLDER = "states"


class States:
    """The states of some cells' replicates; without a store none is kept.

    The name of a state's file has a hash of all that its values depend on, so that another grid in
    the same folder never takes it.

    Args:
        path: where the store is; None if it is in memory.
        depends_on: what the states depend on beside the replicate, as JSON has it.

    Example:
        >>> States(None, {"seed": 0}).load(0) is None
        True
    """

    def __init__(self, path: Place | None, depends_on: Any) -> None:
        self._folder = None if path is None else path / FOLDER
        text = json.dumps(depends_on, sort_keys=True)
        self._key = hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def are_kept(self) -> bool:
        """Whether states are kept; each one must be copied from its device."""
        return self._folder is not None

    def save(self, replicate: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the state of a replicate, in place of an earlier one.

        Raises:
            OSError: if it cannot be written.
        """
        if self._folder is None:
            return
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        with writing(str(self._folder.parent)):
            replace_file(self._file(self._folder, replicate), content.getvalue())

    def load(self, replicate: int) -> dict[str, np.ndarray] | None:
        """The state of a replicate; None if none was kept, or the file is damaged.

        Raises:
            OSError: if the place cannot be reached.
        """
        if self._folder is None:
            return None
        file = self._file(self._folder, replicate)
        with reaching(str(file)):
            if not file.exists():
                return None
        try:
            with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as kept:
                # An array whose header is damaged may end before its checksum is looked at.
                return None if kept.zip.testzip() is not None else dict(kept)
        except Exception:  # noqa: BLE001  each kind of damage has errors of its own
            return None

    def keep_file(self, name: str, content: bytes) -> None:
        """Keep a file in the store's folder, beside its data; nothing is done without a store.

        Args:
            name: of the file in the store, such as ``"networks/one.safetensors"``.
            content: what it holds.

        Raises:
            OSError: if it cannot be written.
        """
        if self._folder is None:
            return
        with writing(str(self._folder.parent)):
            replace_file(self._folder.parent / name, content)

    def delete(self, replicates: Iterable[int]) -> None:
        """Delete the states of replicates whose records are complete.

        Raises:
            OSError: if they cannot be deleted.
        """
        if self._folder is None:
            return
        with writing(str(self._folder.parent)):
            if not self._folder.exists():
                return
            for replicate in replicates:
                file = self._file(self._folder, replicate)
                file.unlink(missing_ok=True)
                if isinstance(file, Path):
                    # A kill leaves files that were not written whole.
                    for unfinished in file.parent.glob(f".{file.name}-*"):
                        unfinished.unlink(missing_ok=True)

    def _file(self, folder: Place, replicate: int) -> Place:
        return folder / f"{self._key}-{replicate}.npz"


def delete_states(path: Place) -> None:
    """Delete all states of a store that is begun anew.

    Raises:
        OSError: if they cannot be deleted.
    """
    folder = path / FOLDER
    with writing(str(path)):
        if folder.exists():
            shutil.rmtree(folder) if isinstance(folder, Path) else folder.rmdir(recursive=True)
