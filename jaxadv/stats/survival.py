"""Step counts as survival data: trials that ran out of budget are censored, not dropped."""

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int, Real

# So many weights of trials, of all replicates together, are in memory at a time.
PORTION = 2**24


def step_counts(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with its counts ready for `survival` and `steps_quantiles`.

    A trial that stalled, cycles or became non-finite would not have reached the tolerance in any
    number of steps. So it counts as still running at the end, where the budget cuts off the others.
    """
    longest = dataset.num_steps.max()
    return dataset.assign(num_steps=dataset.num_steps.where(dataset.reached, longest))


def survival(
    num_steps: Real[np.ndarray, "network trial"],
    reached: Bool[np.ndarray, "network trial"],
    weights: Int[np.ndarray, "replicate network"],
) -> tuple[Float[np.ndarray, " time"], Float[np.ndarray, "replicate time"]]:
    """The share of trials that take more than so many steps: Kaplan-Meier's estimate.

    Source: docs/theory.md, section 8.2.

    (`scipy.stats.ecdf` is the same for one sample; here all replicates are computed at once.)

    Args:
        num_steps: step counts, right-censored where not ``reached``.
        reached: whether the tolerance was reached.
        weights: how often each network counts, `intervals.replicates`.

    Returns:
        The distinct step counts, and for each of them the share of trials that take more, in each
        replicate. Nothing is known beyond the largest, where that one is censored.

    Example:
        >>> counts, reached = np.array([[1, 2, 9, 9]]), np.array([[True, True, True, False]])
        >>> survival(counts, reached, np.array([[1]]))
        (array([1., 2., 9.]), array([[0.75, 0.5 , 0.25]]))
    """
    order = np.argsort(num_steps, axis=None, kind="stable")
    times, starts = np.unique(num_steps.ravel()[order], return_index=True)
    curves = np.empty((len(weights), len(times)))
    # In portions: all trials in all replicates have too many weights for the memory.
    rows_at_once = max(1, PORTION // num_steps.size)
    for first in range(0, len(weights), rows_at_once):
        rows = slice(first, first + rows_at_once)
        of_trials = weights[rows][:, order // num_steps.shape[1]]
        leaving = np.add.reduceat(of_trials, starts, axis=1)
        ending = np.add.reduceat(of_trials * reached.ravel()[order], starts, axis=1)
        at_risk = leaving[:, ::-1].cumsum(axis=1)[:, ::-1]
        curves[rows] = np.cumprod(1 - ending / np.maximum(at_risk, 1), axis=1)
    return times.astype(float), curves


def steps_quantiles(
    num_steps: Real[np.ndarray, "network trial"],
    reached: Bool[np.ndarray, "network trial"],
    probability: float,
    weights: Int[np.ndarray, "replicate network"],
) -> Float[np.ndarray, " replicate"]:
    """The least number of steps within which a share ``probability`` of the trials is done.

    inf where the quantile lies in the censored part: read it as "> max_steps".

    Example:
        >>> counts, reached = np.array([[1, 2, 9, 9]]), np.array([[True, True, True, False]])
        >>> [steps_quantiles(counts, reached, p, np.array([[1]])).item() for p in (0.5, 0.99)]
        [2.0, inf]
    """
    times, curves = survival(num_steps, reached, weights)
    within = curves <= 1 - probability + 1e-12
    first = np.where(within.any(axis=1), within.argmax(axis=1), len(times))
    return np.append(times, np.inf)[first]
