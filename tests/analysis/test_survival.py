"""Censored step counts against brute force, and intervals that resample networks."""

import numpy as np
import pytest
import xarray as xr

from jaxadv.analysis.survival import cluster_interval, quantile, survival


def brute_force(num_steps, reached, at):
    """Kaplan and Meier's product, factor by factor."""
    share = 1.0
    for time in np.unique(num_steps[reached]):
        if time <= at:
            share *= 1 - np.sum(reached & (num_steps == time)) / np.sum(num_steps >= time)
    return share


def test_survival_equals_the_product_of_kaplan_and_meier():
    rng = np.random.default_rng(0)
    for _ in range(20):
        num_steps, reached = rng.integers(0, 30, size=40), rng.random(40) < 0.7
        at = np.arange(num_steps.max() + 1.0)
        expected = [brute_force(num_steps, reached, step) for step in at]
        np.testing.assert_allclose(survival(num_steps, reached, at), expected, atol=1e-12)


def test_nothing_is_claimed_beyond_a_censored_end():
    counts = np.array([3, 5, 5])
    censored, complete = np.array([True, True, False]), np.array([True, True, True])
    assert np.isnan(survival(counts, censored, np.array([6.0]))[0])
    assert survival(counts, complete, np.array([6.0]))[0] == 0


def test_quantiles_are_numpys_where_nothing_is_censored_and_infinite_beyond():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 1000, size=101)
    everyone = np.ones(101, bool)
    for probability in (0.1, 0.5, 0.9, 0.99):
        expected = np.quantile(counts, probability, method="inverted_cdf")
        assert quantile(counts, everyone, probability) == expected
    capped, reached = np.minimum(counts, 500), counts <= 500
    assert quantile(capped, reached, 0.4) == np.quantile(counts, 0.4, method="inverted_cdf")
    assert quantile(capped, reached, 0.9) == np.inf


def test_the_interval_resamples_networks_and_not_trials():
    """Ten networks whose trials are copies: the interval must be as wide as ten draws make it."""
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(100):
        values = np.repeat(rng.normal(size=(10, 1)), 50, axis=1)
        cell = xr.Dataset({"value": (("network", "example"), values)})
        low, high = cluster_interval(cell, lambda part: part.value.mean().values, seed=seed)
        covered.append(low <= 0 <= high)
    # A percentile bootstrap of ten units covers about 90%; one of 500 "independent" trials, 20%.
    assert 0.82 < np.mean(covered) <= 0.98


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_an_interval_may_end_beyond_the_budget(level):
    cell = xr.Dataset({"steps": ("network", np.array([1.0, 2.0, np.inf, np.inf]))})
    low, high = cluster_interval(
        cell, lambda part: np.quantile(part.steps.values, 0.5, method="inverted_cdf"), level=level
    )
    assert np.isfinite(low)
    assert np.isinf(high)
