"""Planted laws are found, and the wrong one loses."""

import math

import numpy as np
import pytest

from jaxadv.stats.fits import growth
from jaxadv.stats.intervals import estimate, replicates
from jaxadv.stats.survival import steps_quantiles

SIZES = np.array([16.0, 32.0, 64.0, 128.0, 256.0, 512.0])


def planted(law, seed=0, networks=100, trials=3):
    """Medians of clustered log-normal counts around a law, in every replicate."""
    rng = np.random.default_rng(seed)
    columns = []
    for index, size in enumerate(SIZES):
        noise = 0.3 * rng.normal(size=(networks, 1)) + 0.3 * rng.normal(size=(networks, trials))
        counts = np.ceil(law(size) * np.exp(noise)).astype(int)
        weights = replicates(networks, resamples=200, seed=index)
        columns.append(steps_quantiles(counts, np.ones_like(counts, bool), 0.5, weights))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_a_planted_power_law_gives_its_exponent(exponent):
    found = growth(SIZES, planted(lambda size: 30 * size**exponent))
    assert found.exponent.low <= exponent <= found.exponent.high
    assert found.exponent.high - found.exponent.low < 0.1
    assert found.power_wins == 1
    assert found.power_error.value < 0.1 < found.exponential_error.value


def test_a_planted_exponential_is_predicted_better_by_an_exponential():
    found = growth(SIZES, planted(lambda size: 30 * math.exp(size / 100)))
    assert found.power_wins == 0
    assert found.exponential_error.value < 0.2 < found.power_error.value


def test_exponents_cover_the_truth_95_times_in_100():
    covered = 0
    for seed in range(150):
        interval = growth(SIZES, planted(lambda size: 30 * size**0.5, seed)).exponent
        covered += interval.low <= 0.5 <= interval.high
    # Three standard errors of 150 repetitions.
    assert abs(covered / 150 - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / 150)


def test_exponent_and_errors_are_those_of_numpys_least_squares():
    values = planted(lambda size: 30 * size**0.5)
    found = growth(SIZES, values)
    fits = [np.polyfit(np.log(SIZES), np.log(row), 1)[0] for row in values]
    assert found.exponent.value == pytest.approx(fits[0])
    assert found.exponent.low == pytest.approx(estimate(np.array(fits)).low)
    line = np.polyfit(SIZES[:-2], np.log(values[0, :-2]), 1)
    missed = np.polyval(line, SIZES[-2:]) - np.log(values[0, -2:])
    assert found.exponential_error.value == pytest.approx(np.sqrt(np.mean(missed**2)))


def test_too_few_sizes_and_numbers_without_logarithm_are_refused():
    with pytest.raises(ValueError, match="4 are too few"):
        growth(SIZES[:4], np.ones((2, 4)))
    with pytest.raises(ValueError, match="positive and finite"):
        growth(SIZES, np.full((2, 6), math.inf))
    with pytest.raises(ValueError, match="positive and finite"):
        growth(SIZES, np.zeros((2, 6)))
