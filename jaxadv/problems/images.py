"""MNIST and CIFAR-10 from files of the user: IDX, npz, and the binary version of CIFAR."""

import gzip
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from jaxadv.problems.arrays import Arrays, check_arrays, read_npz, reason_of

# By name, the classes whose label is +1 where labels are signs: odd digits, and vehicles.
IMAGES: Mapping[str, tuple[int, ...]] = {"mnist": (1, 3, 5, 7, 9), "cifar10": (0, 1, 8, 9)}
SIZES = {"mnist": 784, "cifar10": 3072}
# The files of images and of labels, with the dimensions of their arrays.
IDX_DIMENSIONS = {"train-images-idx3-ubyte": 3, "train-labels-idx1-ubyte": 1}
CIFAR_PARTS = "data_batch_*.bin"
NUM_CLASSES = 10
UNSIGNED_BYTES = 8  # the type of the values in an IDX header


def load_images(name: str, folder: str) -> Arrays:
    """The training images of MNIST or CIFAR-10: pixels (n, d) as float32, and classes (n,).

    It looks for ``mnist.npz``, or ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte`` (also
    ``.gz``); for ``cifar10.npz``, or ``data_batch_*.bin`` (the binary version). An npz file is one
    that `read_npz` takes.

    Args:
        name: a key of `IMAGES`.
        folder: where the files are; ``~`` is the user's home.

    Raises:
        ValueError: if they are not there, or cannot be read; says which.

    Example:
        >>> load_images("mnist", "/nowhere")
        Traceback (most recent call last):
        ValueError: data_dir: there is no folder '/nowhere' with the files of mnist
    """
    if not folder:
        raise ValueError(f"data_dir: {name} needs the folder with its files; give data_dir")
    try:
        pixels, classes = _read(name, Path(folder).expanduser())
    except ValueError as error:
        raise ValueError(f"data_dir: {error}") from error
    except (OSError, RuntimeError) as error:  # RuntimeError: of a home that is not known
        raise ValueError(f"data_dir: cannot read {folder!r}: {reason_of(error)}") from error
    return pixels.astype(np.float32), classes.astype(int)


def _read(name: str, folder: Path) -> Arrays:
    if not folder.is_dir():
        raise ValueError(f"there is no folder {str(folder)!r} with the files of {name}")
    readers: dict[str, Callable[[Path], Arrays]] = {"mnist": _read_idx, "cifar10": _read_binary}
    npz = folder / f"{name}.npz"
    source, read = (npz, read_npz) if npz.is_file() else (folder, readers[name])
    pixels, classes = read(source)
    if pixels.shape[1] != SIZES[name]:
        raise ValueError(
            f"images in {str(source)!r} have {pixels.shape[1]} pixels; {name} needs {SIZES[name]}"
        )
    if not np.isin(classes, range(NUM_CLASSES)).all():
        raise ValueError(
            f"labels in {str(source)!r} must be whole numbers from 0 to {NUM_CLASSES - 1}"
        )
    return pixels, classes


def _read_idx(folder: Path) -> Arrays:
    return check_arrays(folder, *(_idx_array(folder, name) for name in IDX_DIMENSIONS))


def _idx_array(folder: Path, name: str) -> np.ndarray:
    """An array of bytes: two zeros, the type, the number of dimensions, the sizes, the values."""
    path = folder / name
    if not path.is_file():
        path = folder / f"{name}.gz"
    if not path.is_file():
        raise ValueError(f"in {str(folder)!r} there is neither {name}[.gz] nor mnist.npz")
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except Exception as error:  # each kind of damage has errors of its own
            reason = reason_of(error)
            raise ValueError(f"{str(path)!r} is no whole gzip file: {reason}") from error
    ndim = IDX_DIMENSIONS[name]
    if content[:4] != bytes([0, 0, UNSIGNED_BYTES, ndim]) or len(content) < 4 + 4 * ndim:
        raise ValueError(f"{str(path)!r} is no IDX file of bytes in {ndim} dimensions")
    sizes = np.frombuffer(content, ">u4", ndim, offset=4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * ndim)
    if values.size != math.prod(sizes.tolist()):
        raise ValueError(
            f"{str(path)!r} has {values.size} values, its header says {sizes.tolist()}"
        )
    return values.reshape(sizes)


def _read_binary(folder: Path) -> Arrays:
    parts = sorted(folder.glob(CIFAR_PARTS))
    if not parts:
        raise ValueError(f"in {str(folder)!r} there is neither {CIFAR_PARTS} nor cifar10.npz")
    rows = np.concatenate([_binary_rows(part) for part in parts])
    return check_arrays(folder, rows[:, 1:], rows[:, 0])


def _binary_rows(part: Path) -> np.ndarray:
    """For each image a byte for the class, and the pixels."""
    content, length = part.read_bytes(), 1 + SIZES["cifar10"]
    if len(content) % length:
        raise ValueError(f"{str(part)!r} has {len(content)} bytes; need a multiple of {length}")
    return np.frombuffer(content, np.uint8).reshape(-1, length)
