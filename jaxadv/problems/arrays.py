"""Inputs and labels from users' files: the reader of npz, and what every file must hold."""

import zipfile
from pathlib import Path

import numpy as np

Arrays = tuple[np.ndarray, np.ndarray]
"""Inputs (n, d) and labels (n,), one row after the other in memory."""
KEYS = (("x", "y"), ("x_train", "y_train"))
"""Of an npz file; the first pair that it has counts."""
NEEDED = "x (n, d), or images (n, ...), and y (n,)"
LARGEST = 1e30
"""Of users' values: what can be squared in float64 and held in float32."""


def read_npz(path: Path) -> Arrays:
    """The inputs and labels of an npz file: arrays ``x`` and ``y``, or ``x_train`` and ``y_train``.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it cannot be read, or holds something else; names it, and says why in a line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(Path(folder) / "own.npz", x_train=np.ones((5, 28, 28)), y_train=np.ones(5))
        ...     x, y = read_npz(Path(folder) / "own.npz")
        >>> x.shape, y.shape
        ((5, 784), (5,))
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            keys = next((pair for pair in KEYS if names.issuperset(pair)), ())
            arrays = [_member(archive, name) for name in keys]
    except FileNotFoundError:
        raise
    except Exception as error:  # each kind of damage has errors of its own
        raise ValueError(
            f"{str(path)!r} is no .npz file with arrays of numbers, {NEEDED} ({reason_of(error)}); "
            "save one with np.savez('mine.npz', x=x, y=y)"
        ) from error
    if not arrays:
        raise ValueError(
            f"{str(path)!r} has neither x and y nor x_train and y_train, but {sorted(names)[:5]}"
        )
    return check_arrays(path, *arrays)


def check_arrays(source: Path, x: np.ndarray, y: np.ndarray) -> Arrays:
    """Inputs as rows (n, d) and labels (n,), in an order of memory that does not tell the file's.

    Args:
        source: the file or folder that they are from.
        x: of shape (n, ...).
        y: of shape (n,) or (n, 1).

    Raises:
        ValueError: if they have other shapes, or hold what is no number that can be used.

    Example:
        >>> x, y = check_arrays(Path("own.npz"), np.ones((2, 3, 4)), np.ones((2, 1)))
        >>> x.shape, y.shape
        ((2, 12), (2,))
    """
    if x.ndim < 2 or y.shape not in {x.shape[:1], (len(x), 1)} or x.size == 0:
        raise ValueError(f"{str(source)!r} has x {x.shape} and y {y.shape}; need {NEEDED}")
    for name, array in (("x", x), ("y", y)):
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} in {str(source)!r} must hold numbers, not {array.dtype}")
        # NaN is in no range.
        if not (float(array.min()) >= -LARGEST and float(array.max()) <= LARGEST):
            raise ValueError(f"{name} in {str(source)!r} has NaN, or values beyond {LARGEST:g}")
    # Sums are rounded by the order in memory: it must not depend on how the file was saved.
    rows, labels = x.reshape(len(x), -1), y.reshape(-1)
    return (
        np.ascontiguousarray(rows, rows.dtype.newbyteorder("=")),
        np.ascontiguousarray(labels, labels.dtype.newbyteorder("=")),
    )


def reason_of(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)
