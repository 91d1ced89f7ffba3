"""Where a store is, and whether what is there is ours: folders, and addresses of fsspec."""

import contextlib
import errno
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import zarr
from upath import UPath
from zarr.abc.store import Store as ZarrStore
from zarr.storage import FsspecStore, LocalStore

from jaxadv.grid.identity import Identity

Place = Path | UPath  # a local path, or an address of fsspec
DATA = "data.zarr"
ROOT = "zarr.json"
UNFINISHED = ".partial"  # ends the name of a file that zarr has not written whole
FORMAT = 2  # the format of stores; a store of another format is refused
MAKER = "jaxadv"  # the attribute "maker" of every store that is ours
# What zarr and its codecs raise at damaged files. `OSError` is not among them: it may pass.
DAMAGED = (ValueError, KeyError, TypeError, RuntimeError)


def place(path: str | Path) -> Place:
    """Where a store is to be: a local path, or an fsspec address such as ``s3://bucket/run``.

    A local path may begin with ``~``, the user's home.

    Raises:
        ValueError: if the address cannot be reached, or nothing is known of its protocol.

    Example:
        >>> place("results/run"), place("file:///data/run")
        (PosixPath('results/run'), PosixPath('/data/run'))
    """
    try:
        address = UPath(path)
        if address.protocol not in ("", "file", "local"):
            # Listings that a process keeps would hide what other processes write.
            address = UPath(path, use_listings_cache=False)
            address.exists()
            return address
        return Path(address.path).expanduser()
    except Exception as error:  # each file system has errors of its own
        raise ValueError(f"store: cannot reach {str(path)!r}: {error}") from error


def address_of(path: Place) -> str:
    """The address of a place, the same from every folder."""
    return str(path.resolve()) if isinstance(path, Path) else str(path)


def check(path: Place, identity: Identity | None = None) -> None:
    """Refuse a path that cannot hold a store, or that holds a store of another identity.

    Raises:
        ValueError: if the path is a file, or holds something else.
    """
    group = open_group(path)
    if group is not None and identity is not None and "identity" in group.attrs:
        identity.check(str(path), dict(group.attrs))


def delete(path: Place) -> None:
    """Delete the data of a store, if there is one; other files beside it stay.

    Raises:
        ValueError: if there is something that is no store of ours, or a newer one.
        OSError: if it cannot be deleted.
    """
    if open_group(path) is None:
        return
    data = path / DATA
    with writing(str(path)):
        # The root goes last: a kill leaves a store, which can be deleted again.
        for part in _parts(data):
            if part.is_dir():
                shutil.rmtree(part) if isinstance(part, Path) else part.rmdir(recursive=True)
            elif part.name.endswith(UNFINISHED):
                part.unlink()
        (data / ROOT).unlink()


def open_group(path: Place) -> zarr.Group | None:
    """The group of the store at ``path``; None if there is nothing.

    Raises:
        ValueError: if the path is a file, or holds something else, or cannot be read.
    """
    # The keys of an object store have no parents, and one may not be allowed to look at them.
    folders = (path, *path.parents) if isinstance(path, Path) else (path,)
    data = path / DATA
    with reaching(str(path)):
        nearest = next((folder for folder in folders if folder.exists()), path)
        if nearest.is_file():
            raise ValueError(f"store: {str(nearest)!r} is a file; give a folder")
        # A kill while a store is created can leave an empty folder.
        if all(part.name.endswith(UNFINISHED) for part in _parts(data)):
            return None
    try:
        group = zarr.open_group(zarr_store(path), mode="r+", use_consolidated=False)
    except (*DAMAGED, OSError) as error:
        raise ValueError(
            f"store: cannot read {str(data / ROOT)!r} ({error}); put it back, or give another "
            "folder"
        ) from error
    if group.attrs.get("maker") != MAKER:
        raise ValueError(f"store: {str(data)!r} was not made by jaxadv; give another folder")
    stored_format = group.attrs.get("format")
    if stored_format != FORMAT:
        raise ValueError(
            f"store: {str(path)!r} has format {stored_format}, this version of jaxadv reads "
            f"{FORMAT}; use the version that made it, or give another folder"
        )
    return group


def _parts(data: Place) -> list[Place]:
    return list(data.iterdir()) if data.exists() else []


def zarr_store(path: Place) -> ZarrStore:
    """What zarr writes to."""
    if isinstance(path, Path):
        return LocalStore(path / DATA)
    return AddressStore.from_url(str(path / DATA), storage_options=dict(path.storage_options))


class AddressStore(FsspecStore):
    """zarr's store at an address: whatever its file system raises becomes an `OSError`."""

    async def get(self, *args: Any, **kwargs: Any) -> Any:
        """As in `FsspecStore`."""
        with reaching(self.path):
            return await super().get(*args, **kwargs)

    async def set(self, *args: Any, **kwargs: Any) -> None:
        """As in `FsspecStore`."""
        with reaching(self.path):
            await super().set(*args, **kwargs)

    async def delete(self, key: str) -> None:
        """As in `FsspecStore`."""
        with reaching(self.path):
            await super().delete(key)

    async def exists(self, key: str) -> bool:
        """As in `FsspecStore`."""
        with reaching(self.path):
            return await super().exists(key)

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """As in `FsspecStore`."""
        with reaching(self.path):
            async for name in super().list_dir(prefix):
                yield name


@contextlib.contextmanager
def reaching(name: str) -> Iterator[None]:
    """Turn what file systems raise, each its own errors, into an `OSError` in one line.

    Example:
        >>> with reaching("s3://bucket/run"):
        ...     raise Exception("no credentials")
        Traceback (most recent call last):
        OSError: [Errno 5] no credentials: 's3://bucket/run'
    """
    try:
        yield
    except (OSError, *DAMAGED):
        raise
    except Exception as error:
        raise OSError(errno.EIO, " ".join(str(error).split()), name) from error


@contextlib.contextmanager
def writing(name: str) -> Iterator[None]:
    """Make one line of a failed write's `OSError`, with the name of the store."""
    try:
        with reaching(name):
            yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(
            f"store: cannot write to {name!r}: {reason}; what was complete is kept"
        ) from error


def replace_file(path: Place, content: bytes) -> None:
    """Write a file whole or not at all, in place of an earlier one.

    Raises:
        OSError: if it cannot be written.
    """
    if not isinstance(path, Path):
        # An object store shows a file only once all of it is written.
        path.write_bytes(content)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
