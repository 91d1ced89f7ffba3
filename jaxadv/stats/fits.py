"""How numbers grow with a size: the exponent of a power law, and how far growth bends from one.

Source: docs/theory.md, section 8.5.
"""

import numpy as np
from jaxtyping import Float

# With fewer sizes, a curve with three parameters would be fitted to less than five numbers.
LEAST_SIZES = 5


def exponents(
    sizes: Float[np.ndarray, " size"], values: Float[np.ndarray, "replicate size"]
) -> Float[np.ndarray, " replicate"]:
    """The exponent b of T ∝ n^b in every replicate, by least squares in ln T.

    Args:
        sizes: n, ascending and positive, at least `LEAST_SIZES`.
        values: T, positive, in every replicate (`intervals.replicates`).

    Raises:
        ValueError: for fewer sizes, and for values that have no logarithm.

    Example:
        >>> sizes = np.array([8.0, 16.0, 32.0, 64.0, 128.0])
        >>> exponents(sizes, np.tile(3 * sizes**0.5, (2, 1))).round(6).tolist()
        [0.5, 0.5]
    """
    return _coefficients(sizes, values, degree=1)[1]


def bends(
    sizes: Float[np.ndarray, " size"], values: Float[np.ndarray, "replicate size"]
) -> Float[np.ndarray, " replicate"]:
    """How much the local exponent d ln T/d ln n rises from the smallest size to the largest.

    ln T is fitted by a quadratic a + b ln n + c (ln n)², by least squares; the rise is
    2c ln(n_max/n_min). It is 0 for a power law, negative where growth slows down, and a little less
    than ln(T_max/T_min) for an exponential. Arguments and errors are those of `exponents`.

    Example:
        >>> sizes = np.array([16.0, 32.0, 64.0, 128.0, 256.0, 512.0])
        >>> power, exponential = 3 * sizes**0.5, np.exp(sizes / 500)
        >>> (bends(sizes, np.stack([power, exponential])).round(2) + 0).tolist()
        [0.0, 0.82]
    """
    return 2 * _coefficients(sizes, values, degree=2)[2] * np.log(sizes[-1] / sizes[0])


def _coefficients(
    sizes: Float[np.ndarray, " size"], values: Float[np.ndarray, "replicate size"], degree: int
) -> Float[np.ndarray, "power replicate"]:
    """Of the polynomial in ln n that fits ln T, the constant first."""
    if len(sizes) < LEAST_SIZES:
        raise ValueError(f"sizes: {len(sizes)} are too few, at least {LEAST_SIZES} are needed")
    if not ((values > 0) & np.isfinite(values)).all():
        raise ValueError("values: all must be positive and finite")
    return np.polynomial.polynomial.polyfit(np.log(sizes), np.log(values).T, degree)
