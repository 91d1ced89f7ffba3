"""Estimates against brute force; intervals that cover what they say, and one that does not."""

import math

import numpy as np
import pytest
from scipy.stats import beta

from jaxadv.stats.intervals import Estimate, estimate, mean, median, quantiles, replicates, share
from jaxadv.stats.survival import steps_quantiles

TRUE_MEDIAN = math.ceil(math.exp(5))


def clustered_counts(rng, networks=60, trials=8, budget=400):
    """Log-normal counts with as much variance between networks as within, censored at a budget."""
    logs = 5 + 0.7 * rng.normal(size=(networks, 1)) + 0.7 * rng.normal(size=(networks, trials))
    counts = np.ceil(np.exp(logs)).astype(int)
    return np.minimum(counts, budget), counts <= budget


def covers(num_steps, reached, seed):
    """Whether the interval of the median, with rows as units, has the truth."""
    weights = replicates(len(num_steps), resamples=150, seed=seed)
    found = estimate(steps_quantiles(num_steps, reached, 0.5, weights))
    return found.low <= TRUE_MEDIAN <= found.high


def test_intervals_of_single_trials_do_not():
    rng, column = np.random.default_rng(0), (-1, 1)
    counts = [clustered_counts(rng) for _ in range(200)]
    covered = [
        covers(steps.reshape(column), reached.reshape(column), seed)
        for seed, (steps, reached) in enumerate(counts)
    ]
    assert np.mean(covered) < 0.75


def test_an_interval_may_end_beyond_the_budget():
    num_steps, reached = clustered_counts(np.random.default_rng(0), budget=200)
    weights = replicates(60)
    ends = {p: estimate(steps_quantiles(num_steps, reached, p, weights)) for p in (0.5, 0.6, 0.99)}
    assert math.isfinite(ends[0.5].high)
    assert math.isfinite(ends[0.6].low)
    assert math.isinf(ends[0.6].high)
    assert ends[0.99] == Estimate(math.inf, math.inf, math.inf)


def test_quantiles_are_those_of_the_drawn_values_that_are_known():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(30, 5))
    values[rng.random(values.shape) < 0.3] = np.nan
    weights = replicates(30, resamples=20)
    for probability in (0.1, 0.5, 0.9):
        found = quantiles(values, probability, weights)
        for drawn, value in zip(weights, found, strict=True):
            rows = values[np.repeat(np.arange(30), drawn)]
            known = rows[~np.isnan(rows)]
            assert value == np.quantile(known, probability, method="inverted_cdf")


def test_what_is_not_known_has_no_median():
    found = median(np.full((3, 2), np.nan))
    assert all(math.isnan(value) for value in (found.value, found.low, found.high))
    # A network without any known value may be all that is drawn.
    assert median(np.array([[1.0], [np.nan]])) == Estimate(1.0, 1.0, 1.0)


def test_means_are_of_networks_and_their_intervals_too():
    """As wide as the normal one of the networks' means, not of the single values."""
    rng = np.random.default_rng(0)
    of_networks = rng.normal(size=(200, 1))
    found = mean(of_networks + 0.1 * rng.normal(size=(200, 50)))
    assert abs(found.value - of_networks.mean()) < 0.01
    half = 1.96 * of_networks.std() / math.sqrt(200)
    np.testing.assert_allclose(
        [found.low, found.high], [found.value - half, found.value + half], atol=0.03
    )


def test_shares_have_clopper_and_pearsons_interval():
    found = share(np.array([True] * 97 + [False] * 3))
    assert found.value == pytest.approx(0.97)
    assert found.low == pytest.approx(beta.ppf(0.025, 97, 4))
    assert found.high == pytest.approx(beta.ppf(0.975, 98, 3))


def test_replicates_draw_every_network_equally_often():
    weights = replicates(10, resamples=20_000)
    assert (weights[0] == 1).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.03)
    assert (weights.sum(axis=1) == 10).all()
    np.testing.assert_array_equal(weights, replicates(10, resamples=20_000))


def test_an_interval_is_within_or_outside_bounds_as_a_whole():
    assert Estimate(1.0, 0.9, 1.1).within(0.9, 1.1)
    assert not Estimate(1.0, 0.8, 1.1).within(0.9, 1.1)
    assert Estimate(1.0, 0.9, 1.1).outside(1.2, 1.3)
    assert not Estimate(1.0, 0.9, 1.2).outside(1.1, 1.3)
    unknown = Estimate(math.nan, math.nan, math.nan)
    assert not unknown.within(-math.inf, math.inf)
    assert not unknown.outside(0.0, 0.0)
