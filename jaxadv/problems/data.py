"""Real inputs: digits, images, or a user's arrays, as directions that a sweep can scale."""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from jaxadv.problems.images import IMAGES, load_images
from jaxadv.problems.names import suggest

ARRAYS = "arrays x (n, d) and y (n,)"
SIMULATED = ("sphere", "gaussian", "teacher")
"""Inputs that are drawn: uniform on a sphere, or normal; for a teacher normal, with its labels."""
MOST_CLASSES = 1000
LARGEST = 1e30
"""Of users' values: what can be squared in float64 and held in float32."""


@dataclass(frozen=True)
class Examples:
    """Real inputs, free of their scale.

    Attributes:
        directions: the inputs less their mean, each brought to norm √dim; float32.
        labels: the labels as given, ±1 for digits and images; float32.
        classes: the number of each one's class, from 0; None where labels are no such numbers.
    """

    directions: Float[np.ndarray, "example dim"]
    labels: Float[np.ndarray, " example"]
    classes: Int[np.ndarray, " example"] | None = None

    @property
    def dim(self) -> int:
        """d, the number of features."""
        return self.directions.shape[1]

    @property
    def digest(self) -> str:
        """A hash of the values, so that a sweep knows its data wherever the file lies."""
        content = self.directions.tobytes() + self.labels.tobytes()
        return hashlib.sha256(content).hexdigest()[:16]


def load_examples(data: str, folder: str = "") -> Examples | None:
    """The examples that ``data`` names, or None for inputs that are simulated.

    Args:
        data: ``"sphere"``, ``"gaussian"`` or ``"teacher"`` (None is returned), ``"digits"``
            (scikit-learn's 1,797 handwritten digits of 8×8 pixels, d = 64, labels +1 for odd and −1
            for even), ``"mnist"`` or ``"cifar10"`` (`load_images`; d = 784 and 3,072, labels +1 for
            odd digits, and for what is no animal), or the path of an ``.npz`` file with arrays
            ``x`` (n, d) and ``y`` (n,).
        folder: where the files of mnist and cifar10 are.

    Raises:
        ValueError: if there is no such data, or it cannot be used; says why.

    Example:
        >>> load_examples("sphere") is None
        True
    """
    if data in SIMULATED:
        return None
    if data == "digits":
        x, classes = _digits()
        y = signs(classes % 2 == 1)
    elif data in IMAGES:
        x, classes = load_images(data, folder)
        y = signs(np.isin(classes, IMAGES[data]))
    elif data.endswith(".npz"):
        x, y = _read(data)
        classes = _classes(y)
    else:
        hint = suggest(data, (*SIMULATED, "digits", *IMAGES))
        raise ValueError(f"data: unknown {data!r}{hint}, or a file FILE.npz")
    centred = x - x.mean(axis=0)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    # The mean is rounded: a row that equals it may be left with a little noise.
    if (norms <= 64 * np.finfo(float).eps * np.abs(x).max() * x.shape[1] ** 0.5).any():
        row = int(np.argmin(norms))
        raise ValueError(f"data: row {row} of {data!r} is the mean of all rows, without direction")
    directions = centred / norms * x.shape[1] ** 0.5
    return Examples(directions.astype(np.float32), y.astype(np.float32), classes)


def signs(positive: np.ndarray) -> np.ndarray:
    """1 where it holds, −1 elsewhere."""
    return np.where(positive, 1.0, -1.0)


def _classes(labels: np.ndarray) -> np.ndarray | None:
    """Labels as numbers of classes, if they are such."""
    are_whole = (labels == labels.round()) & (labels >= 0) & (labels < MOST_CLASSES)
    return labels.astype(int) if are_whole.all() else None


def _digits() -> tuple[np.ndarray, np.ndarray]:
    if importlib.util.find_spec("sklearn") is None:
        raise ValueError("data: 'digits' needs scikit-learn: pip install 'jaxadv[data]'")
    from sklearn.datasets import load_digits  # noqa: PLC0415  an extra, and slow to import

    x, digit = load_digits(return_X_y=True)
    return np.asarray(x), np.asarray(digit)


def _read(path: str) -> tuple[np.ndarray, np.ndarray]:
    if not Path(path).is_file():
        raise ValueError(f"data: there is no file {path!r}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            x, y = arrays["x"], arrays["y"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"data: {path!r} must be an .npz file with {ARRAYS}: {error}") from error
    if x.ndim != 2 or y.shape != x.shape[:1] or x.size == 0:
        shapes = f"x {x.shape} and y {y.shape}"
        raise ValueError(f"data: {path!r} has {shapes}; need {ARRAYS}")
    if len(y) == 1:
        raise ValueError(f"data: {path!r} has one row, which is its own mean; need two or more")
    try:
        if np.iscomplexobj(x) or np.iscomplexobj(y):
            raise TypeError("complex values")  # noqa: TRY301
        x, y = x.astype(np.float64), y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"data: {path!r} must hold numbers: {error}") from error
    for name, array in (("x", x), ("y", y)):
        if not (np.abs(array) <= LARGEST).all():
            raise ValueError(f"data: {name} in {path!r} has NaN, or values beyond {LARGEST:g}")
    return x, y
