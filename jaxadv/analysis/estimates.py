"""Estimates with 95% intervals over networks, the independent units of all statistics (THEORY 8).

Trials on one network are dependent: a bootstrap draws networks with all their trials, never single
trials. A resample is a vector of weights, how often each network was drawn, so that all resamples
are computed at once.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import binomtest

LEVEL = 0.95
NUM_RESAMPLES = 1000
PORTION = 100
"""Resamples at a time."""


class Estimate(NamedTuple):
    """A number and the ends of its 95% interval; inf beyond what was observed.

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


def resamples(
    networks: int, number: int = NUM_RESAMPLES, seed: int = 0
) -> Int[np.ndarray, "resample network"]:
    """How often each network is drawn, for each of many resamples of as many networks.

    Example:
        >>> resamples(5, number=2).sum(axis=1).tolist()
        [5, 5]
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(networks, np.full(networks, 1 / networks), size=number)


def steps_quantile(
    num_steps: Int[np.ndarray, "network trial"],
    reached: Bool[np.ndarray, "network trial"],
    probability: float,
    weights: Int[np.ndarray, "resample network"] | None = None,
) -> Estimate:
    """The steps within which a share of the trials is done: Kaplan-Meier, with its interval.

    inf where the quantile, or an end of the interval, lies in the censored part: "> max_steps".

    Args:
        num_steps: step counts, right-censored where not ``reached``.
        reached: whether the tolerance was reached.
        probability: the share.
        weights: `resamples`, by default of its own; the same for what is to be compared.

    Example:
        >>> counts = np.array([[1, 2], [1, 3], [2, 9]])
        >>> steps_quantile(counts, counts < 9, 0.5)
        Estimate(value=2.0, low=1.0, high=2.0)
    """
    values = steps_quantiles(num_steps, reached, probability, weights)
    return estimate(values[0], values[1:])


def steps_quantiles(
    num_steps: Int[np.ndarray, "network trial"],
    reached: Bool[np.ndarray, "network trial"],
    probability: float,
    weights: Int[np.ndarray, "resample network"] | None = None,
) -> Float[np.ndarray, " resample1"]:
    """A quantile as `steps_quantile`, and then that of each resample."""
    every = _with_all(num_steps.shape[0], weights)
    times, curves = weighted_survival(num_steps, reached, every)
    within = curves <= 1 - probability + 1e-12
    first = np.where(within.any(axis=1), within.argmax(axis=1), len(times))
    return np.append(times, np.inf)[first]


def weighted_survival(
    num_steps: Int[np.ndarray, "network trial"],
    reached: Bool[np.ndarray, "network trial"],
    weights: Int[np.ndarray, "resample network"],
) -> tuple[Float[np.ndarray, " time"], Float[np.ndarray, "resample time"]]:
    """Kaplan-Meier's estimate for many weightings of the networks.

    Returns:
        The distinct step counts, and the share of trials that take more steps than each of them,
        for each weighting.
    """
    order = np.argsort(num_steps, axis=None, kind="stable")
    times, starts = np.unique(num_steps.ravel()[order], return_index=True)
    curves = np.empty((len(weights), len(times)))
    # In portions, for the weights of all trials in all resamples are many.
    for first in range(0, len(weights), PORTION):
        rows = slice(first, first + PORTION)
        of_trials = weights[rows][:, order // num_steps.shape[1]]
        leaving = np.add.reduceat(of_trials, starts, axis=1)
        ending = np.add.reduceat(of_trials * reached.ravel()[order], starts, axis=1)
        at_risk = leaving[:, ::-1].cumsum(axis=1)[:, ::-1]
        curves[rows] = np.cumprod(1 - ending / np.maximum(at_risk, 1), axis=1)
    return times.astype(float), curves


def median(
    values: Float[np.ndarray, "network trial"],
    weights: Int[np.ndarray, "resample network"] | None = None,
) -> Estimate:
    """The median of the values that are not NaN, and its interval.

    Example:
        >>> median(np.array([[1.0, 2.0], [3.0, math.nan]]))
        Estimate(value=2.0, low=1.0, high=3.0)
    """
    every = _with_all(values.shape[0], weights)
    known = ~np.isnan(values)
    if not known.any():
        return Estimate(math.nan, math.nan, math.nan)
    order = np.argsort(values[known], kind="stable")
    ascending = values[known][order]
    of_trials = every[:, np.nonzero(known)[0][order]]
    below = of_trials.cumsum(axis=1)
    first = (2 * below >= below[:, -1:]).argmax(axis=1)
    found = np.where(below[:, -1] > 0, ascending[first], np.nan)
    return estimate(found[0], found[1:])


def estimate(value: float, resampled: Float[np.ndarray, " resample"]) -> Estimate:
    """A value with the percentile interval of its resamples, those without a value left out."""
    known = resampled[~np.isnan(resampled)]
    tail = (1 - LEVEL) / 2
    # Order statistics: an interpolation between a number of steps and inf would be NaN.
    ends = np.quantile(known, [tail, 1 - tail], method="closest_observation")
    return Estimate(float(value), float(ends[0]), float(ends[1]))


def share_of_networks(success: Bool[np.ndarray, " network"]) -> Estimate:
    """The share of networks with a success, and Clopper and Pearson's interval.

    Example:
        >>> str(share_of_networks(np.array([True] * 10)))
        '1 [0.692, 1]'
    """
    test = binomtest(int(success.sum()), success.size)
    interval = test.proportion_ci(LEVEL, method="exact")
    return Estimate(float(test.statistic), float(interval.low), float(interval.high))


def _with_all(
    networks: int, weights: Int[np.ndarray, "resample network"] | None
) -> Int[np.ndarray, "resample1 network"]:
    """Each network once, and then the resamples."""
    weights = resamples(networks) if weights is None else weights
    return np.concatenate([np.ones((1, networks), weights.dtype), weights])
