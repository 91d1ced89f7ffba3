"""Real inputs: digits, images, or a user's arrays, as directions that a sweep can scale."""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from jaxadv.problems.arrays import Arrays, read_npz
from jaxadv.problems.images import IMAGES, load_images
from jaxadv.problems.names import suggest

# Data that is drawn: inputs uniform on a sphere, normal, or normal with the labels of a teacher.
SIMULATED = ("sphere", "gaussian", "teacher")
MOST_CLASSES = 1000
SIGNS = (-1.0, 1.0)  # the labels of two classes for networks with one output


@dataclass(frozen=True)
class Examples:
    """Real inputs, free of their scale.

    Attributes:
        directions: the inputs minus their mean, each scaled to norm √dim; float32.
        labels: the labels as given, ±1 for digits and images; float32.
        classes: the class of each input, a number from 0; None if the labels are no such numbers.
        are_named: whether labels only name classes, as ``y`` of an integer type does from 0 on.
            Floats are numbers to regress on, even if they are whole.
    """

    directions: Float[np.ndarray, "example dim"]
    labels: Float[np.ndarray, " example"]
    classes: Int[np.ndarray, " example"] | None = None
    are_named: bool = False

    @property
    def dim(self) -> int:
        """d, the number of features."""
        return self.directions.shape[1]

    @property
    def are_signs(self) -> bool:
        """Whether all labels are −1 or 1."""
        return bool(np.isin(self.labels, SIGNS).all())

    @property
    def digest(self) -> str:
        """A hash of directions and labels, by which a store knows its data wherever the file is.

        It is the hash of the float32 values that a run sees, whatever the order of memory or of
        bytes. Files that differ only within that rounding, or only in their mean or scale, are the
        same data. The hash does not have the dimension; of the classes of images it has only the
        labels ±1.
        """
        parts = (np.ascontiguousarray(values, "<f4") for values in (self.directions, self.labels))
        return hashlib.sha256(b"".join(values.tobytes() for values in parts)).hexdigest()[:16]


def load_examples(data: str, folder: str = "") -> Examples | None:
    """The examples that ``data`` names, or None for inputs that are simulated.

    Args:
        data: ``"sphere"``, ``"gaussian"`` or ``"teacher"`` (None is returned), ``"digits"``
            (scikit-learn's 1,797 handwritten digits of 8×8 pixels, d = 64, labels +1 for odd and −1
            for even), ``"mnist"`` or ``"cifar10"`` (`load_images`; d = 784 and 3,072, labels +1 for
            odd digits, and for what is no animal), or the path of an ``.npz`` file that `read_npz`
            takes.
        folder: where the files of mnist and cifar10 are.

    Raises:
        ValueError: if there is no such data, or it cannot be used; says why.

    Example:
        >>> load_examples("sphere") is None
        True
    """
    if data in SIMULATED:
        return None
    are_named = False
    if data == "digits":
        x, classes = _digits()
        y = signs(classes % 2 == 1)
    elif data in IMAGES:
        x, classes = load_images(data, folder)
        y = signs(np.isin(classes, IMAGES[data]))
    elif data.endswith(".npz"):
        x, y = _read(data)
        is_integer = y.dtype.kind in "biu"
        x, y = x.astype(np.float64), y.astype(np.float64)
        classes = _classes(y)
        are_named = is_integer and classes is not None
    else:
        hint = suggest(data, (*SIMULATED, "digits", *IMAGES))
        raise ValueError(f"data: unknown {data!r}{hint}, or a file FILE.npz")
    if len(x) == 1:
        raise ValueError(f"data: {data!r} has one row, which is its own mean; need two or more")
    centred = x - x.mean(axis=0)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    # The mean is rounded, so that a row that equals it may differ from it by a little noise.
    if (norms <= 64 * np.finfo(float).eps * np.abs(x).max() * x.shape[1] ** 0.5).any():
        row = int(np.argmin(norms))
        raise ValueError(f"data: row {row} of {data!r} is the mean of all rows, without direction")
    directions = centred / norms * x.shape[1] ** 0.5
    return Examples(directions.astype(np.float32), y.astype(np.float32), classes, are_named)


def signs(positive: np.ndarray) -> np.ndarray:
    """1 where ``positive`` holds, −1 elsewhere."""
    return np.where(positive, 1.0, -1.0)


def _classes(labels: np.ndarray) -> np.ndarray | None:
    """Labels as numbers of classes; None if they are no such numbers."""
    are_whole = (labels == labels.round()) & (labels >= 0) & (labels < MOST_CLASSES)
    return labels.astype(int) if are_whole.all() else None


def _digits() -> tuple[np.ndarray, np.ndarray]:
    if importlib.util.find_spec("sklearn") is None:
        raise ValueError("data: 'digits' needs scikit-learn: pip install 'jaxadv[data]'")
    from sklearn.datasets import load_digits  # noqa: PLC0415  an extra, and slow to import

    x, digit = load_digits(return_X_y=True)
    return np.asarray(x), np.asarray(digit)


def _read(path: str) -> Arrays:
    try:
        return read_npz(Path(path).expanduser())
    except FileNotFoundError:
        raise ValueError(f"data: there is no file {path!r}") from None
    except (ValueError, RuntimeError) as error:  # RuntimeError: of a home that is not known
        raise ValueError(f"data: {error}") from error
