"""Estimates against brute force; intervals that cover what they say, and one that does not."""

import math

import numpy as np
import pytest
from scipy.stats import beta

from jaxadv.analysis.estimates import (
    Estimate,
    median,
    resamples,
    share_of_networks,
    steps_quantile,
    weighted_survival,
)
from jaxadv.analysis.survival import quantile, survival


def clustered_counts(rng, networks=60, trials=8, budget=400):
    """Log-normal counts with as much variance between networks as within, censored at a budget."""
    logs = 5 + 0.7 * rng.normal(size=(networks, 1)) + 0.7 * rng.normal(size=(networks, trials))
    counts = np.ceil(np.exp(logs)).astype(int)
    return np.minimum(counts, budget), counts <= budget


TRUE_MEDIAN = math.ceil(math.exp(5))


def test_weighted_survival_is_that_of_the_resampled_trials():
    rng = np.random.default_rng(0)
    for _ in range(20):
        num_steps, reached = rng.integers(0, 30, size=(7, 4)), rng.random((7, 4)) < 0.7
        weights = resamples(7, number=5, seed=int(rng.integers(100)))
        times, curves = weighted_survival(num_steps, reached, weights)
        for drawn, curve in zip(weights, curves, strict=True):
            rows = np.repeat(np.arange(7), drawn)
            counts, done = num_steps[rows].ravel(), reached[rows].ravel()
            seen = times <= counts.max()
            np.testing.assert_allclose(curve[seen], survival(counts, done, times[seen]), atol=1e-12)


def test_quantiles_are_those_of_all_trials_and_infinite_beyond_the_budget():
    num_steps, reached = clustered_counts(np.random.default_rng(0), budget=200)
    for probability in (0.1, 0.5, 0.6, 0.99):
        found = steps_quantile(num_steps, reached, probability)
        assert found.value == quantile(num_steps.ravel(), reached.ravel(), probability)
        assert found.low <= found.value <= found.high
    assert found == Estimate(math.inf, math.inf, math.inf)
    beyond = steps_quantile(num_steps, reached, 0.6)
    assert math.isfinite(beyond.low)
    assert math.isinf(beyond.high)


def test_intervals_of_networks_cover_and_those_of_trials_do_not():
    """The median of censored, clustered counts, a thousand times: 95% ± 2%."""
    rng, covered = np.random.default_rng(0), {"networks": 0, "trials": 0}
    for repetition in range(1000):
        num_steps, reached = clustered_counts(rng)
        for unit, shape in (("networks", num_steps.shape), ("trials", (num_steps.size, 1))):
            weights = resamples(shape[0], number=200, seed=repetition)
            found = steps_quantile(num_steps.reshape(shape), reached.reshape(shape), 0.5, weights)
            covered[unit] += found.low <= TRUE_MEDIAN <= found.high
    assert abs(covered["networks"] / 1000 - 0.95) <= 0.02
    assert covered["trials"] / 1000 < 0.75


def test_medians_leave_out_what_is_not_known():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(30, 5))
    values[rng.random(values.shape) < 0.3] = np.nan
    found = median(values)
    known = values[~np.isnan(values)]
    assert found.value == np.quantile(known, 0.5, method="inverted_cdf")
    assert found.low < found.value < found.high
    assert all(math.isnan(value) for value in median(np.full((3, 2), np.nan)))
    # A network without any known value may be all that is drawn.
    assert math.isfinite(median(np.array([[1.0], [np.nan]])).low)


def test_shares_have_clopper_and_pearsons_interval():
    found = share_of_networks(np.array([True] * 97 + [False] * 3))
    assert found.value == pytest.approx(0.97)
    assert found.low == pytest.approx(beta.ppf(0.025, 97, 4))
    assert found.high == pytest.approx(beta.ppf(0.975, 98, 3))


def test_resamples_draw_every_network_equally_often():
    weights = resamples(10, number=20_000)
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.03)
    assert (weights.sum(axis=1) == 10).all()
    np.testing.assert_array_equal(weights, resamples(10, number=20_000))
