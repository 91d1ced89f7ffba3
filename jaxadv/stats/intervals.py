"""Estimates with 95% intervals over networks, the independent units of all statistics.

Source: docs/theory.md, section 8.1.

Trials on one network are dependent: a bootstrap draws networks with all their trials, never single
trials. A replicate is a vector of weights, how often each network counts: once in the sample
itself, replicate 0, and as often as it was drawn in each resample. Statistics take all replicates
at once and give a value for each, so that whatever follows from them has an interval, too.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import binom, binomtest

# The coverage of all intervals.
LEVEL = 0.95
NUM_RESAMPLES = 1000


@dataclass(frozen=True)
class Estimate:
    """A number and the ends of its 95% interval; inf beyond what was observed, NaN if unknown.

    Example:
        >>> str(Estimate(102.0, 95.0, math.inf))
        '102 [95, inf]'
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """With three digits."""
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"

    def within(self, low: float, high: float) -> bool:
        """Whether the whole interval lies between two bounds.

        Example:
            >>> Estimate(1.0, 0.9, 1.2).within(0.8, 1.1)
            False
        """
        return low <= self.low and self.high <= high

    def outside(self, low: float, high: float) -> bool:
        """Whether the whole interval lies beyond one of two bounds."""
        return self.high < low or self.low > high


@functools.lru_cache(maxsize=32)
def replicates(
    networks: int, resamples: int = NUM_RESAMPLES, seed: int = 0
) -> Int[np.ndarray, "replicate network"]:
    """The weights of all replicates: the sample itself, and then as many networks drawn from it.

    Example:
        >>> weights = replicates(5, resamples=2)
        >>> weights.shape, weights[0].tolist(), weights[1:].sum(axis=1).tolist()
        ((3, 5), [1, 1, 1, 1, 1], [5, 5])
    """
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(networks, np.full(networks, 1 / networks), size=resamples)
    weights = np.concatenate([np.ones((1, networks), drawn.dtype), drawn])
    weights.flags.writeable = False  # the same array is given to all who ask
    return weights


def estimate(values: Float[np.ndarray, " replicate"]) -> Estimate:
    """The sample's value with percentiles of the resamples, those without a value left out.

    Example:
        >>> estimate(np.array([2.0, 1.0, 3.0, math.nan]))
        Estimate(value=2.0, low=1.0, high=3.0)
    """
    known = values[1:][~np.isnan(values[1:])]
    if not known.size:
        return Estimate(float(values[0]), math.nan, math.nan)
    tail = (1 - LEVEL) / 2
    # Order statistics: an interpolation between a number of steps and inf would be NaN.
    low, high = np.quantile(known, [tail, 1 - tail], method="closest_observation")
    return Estimate(float(values[0]), float(low), float(high))


def quantiles(
    values: Float[np.ndarray, "network trial"],
    probability: float,
    weights: Int[np.ndarray, "replicate network"],
) -> Float[np.ndarray, " replicate"]:
    """A quantile of the values that are not NaN, in each replicate; NaN where there are none.

    The least value that a share ``probability`` of them does not exceed.

    Example:
        >>> quantiles(np.array([[1.0, 2.0], [3.0, math.nan]]), 0.5, np.array([[1, 1], [0, 2]]))
        array([2., 3.])
    """
    known = ~np.isnan(values)
    if not known.any():
        return np.full(len(weights), np.nan)
    order = np.argsort(values[known], kind="stable")
    upto = weights[:, np.nonzero(known)[0][order]].cumsum(axis=1)
    # A resample may hold no network with a known value.
    first = (upto >= np.maximum(probability * upto[:, -1:], 1)).argmax(axis=1)
    return np.where(upto[:, -1] > 0, values[known][order][first], np.nan)


def medians(values: Float[np.ndarray, "network trial"]) -> Float[np.ndarray, " replicate"]:
    """The median of the values that are not NaN, in each replicate.

    Example:
        >>> medians(np.array([[1.0, 2.0], [3.0, math.nan]]))[0].item()
        2.0
    """
    return quantiles(values, 0.5, replicates(len(values)))


def median(values: Float[np.ndarray, "network trial"]) -> Estimate:
    """The median of the values that are not NaN.

    Example:
        >>> median(np.array([[1.0, 2.0], [3.0, math.nan]]))
        Estimate(value=2.0, low=1.0, high=3.0)
    """
    return estimate(medians(values))


def mean(values: Float[np.ndarray, "network trial"]) -> Estimate:
    """The mean over networks of each one's mean of the values that are not NaN.

    Networks without such a value are left out.

    Example:
        >>> mean(np.array([[1.0, 3.0], [4.0, math.nan], [math.nan, math.nan]])).value
        3.0
    """
    return estimate(means(values))


def means(values: Float[np.ndarray, "network trial"]) -> Float[np.ndarray, " replicate"]:
    """The mean over networks of each one's mean, in each replicate; as `mean`."""
    known = ~np.isnan(values).all(axis=1)
    if not known.any():
        return np.full(NUM_RESAMPLES + 1, np.nan)
    weights = replicates(len(values))[:, known]
    of_networks = np.nanmean(values[known], axis=1)
    # A network that was not drawn adds nothing, even where its mean is infinite.
    sums = np.where(weights > 0, weights * of_networks, 0).sum(axis=1)
    drawn = weights.sum(axis=1)
    return np.where(drawn > 0, sums / np.maximum(drawn, 1), np.nan)


def network_medians(values: Float[np.ndarray, "network trial"]) -> Float[np.ndarray, " network"]:
    """Each network's own median of the values that are not NaN; NaN where it has none.

    Example:
        >>> network_medians(np.array([[1.0, 3.0], [5.0, math.inf], [math.nan, math.nan]]))
        array([ 2., inf, nan])
    """
    known = ~np.isnan(values).all(axis=1)
    medians = np.full(len(values), np.nan)
    medians[known] = np.nanmedian(values[known], axis=1)
    return medians


def bounded_quantile(values: Float[np.ndarray, " network"], probability: float) -> Estimate:
    """A quantile of independent values, between two of them that contain it with 95% probability.

    The number of values below the quantile is binomial. The bounds are the order statistics that
    leave out at most 2.5% on each side, whatever the distribution; there is no lower or upper bound
    (−inf, inf) where the sample is too small for one.

    Source: docs/theory.md, section 8.3.

    Args:
        values: one for each network; inf where it is beyond the budget.
        probability: of the quantile.

    Example:
        >>> str(bounded_quantile(np.arange(1.0, 101.0), 0.5))
        '50 [40, 61]'
        >>> str(bounded_quantile(np.arange(1.0, 101.0), 0.99))
        '99 [97, inf]'
    """
    ordered, tail = np.sort(values), (1 - LEVEL) / 2
    below = binom(len(values), probability)
    # P(below < low) and P(below >= high) are at most the tail.
    low, high = int(below.ppf(tail)), int(below.ppf(1 - tail)) + 1
    sample = math.ceil(probability * len(values) - 1e-9)
    return Estimate(
        float(ordered[max(sample, 1) - 1]),
        float(ordered[low - 1]) if low >= 1 else -math.inf,
        float(ordered[high - 1]) if high <= len(values) else math.inf,
    )


def share(success: Bool[np.ndarray, " network"]) -> Estimate:
    """The share of networks with a success, and its Clopper-Pearson interval.

    Example:
        >>> str(share(np.array([True] * 10)))
        '1 [0.692, 1]'
    """
    test = binomtest(int(success.sum()), success.size)
    interval = test.proportion_ci(LEVEL, method="exact")
    return Estimate(float(test.statistic), float(interval.low), float(interval.high))
