"""Step counts as survival data: trials that ran out of budget are censored, not dropped."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import xarray as xr
from jaxtyping import Bool, Float, Int
from scipy.stats import CensoredData, ecdf

TRIAL_DIMS = ("network", "example", "start")
NUM_RESAMPLES = 200


def step_counts(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with its counts ready for `survival` and `quantile`.

    A trial that stalled or became non-finite would not have reached the tolerance in any number of
    steps: it counts as still running at the end, where the budget cuts off the others, and not as
    a trial that left for reasons of its own.
    """
    longest = dataset.num_steps.max()
    return dataset.assign(num_steps=dataset.num_steps.where(dataset.reached, longest))


def survival(
    num_steps: Int[np.ndarray, " trial"],
    reached: Bool[np.ndarray, " trial"],
    at: Float[np.ndarray, " step"],
) -> Float[np.ndarray, " step"]:
    """The share of trials that take more than ``at`` steps: Kaplan-Meier's estimate (THEORY 8).

    NaN beyond the largest count where that one is censored: nothing is known there.

    Args:
        num_steps: step counts, right-censored where not ``reached``.
        reached: whether the tolerance was reached.
        at: numbers of steps.

    Example:
        >>> counts, reached = np.array([1, 2, 9, 9]), np.array([True, True, True, False])
        >>> survival(counts, reached, np.array([0.0, 2.0, 8.0])).tolist()
        [1.0, 0.5, 0.5]
    """
    sample = CensoredData.right_censored(num_steps, ~reached)
    curve = ecdf(sample).sf.evaluate(at)
    last = num_steps.max()
    censored_last = not reached[num_steps == last].all()
    return np.where(censored_last & (at > last), np.nan, curve)


def quantile(
    num_steps: Int[np.ndarray, " trial"], reached: Bool[np.ndarray, " trial"], probability: float
) -> float:
    """The least number of steps within which a share ``probability`` of the trials is done.

    inf where the quantile lies in the censored part: read it as "> max_steps".

    Example:
        >>> quantile(np.array([1, 2, 9, 9]), np.array([True, True, True, False]), 0.5)
        2.0
        >>> quantile(np.array([1, 2, 9, 9]), np.array([True, True, True, False]), 0.99)
        inf
    """
    steps = ecdf(CensoredData.right_censored(num_steps, ~reached)).sf
    within = steps.quantiles[steps.probabilities <= 1 - probability + 1e-12]
    return float(within[0]) if within.size else np.inf


def cluster_interval(
    cell: xr.Dataset,
    statistic: Callable[[xr.Dataset], npt.ArrayLike],
    *,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A bootstrap interval of a statistic that resamples networks, never single trials (THEORY 8).

    Args:
        cell: a dataset with dimension ``network``.
        statistic: what is computed of each resample.
        level: the interval's coverage: percentiles of 200 resamples.
        seed: of the resampling.

    Returns:
        The lower and the upper end.

    Example:
        >>> cell = xr.Dataset({"a": ("network", [1.0, 1.0, 1.0])})
        >>> low, high = cluster_interval(cell, lambda part: part.a.mean().values)
        >>> float(low), float(high)
        (1.0, 1.0)
    """
    rng = np.random.default_rng(seed)
    size = cell.sizes["network"]
    draws = rng.integers(size, size=(NUM_RESAMPLES, size))
    values = np.array([statistic(cell.isel(network=draw)) for draw in draws], float)
    tail = (1 - level) / 2
    # Order statistics: an interpolation between a number of steps and inf would be NaN.
    low, high = np.quantile(values, [tail, 1 - tail], axis=0, method="closest_observation")
    return np.asarray(low), np.asarray(high)
