"""CIFAR-10 as its authors give it: binary or Python files, in a folder or in the archive."""

import io
import pickle
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from jaxadv.data.arrays import Arrays, Part, check_arrays, reason_of

SHAPE = (3, 32, 32)
NUM_PIXELS = 3072
# The names of the files, the binary ones with an ending.
PARTS = {"train": r"data_batch_\d+(\.bin)?", "test": r"test_batch(\.bin)?"}
BELOW = ("", "cifar-10-batches-bin", "cifar-10-batches-py")  # folders in that which is given
ARCHIVES = ("cifar-10-binary.tar.gz", "cifar-10-python.tar.gz")


def find_cifar(source: Path, part: Part) -> list[Path] | None:
    """The files of a part, or the archive; None if there are none."""
    if source.is_file():
        is_batch = re.fullmatch(PARTS[part], source.name)
        return [source] if is_batch or source.name.endswith((".tar.gz", ".tgz", ".tar")) else None
    for below in BELOW:
        folder = source / below
        if folder.is_dir():
            paths = [path for path in folder.iterdir() if re.fullmatch(PARTS[part], path.name)]
            # The folder of the archive holds one kind alone.
            if paths:
                return sorted(paths)
    return next(([source / name] for name in ARCHIVES if (source / name).is_file()), None)


def read_cifar(files: list[Path], part: Part) -> Arrays:
    """Images (n, 32, 32, 3) of bytes, and classes (n,).

    Raises:
        ValueError: if a file is damaged; names it.
    """
    batches = [_batch(name, content) for name, content in _contents(files, part)]
    pixels, classes = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    images = pixels.reshape(-1, *SHAPE).transpose(0, 2, 3, 1)
    return check_arrays(files[0].parent, images, classes)


def _contents(files: list[Path], part: Part) -> Iterator[tuple[str, bytes]]:
    """The name of each file, and what is in it."""
    if not re.fullmatch(PARTS[part], files[0].name):
        yield from _members(files[0], part)
        return
    for path in files:
        yield str(path), path.read_bytes()


def _members(archive: Path, part: Part) -> list[tuple[str, bytes]]:
    """Those of an archive."""
    contents = []
    try:
        with tarfile.open(archive) as files:
            for member in files:
                if re.fullmatch(PARTS[part], Path(member.name).name) and member.isfile():
                    file = files.extractfile(member)
                    assert file is not None
                    contents.append((f"{archive}:{member.name}", file.read()))
    except Exception as error:  # each kind of damage has errors of its own
        raise ValueError(f"{str(archive)!r} is no whole archive: {reason_of(error)}") from error
    if not contents:
        raise ValueError(f"{str(archive)!r} holds no files of CIFAR-10, such as data_batch_1")
    return sorted(contents)


def _batch(name: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The pixels (n, 3072) and classes (n,) of a file."""
    if not name.endswith(".bin"):
        return _pickled(name, content)
    length = 1 + NUM_PIXELS
    if not content or len(content) % length:
        raise ValueError(f"{name!r} has {len(content)} bytes; need a multiple of {length}")
    rows = np.frombuffer(content, np.uint8).reshape(-1, length)
    return rows[:, 1:], rows[:, 0]


def _pickled(name: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Those of a Python file, a pickled dictionary."""
    try:
        batch = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
        pixels, classes = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"])
    except Exception as error:  # each kind of damage has errors of its own
        reason = reason_of(error)
        raise ValueError(f"{name!r} is no Python file of CIFAR-10: {reason}") from error
    if pixels.shape != (len(classes), NUM_PIXELS) or pixels.dtype != np.uint8:
        raise ValueError(
            f"{name!r} has data of shape {pixels.shape} and type {pixels.dtype}; need "
            f"({len(classes)}, {NUM_PIXELS}) of uint8"
        )
    return pixels, classes


class _ArraysOnly(pickle.Unpickler):
    """Unpickles arrays of NumPy and built-in containers: a file can run no code."""

    allowed: ClassVar[Mapping[tuple[str, str], str]] = {
        ("numpy.core.multiarray", "_reconstruct"): "numpy._core.multiarray",
        ("numpy._core.multiarray", "_reconstruct"): "numpy._core.multiarray",
        ("numpy", "ndarray"): "numpy",
        ("numpy", "dtype"): "numpy",
        ("_codecs", "encode"): "_codecs",
    }

    def find_class(self, module: str, name: str) -> Any:
        """A constructor of arrays; everything else is refused."""
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no array")
        return super().find_class(self.allowed[module, name], name)
