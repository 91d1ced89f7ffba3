"""How numbers grow with a size: two laws, fitted and compared (docs/theory.md, section 8.5)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from jaxadv.stats.intervals import Estimate, estimate

# So many of the largest sizes are predicted from the others when two laws are compared.
HELD_OUT = 2
# With fewer, two parameters would be fitted to less than three sizes.
LEAST_SIZES = 5


@dataclass(frozen=True)
class Growth:
    """How a number T grows with a size n: T ∝ n^b (power law) or T ∝ exp(c·n) (exponential).

    Attributes:
        exponent: b, from all sizes.
        power_error: root mean square of ln T at the held-out sizes less what the power law, fitted
            to the others, predicts.
        exponential_error: the same for the exponential.
        power_wins: the share of the resamples in which the power law predicts better.
    """

    exponent: Estimate
    power_error: Estimate
    exponential_error: Estimate
    power_wins: float


def growth(
    sizes: Float[np.ndarray, " size"], values: Float[np.ndarray, "replicate size"]
) -> Growth:
    """Fit and compare two laws of growth, by least squares in ln T.

    Args:
        sizes: n, ascending and positive, at least `LEAST_SIZES`.
        values: T, positive, in every replicate (`intervals.replicates`).

    Raises:
        ValueError: for fewer sizes, and for values that have no logarithm.

    Example:
        >>> sizes = np.array([8.0, 16.0, 32.0, 64.0, 128.0])
        >>> law = growth(sizes, np.tile(3 * sizes**0.5, (2, 1)))
        >>> round(law.exponent.value, 6), law.power_wins
        (0.5, 1.0)
    """
    if len(sizes) < LEAST_SIZES:
        raise ValueError(f"sizes: {len(sizes)} are too few, at least {LEAST_SIZES} are needed")
    if not ((values > 0) & np.isfinite(values)).all():
        raise ValueError("values: all must be positive and finite")
    logs = np.log(values)
    power, exponential = (_errors(x, logs) for x in (np.log(sizes), sizes))
    return Growth(
        exponent=estimate(exponents(sizes, values)),
        power_error=estimate(power),
        exponential_error=estimate(exponential),
        power_wins=float((power < exponential)[1:].mean()),
    )


def exponents(
    sizes: Float[np.ndarray, " size"], values: Float[np.ndarray, "replicate size"]
) -> Float[np.ndarray, " replicate"]:
    """The exponent b of T ∝ n^b in every replicate, by least squares in ln T.

    Example:
        >>> exponents(np.array([1.0, 2.0, 4.0]), np.array([[1.0, 4.0, 16.0]])).round(6).tolist()
        [2.0]
    """
    return _least_squares(np.log(sizes), np.log(values))[0]


def _least_squares(
    x: Float[np.ndarray, " size"], y: Float[np.ndarray, "replicate size"]
) -> tuple[Float[np.ndarray, " replicate"], Float[np.ndarray, " replicate"]]:
    """Slopes and intercepts of least squares."""
    slopes, intercepts = np.polynomial.polynomial.polyfit(x, y.T, 1)[::-1]
    return slopes, intercepts


def _errors(
    x: Float[np.ndarray, " size"], y: Float[np.ndarray, "replicate size"]
) -> Float[np.ndarray, " replicate"]:
    """Root mean square errors in predicting the held-out sizes from the others."""
    slopes, intercepts = _least_squares(x[:-HELD_OUT], y[:, :-HELD_OUT])
    predicted = intercepts[:, None] + slopes[:, None] * x[-HELD_OUT:]
    return np.sqrt(np.mean((predicted - y[:, -HELD_OUT:]) ** 2, axis=1))
