"""Locks on a folder, for one run alone or for several that share it; a crash releases them."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import portalocker
from portalocker import AlreadyLocked, LockException, LockFlags


@contextlib.contextmanager
def locked(path: Path, *, shared: bool = False, wait: bool = False) -> Iterator[None]:
    """Hold a lock on a file, which is made if it is not there and stays.

    The operating system holds it: it ends with the process, however that ends.

    Args:
        path: the file.
        shared: whether others may hold a shared lock at the same time.
        wait: whether to wait for other processes instead of raising an error.

    Raises:
        ValueError: if another process holds the lock.
        OSError: if the file cannot be made.

    Warns:
        UserWarning: if the file system has no locks; goes on without one.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, locked(Path(folder) / ".lock"):
        ...     pass
    """
    flags = LockFlags.SHARED if shared else LockFlags.EXCLUSIVE
    with _opened(path) as file:
        try:
            portalocker.lock(file, flags if wait else flags | LockFlags.NON_BLOCKING)
        except AlreadyLocked as error:
            raise ValueError(
                f"store: {str(path.parent)!r} is in use by another run; let it end, or give "
                "another folder"
            ) from error
        except LockException as error:
            reason = f"the file system of {str(path.parent)!r} has no locks ({error})"
            warnings.warn(f"{reason}: see to it that no two runs share it", stacklevel=3)
        yield


def _opened(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise OSError(f"store: cannot write to {str(path.parent)!r}: {error.strerror}") from error
