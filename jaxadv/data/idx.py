"""MNIST and its like: IDX files, packed or not, in a folder or in torchvision's below it."""

import gzip
import math
from pathlib import Path

import numpy as np

from jaxadv.data.arrays import Arrays, Part, check_arrays, reason_of

PREFIXES = {"train": "train", "test": "t10k"}
KINDS = (("images", 3), ("labels", 1))  # of files, with the dimensions of their arrays
UNSIGNED_BYTES = 8  # the type of the values in a header
# Folders below the one that is given, as torchvision makes them; the first ones are MNIST's.
BELOW = ("", "raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw")
OF_MNIST = BELOW[:3]


def find_idx(folder: Path, part: Part, places: tuple[str, ...] = BELOW) -> tuple[Path, Path] | None:
    """The files of images and of labels; None if there is neither.

    Args:
        folder: where they are, or in which one of the places below it.
        part: the training or the test part.
        places: folders below it.

    Raises:
        ValueError: if there is only one of them, or there are several data sets.
    """
    pairs = []
    for below in places:
        names = [(f"{PREFIXES[part]}-{kind}", ndim) for kind, ndim in KINDS]
        paths = [_path(folder / below, name, ndim) for name, ndim in names]
        images, labels = paths
        if images and labels:
            pairs.append((images, labels))
            continue
        for path, (name, ndim) in zip(paths, names, strict=True):
            if path is None and any(paths):
                where = str(folder / below)
                raise ValueError(f"in {where!r} there is no {name}-idx{ndim}-ubyte[.gz]")
    if len(pairs) > 1:
        listed = ", ".join(str(images.parent) for images, _ in pairs)
        raise ValueError(f"{str(folder)!r} holds several data sets, {listed}; give one of them")
    return pairs[0] if pairs else None


def _path(folder: Path, name: str, ndim: int) -> Path | None:
    # Some copies have a dot for the second dash.
    candidates = (
        folder / f"{name}{dash}idx{ndim}-ubyte{packed}" for dash in "-." for packed in ("", ".gz")
    )
    return next((path for path in candidates if path.is_file()), None)


def read_idx(files: tuple[Path, Path]) -> Arrays:
    """Images (n, height, width) of bytes, and labels (n,).

    Raises:
        ValueError: if a file is damaged, or they do not fit; names the file.
    """
    images, labels = _array(files[0], 3), _array(files[1], 1)
    return check_arrays(files[0].parent, images, labels)


def _array(path: Path, ndim: int) -> np.ndarray:
    """An array of bytes: two zeros, the type, the number of dimensions, the sizes, the values."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except Exception as error:  # each kind of damage has errors of its own
            reason = reason_of(error)
            raise ValueError(f"{str(path)!r} is no whole gzip file: {reason}") from error
    if content[:4] != bytes([0, 0, UNSIGNED_BYTES, ndim]) or len(content) < 4 + 4 * ndim:
        raise ValueError(f"{str(path)!r} is no IDX file of bytes in {ndim} dimensions")
    sizes = np.frombuffer(content, ">u4", ndim, offset=4)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * ndim)
    if values.size != math.prod(sizes.tolist()):
        raise ValueError(
            f"{str(path)!r} has {values.size} values, its header says {sizes.tolist()}"
        )
    return values.reshape(sizes)
