"""Inputs and labels from users' files: the reader of npz files, and checks for all files."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]  # inputs (n, ...) and labels (n,), row by row in memory
Part = Literal["train", "test"]  # of data that is given in two parts
# Of an npz file, by part; the first pair that it has is read.
KEYS: Mapping[Part, tuple[tuple[str, str], ...]] = {
    "train": (("x", "y"), ("x_train", "y_train")),
    "test": (("x_test", "y_test"),),
}
NEEDED = "x (n, d), or images (n, ...), and y (n,)"
LARGEST = 1e30  # of users' values: float32 has room for it, and float64 for its square


def read_npz(path: Path, part: Part = "train") -> Arrays:
    """The inputs (n, ...) and labels (n,) of an npz file: x and y, or x_train and y_train.

    Args:
        path: the file.
        part: whether to read these, or x_test and y_test.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it cannot be read, or holds something else; names the file and the reason.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(Path(folder) / "own.npz", x_train=np.ones((5, 28, 28)), y_train=np.ones(5))
        ...     x, y = read_npz(Path(folder) / "own.npz")
        >>> x.shape, y.shape
        ((5, 28, 28), (5,))
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            keys = next((pair for pair in KEYS[part] if names.issuperset(pair)), ())
            arrays = [_member(archive, name) for name in keys]
    except FileNotFoundError:
        raise
    except Exception as error:  # each kind of damage has errors of its own
        raise ValueError(
            f"{str(path)!r} is no .npz file with arrays of numbers, {NEEDED} ({reason_of(error)}); "
            "save one with np.savez('mine.npz', x=x, y=y)"
        ) from error
    if not arrays:
        needed = " nor ".join(" and ".join(pair) for pair in KEYS[part])
        raise ValueError(f"{str(path)!r} has neither {needed}, but {sorted(names)[:5]}")
    return check_arrays(path, *arrays)


def check_arrays(source: Path, x: np.ndarray, y: np.ndarray) -> Arrays:
    """Inputs (n, ...) and labels (n,), in one order of memory, whatever that of the file.

    Args:
        source: the file or folder that they are from.
        x: of shape (n, ...).
        y: of shape (n,) or (n, 1).

    Raises:
        ValueError: if they have other shapes, or values that are no numbers or too large.

    Example:
        >>> x, y = check_arrays(Path("own.npz"), np.ones((2, 3, 4)), np.ones((2, 1)))
        >>> x.shape, y.shape
        ((2, 3, 4), (2,))
    """
    if x.ndim < 2 or y.shape not in {x.shape[:1], (len(x), 1)} or x.size == 0:
        raise ValueError(f"{str(source)!r} has x {x.shape} and y {y.shape}; need {NEEDED}")
    for name, array in (("x", x), ("y", y)):
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} in {str(source)!r} must hold numbers, not {array.dtype}")
        # A NaN fails this comparison as well.
        if not (float(array.min()) >= -LARGEST and float(array.max()) <= LARGEST):
            raise ValueError(f"{name} in {str(source)!r} has NaN, or values beyond {LARGEST:g}")
    # The rounding of sums depends on the order in memory, which must not depend on the file.
    return (
        np.ascontiguousarray(x, x.dtype.newbyteorder("=")),
        np.ascontiguousarray(y.reshape(-1), y.dtype.newbyteorder("=")),
    )


def reason_of(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)
