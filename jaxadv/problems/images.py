"""MNIST and CIFAR-10 from files that the user has: IDX, npz, and CIFAR's binary version."""

import gzip
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

Images = tuple[np.ndarray, np.ndarray]
"""Pixels (n, d) as float32, and the numbers of the classes (n,)."""
IMAGES: Mapping[str, tuple[int, ...]] = {"mnist": (1, 3, 5, 7, 9), "cifar10": (0, 1, 8, 9)}
"""By name, with the classes whose label is +1 where there are two: odd digits; vehicles."""
SIZES = {"mnist": 784, "cifar10": 3072}
IDX_IMAGES, IDX_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
CIFAR_PARTS = "data_batch_*.bin"
NPZ_KEYS = (("x_train", "y_train"), ("x", "y"))
UNSIGNED_BYTES = 8
"""The type of data in an IDX header."""


def load_images(name: str, folder: str) -> Images:
    """The training images of MNIST or CIFAR-10.

    Looks for ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte`` (also ``.gz``) or
    ``mnist.npz``; for ``data_batch_*.bin`` (the binary version) or ``cifar10.npz``. An npz file has
    arrays ``x_train`` and ``y_train``, or ``x`` and ``y``; pixels of an image in any shape.

    Args:
        name: a key of `IMAGES`.
        folder: where the files are.

    Raises:
        ValueError: if they are not there, or cannot be read; says which.

    Example:
        >>> load_images("mnist", "/nowhere")
        Traceback (most recent call last):
        ValueError: data_dir: there is no folder '/nowhere' with the files of mnist
    """
    place = Path(folder)
    if not folder or not place.is_dir():
        raise ValueError(f"data_dir: there is no folder {folder!r} with the files of {name}")
    npz = place / f"{name}.npz"
    read: dict[str, Callable[[Path], Images]] = {"mnist": _read_idx, "cifar10": _read_binary}
    try:
        pixels, classes = _read_npz(npz) if npz.is_file() else read[name](place)
        pixels = pixels.reshape(len(pixels), -1).astype(np.float32)
        classes = classes.reshape(-1).astype(int)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"data_dir: cannot read {name} in {folder!r}: {error}") from error
    if pixels.shape != (len(classes), SIZES[name]) or not len(classes):
        raise ValueError(
            f"data_dir: {name} in {folder!r} has {pixels.shape} pixels and {len(classes)} labels; "
            f"need (n, {SIZES[name]}) and n"
        )
    return pixels, classes


def _read_npz(path: Path) -> Images:
    with np.load(path, allow_pickle=False) as arrays:
        for x, y in NPZ_KEYS:
            if x in arrays and y in arrays:
                return arrays[x], arrays[y]
    raise ValueError(f"{path.name} has neither x_train and y_train nor x and y")


def _read_idx(folder: Path) -> Images:
    return _idx_array(folder, IDX_IMAGES), _idx_array(folder, IDX_LABELS)


def _idx_array(folder: Path, name: str) -> np.ndarray:
    """An array of bytes: two zeros, the type, the number of dimensions, the sizes, the values."""
    path, packed = folder / name, folder / f"{name}.gz"
    if not path.is_file() and not packed.is_file():
        raise ValueError(f"there is neither {name}[.gz] nor mnist.npz")
    content = path.read_bytes() if path.is_file() else gzip.decompress(packed.read_bytes())
    if content[:3] != bytes([0, 0, UNSIGNED_BYTES]) or len(content) < 4 + 4 * content[3]:
        raise ValueError(f"{name} is no IDX file of bytes")
    sizes = np.frombuffer(content, ">i4", content[3], offset=4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * content[3])
    if values.size != math.prod(sizes.tolist()):
        raise ValueError(f"{name} has {values.size} values, its header says {sizes.tolist()}")
    return values.reshape(sizes)


def _read_binary(folder: Path) -> Images:
    parts = sorted(folder.glob(CIFAR_PARTS))
    if not parts:
        raise ValueError(f"there is neither {CIFAR_PARTS} nor cifar10.npz")
    # A byte for the class, and the pixels.
    rows = [np.fromfile(part, np.uint8).reshape(-1, 1 + SIZES["cifar10"]) for part in parts]
    every = np.concatenate(rows)
    return every[:, 1:], every[:, 0]
