"""Every interval covers a planted truth as often as it says: 95% ± 2% at 100 networks.

Each is computed a thousand times, for new networks each time, whose truth is known.
"""

import math

import numpy as np
import pytest
from scipy.stats import norm

from jaxadv.claims.neighbours import compare
from jaxadv.stats.intervals import (
    bounded_quantile,
    estimate,
    mean,
    median,
    quantiles,
    replicates,
    share,
)
from jaxadv.stats.survival import steps_quantiles

TIMES, TRIALS = 1000, 2


def clustered(rng, networks):
    """Normal numbers with as much variance between networks as within."""
    return rng.normal(size=(networks, 1)) + rng.normal(size=(networks, TRIALS))


def quantile_of(probability):
    return lambda rng, networks: estimate(
        quantiles(clustered(rng, networks), probability, replicates(networks))
    )


def censored_quantile_of(probability):
    """Of step counts that a budget cuts off above their 97% quantile."""

    def interval(rng, networks):
        counts = np.ceil(np.exp(5 + 0.7 * clustered(rng, networks)))
        budget = math.exp(5 + 0.7 * math.sqrt(2) * norm.ppf(0.97))
        cut = np.minimum(counts, budget)
        found = steps_quantiles(cut, counts <= budget, probability, replicates(networks))
        return estimate(np.log(found))

    return interval


def change_of_pairs(rng, networks):
    """The median relative change between two numbers of each network."""
    first = np.exp(rng.normal(size=networks))
    change = 0.1 + 0.3 * rng.normal(size=networks)
    return compare((0.1, 1.0), first, first * (2 + change) / (2 - change)).change


NORMAL_90 = math.sqrt(2) * norm.ppf(0.9)
# From random numbers and a number of networks to an interval, and the truth that it is for.
INTERVALS = {
    "median": (lambda rng, n: median(clustered(rng, n)), 0.0),
    "mean": (lambda rng, n: mean(clustered(rng, n)), 0.0),
    "median of censored counts": (censored_quantile_of(0.5), 5.0),
    "relative change": (change_of_pairs, 0.1),
}


def coverage(interval, truth, networks, times=TIMES):
    rng, covered = np.random.default_rng(0), 0
    for _ in range(times):
        found = interval(rng, networks)
        covered += found.low <= truth <= found.high
    return covered / times


@pytest.mark.parametrize("name", INTERVALS)
def test_at_100_networks_intervals_cover_95_times_in_100(name):
    assert abs(coverage(*INTERVALS[name], networks=100) - 0.95) <= 0.02


@pytest.mark.parametrize("name", INTERVALS)
def test_at_32_networks_they_cover_a_little_less(name):
    assert 0.9 <= coverage(*INTERVALS[name], networks=32) <= 0.97


@pytest.mark.parametrize("networks", [32, 100])
def test_intervals_that_are_exact_for_every_sample_size_never_cover_less(networks):
    """Clopper-Pearson and order statistics cover at least 95%, and more where few values exist."""
    shares = coverage(lambda rng, n: share(rng.random(n) < 0.9), 0.9, networks)
    middle = coverage(lambda rng, n: bounded_quantile(rng.random(n), 0.5), 0.5, networks)
    for covered in (shares, middle):
        assert covered >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / TIMES)


@pytest.mark.parametrize(
    ("interval", "truth"),
    [(quantile_of(0.9), NORMAL_90), (censored_quantile_of(0.9), 5 + 0.7 * NORMAL_90)],
    ids=["quantile", "of censored counts"],
)
def test_those_of_90_percent_quantiles_cover_less_at_100_networks(interval, truth):
    """Which is why such a quantile is shown without an interval."""
    assert 0.9 <= coverage(interval, truth, networks=100) < 0.95


def test_bootstrap_intervals_of_extreme_quantiles_do_not_cover():
    """Which is why there are none in any table or figure (docs/theory.md, section 8.3)."""
    interval, truth = quantile_of(0.99), math.sqrt(2) * norm.ppf(0.99)
    assert coverage(interval, truth, networks=100, times=300) < 0.9
    assert coverage(interval, truth, networks=32, times=300) < 0.7
