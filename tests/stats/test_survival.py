"""Censored step counts against brute force and scipy, with every network's weight."""

import numpy as np
from scipy.stats import CensoredData, ecdf

from jaxadv.stats.intervals import replicates
from jaxadv.stats.survival import steps_quantiles, survival

ONCE = np.ones((1, 1), int)


def random_counts(rng, networks=7, trials=4):
    return rng.integers(0, 30, size=(networks, trials)), rng.random((networks, trials)) < 0.7


def brute_force(num_steps, reached, at):
    """Kaplan and Meier's product, factor by factor."""
    share = 1.0
    for time in np.unique(num_steps[reached]):
        if time <= at:
            share *= 1 - np.sum(reached & (num_steps == time)) / np.sum(num_steps >= time)
    return share


def test_survival_equals_the_product_of_kaplan_and_meier_in_every_replicate():
    rng = np.random.default_rng(0)
    for seed in range(20):
        num_steps, reached = random_counts(rng)
        weights = replicates(7, resamples=5, seed=seed)
        times, curves = survival(num_steps, reached, weights)
        for drawn, curve in zip(weights, curves, strict=True):
            rows = np.repeat(np.arange(7), drawn)
            counts, done = num_steps[rows], reached[rows]
            expected = [brute_force(counts, done, time) for time in times[times <= counts.max()]]
            np.testing.assert_allclose(curve[: len(expected)], expected, atol=1e-12)


def test_survival_equals_scipys():
    rng = np.random.default_rng(0)
    for _ in range(20):
        num_steps, reached = random_counts(rng)
        times, curves = survival(num_steps, reached, np.ones((1, 7), int))
        expected = ecdf(CensoredData.right_censored(num_steps.ravel(), ~reached.ravel())).sf
        np.testing.assert_array_equal(times, expected.quantiles)
        np.testing.assert_allclose(curves[0], expected.probabilities, atol=1e-12)


def test_many_trials_are_weighted_in_portions(monkeypatch):
    num_steps, reached = random_counts(np.random.default_rng(0))
    weights = replicates(7, resamples=10)
    whole = survival(num_steps, reached, weights)[1]
    monkeypatch.setattr("jaxadv.stats.survival.PORTION", 100)
    np.testing.assert_array_equal(survival(num_steps, reached, weights)[1], whole)


def test_quantiles_are_numpys_where_nothing_is_censored_and_infinite_beyond():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 1000, size=(1, 101))
    everyone = np.ones((1, 101), bool)
    for probability in (0.1, 0.5, 0.9, 0.99):
        expected = np.quantile(counts, probability, method="inverted_cdf")
        assert steps_quantiles(counts, everyone, probability, ONCE) == expected
    capped, reached = np.minimum(counts, 500), counts <= 500
    expected = np.quantile(counts, 0.4, method="inverted_cdf")
    assert steps_quantiles(capped, reached, 0.4, ONCE) == expected
    assert steps_quantiles(capped, reached, 0.9, ONCE) == np.inf
