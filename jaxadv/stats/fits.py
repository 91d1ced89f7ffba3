"""How numbers grow with a size, and which of two is the larger.

Source: docs/theory.md, sections 8.5 and 8.6.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import binomtest

from jaxadv.stats.intervals import Estimate, estimate, median

HELD_OUT = 2
"""The largest sizes, which a comparison of two laws predicts from the others."""
LEAST_SIZES = 5
"""With fewer, two parameters would be fitted to less than three sizes."""


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
    exponents, _ = _lines(np.log(sizes), logs)
    return Growth(
        exponent=estimate(exponents),
        power_error=estimate(power),
        exponential_error=estimate(exponential),
        power_wins=float((power < exponential)[1:].mean()),
    )


def _lines(
    x: Float[np.ndarray, " size"], y: Float[np.ndarray, "replicate size"]
) -> tuple[Float[np.ndarray, " replicate"], Float[np.ndarray, " replicate"]]:
    """Slopes and intercepts of least squares."""
    slopes, intercepts = np.polynomial.polynomial.polyfit(x, y.T, 1)[::-1]
    return slopes, intercepts


def _errors(
    x: Float[np.ndarray, " size"], y: Float[np.ndarray, "replicate size"]
) -> Float[np.ndarray, " replicate"]:
    """Root mean square errors in predicting the held-out sizes from the others."""
    slopes, intercepts = _lines(x[:-HELD_OUT], y[:, :-HELD_OUT])
    predicted = intercepts[:, None] + slopes[:, None] * x[-HELD_OUT:]
    return np.sqrt(np.mean((predicted - y[:, -HELD_OUT:]) ** 2, axis=1))


@dataclass(frozen=True)
class Paired:
    """What pairs of numbers say about which side is larger.

    Attributes:
        larger: pairs whose second number is larger.
        smaller: pairs whose second number is smaller; ties count for neither.
        p_larger: how likely at least so many larger ones were if both were equally likely.
        p_smaller: the same for the smaller ones.
        ratio: the median of the second over the first.
        difference: the median of the second less the first.
    """

    larger: int
    smaller: int
    p_larger: float
    p_smaller: float
    ratio: Estimate
    difference: Estimate


def paired(first: Float[np.ndarray, " network"], second: Float[np.ndarray, " network"]) -> Paired:
    """The sign test of paired numbers, one pair for each network; pairs with NaN are left out.

    A censored number is inf: larger than any other, and a tie with another one.

    Example:
        >>> test = paired(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, math.inf]))
        >>> test.larger, test.p_larger, test.ratio.value
        (3, 0.125, 2.0)
    """
    larger, smaller = int((second > first).sum()), int((second < first).sum())
    pairs = larger + smaller

    def p_value(wins: int) -> float:
        return float(binomtest(wins, pairs, alternative="greater").pvalue) if pairs else math.nan

    with np.errstate(invalid="ignore", divide="ignore"):
        ratios, differences = second / first, second - first
    return Paired(
        larger,
        smaller,
        p_value(larger),
        p_value(smaller),
        median(ratios[:, None]),
        median(differences[:, None]),
    )
