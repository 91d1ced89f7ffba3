"""Real inputs of experiments, as vectors that an input scale multiplies."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from jaxadv.data.images import as_pixels
from jaxadv.data.sources import read

# Data that is drawn: inputs uniform on a sphere, normal, or normal with the labels of a teacher.
SIMULATED = ("sphere", "gaussian", "teacher")
MOST_CLASSES = 1000
# By name, the classes whose label is +1 where labels are signs: odd digits, and vehicles.
ODD = (1, 3, 5, 7, 9)
POSITIVE: Mapping[str, tuple[int, ...]] = {
    "digits": ODD, "mnist5k": ODD, "mnist": ODD, "cifar10": (0, 1, 8, 9)
}  # fmt: skip
SIGNS = (-1.0, 1.0)  # the labels of two classes for networks with one output


@dataclass(frozen=True)
class Examples:
    """Real inputs, before the input scale multiplies them.

    Attributes:
        inputs: as `load_examples` makes them, by default minus their mean and each scaled to norm
            √dim; float32.
        labels: the labels as given, ±1 for digits and images; float32.
        classes: the class of each input, a number from 0; None if the labels are no such numbers.
        are_named: whether labels only name classes, as ``y`` of an integer type does from 0 on.
            Floats are numbers to regress on, even if they are whole.
    """

    inputs: Float[np.ndarray, "example dim"]
    labels: Float[np.ndarray, " example"]
    classes: Int[np.ndarray, " example"] | None = None
    are_named: bool = False

    @property
    def dim(self) -> int:
        """d, the number of features."""
        return self.inputs.shape[1]

    @property
    def are_signs(self) -> bool:
        """Whether all labels are −1 or 1."""
        return bool(np.isin(self.labels, SIGNS).all())

    @property
    def digest(self) -> str:
        """A hash of inputs and labels, by which a store knows its data wherever the file is.

        It is the hash of the float32 values that a run sees, whatever the order of memory or of
        bytes. Files whose inputs differ only within that rounding are the same data. Where inputs
        are directions, so are files that differ only in their mean or scale. The hash does not have
        the dimension; of the classes of images it has only the labels ±1.
        """
        parts = (np.ascontiguousarray(values, "<f4") for values in (self.inputs, self.labels))
        return hashlib.sha256(b"".join(values.tobytes() for values in parts)).hexdigest()[:16]


def load_examples(data: str, folder: str = "", kind: str = "directions") -> Examples | None:
    """The examples that ``data`` names, or None for inputs that are simulated.

    Args:
        data: ``"sphere"``, ``"gaussian"`` or ``"teacher"`` (None is returned), or what
            `jaxadv.data.sources.read` takes: ``"digits"`` (d = 64), ``"mnist5k"`` or ``"mnist"``
            (d = 784), ``"cifar10"`` (d = 3,072), a file or a folder. The labels of images that have
            a name are +1 for odd digits, and for what is no animal, and −1 for the others.
        folder: where the files of mnist and cifar10 are.
        kind: ``"directions"``, the inputs minus their mean, each scaled to norm √dim;
            ``"pixels"``, the inputs as they are, where bytes are divided by 255; or
            ``"centred"``, pixels minus their mean over all inputs.

    Raises:
        ValueError: if there is no such data, or it cannot be used; says why.

    Example:
        >>> load_examples("sphere") is None
        True
    """
    if data in SIMULATED:
        return None
    labelled = read(data, data_dir=folder, others=SIMULATED)
    y = labelled.y.astype(np.float64)
    classes, are_named = _classes(y), False
    if data in POSITIVE:
        y = signs(np.isin(y, POSITIVE[data]))
    else:
        are_named = labelled.y.dtype.kind in "biu" and classes is not None
    x = labelled.x if kind == "directions" else as_pixels(data, labelled.x)
    x = x.reshape(len(x), -1).astype(np.float64)
    if kind != "pixels":
        x = _directions(data, x) if kind == "directions" else x - x.mean(axis=0)
    return Examples(x.astype(np.float32), y.astype(np.float32), classes, are_named)


def _directions(data: str, x: np.ndarray) -> np.ndarray:
    """The rows minus their mean, each scaled to norm √d."""
    if len(x) == 1:
        raise ValueError(f"data: {data!r} has one row, which is its own mean; need two or more")
    centred = x - x.mean(axis=0)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    # The mean is rounded, so that a row that equals it may differ from it by a little noise.
    if (norms <= 64 * np.finfo(float).eps * np.abs(x).max() * x.shape[1] ** 0.5).any():
        row = int(np.argmin(norms))
        raise ValueError(f"data: row {row} of {data!r} is the mean of all rows, without direction")
    return centred / norms * x.shape[1] ** 0.5


def signs(positive: np.ndarray) -> np.ndarray:
    """1 where ``positive`` holds, −1 elsewhere."""
    return np.where(positive, 1.0, -1.0)


def _classes(labels: np.ndarray) -> np.ndarray | None:
    """Labels as numbers of classes; None if they are no such numbers."""
    are_whole = (labels == labels.round()) & (labels >= 0) & (labels < MOST_CLASSES)
    return labels.astype(int) if are_whole.all() else None
