"""The paired sign test: on how many networks is a number larger at one setting than at another?"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import binomtest

from jaxadv.stats.intervals import Estimate, median


@dataclass(frozen=True)
class SignTest:
    """What pairs of numbers say about which side is larger.

    Source: docs/theory.md, section 8.6.

    Attributes:
        larger: pairs whose second number is larger.
        smaller: pairs whose second number is smaller; ties count for neither.
        p_larger: the probability of at least so many larger ones if both were equally likely.
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


def sign_test(
    first: Float[np.ndarray, " network"], second: Float[np.ndarray, " network"]
) -> SignTest:
    """The sign test of paired numbers, one pair for each network; pairs with NaN are left out.

    A censored number is inf. It is larger than any other, and a tie with another censored one.

    Example:
        >>> test = sign_test(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, math.inf]))
        >>> test.larger, test.p_larger, test.ratio.value
        (3, 0.125, 2.0)
    """
    larger, smaller = int((second > first).sum()), int((second < first).sum())
    pairs = larger + smaller

    def p_value(wins: int) -> float:
        return float(binomtest(wins, pairs, alternative="greater").pvalue) if pairs else math.nan

    with np.errstate(invalid="ignore", divide="ignore"):
        ratios, differences = second / first, second - first
    return SignTest(
        larger,
        smaller,
        p_value(larger),
        p_value(smaller),
        median(ratios[:, None]),
        median(differences[:, None]),
    )
