"""Planted laws are found, and the wrong one loses."""

import math

import numpy as np
import pytest

from jaxadv.stats.fits import bends, exponents
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
def test_a_planted_power_law_gives_its_exponent_and_no_bend(exponent):
    values = planted(lambda size: 30 * size**exponent)
    found, bend = estimate(exponents(SIZES, values)), estimate(bends(SIZES, values))
    assert found.low <= exponent <= found.high
    assert found.high - found.low < 0.1
    assert bend.low <= 0 <= bend.high


@pytest.mark.parametrize("curvature", [-0.1, 0.2])
def test_a_planted_curvature_gives_its_bend(curvature):
    values = planted(lambda size: 30 * math.exp(math.log(size) + curvature * math.log(size) ** 2))
    bend = estimate(bends(SIZES, values))
    assert bend.low <= 2 * curvature * math.log(32) <= bend.high
    assert bend.high - bend.low < 0.5


@pytest.mark.parametrize(
    ("statistic", "truth"), [(exponents, 0.5), (bends, 0.0)], ids=["exponents", "bends"]
)
def test_intervals_cover_the_truth_95_times_in_100(statistic, truth):
    """At 100 networks, 95% ± 2%."""
    covered = 0
    for seed in range(600):
        interval = estimate(statistic(SIZES, planted(lambda size: 30 * size**0.5, seed, trials=1)))
        covered += interval.low <= truth <= interval.high
    assert abs(covered / 600 - 0.95) <= 0.02


def test_exponents_and_bends_are_those_of_numpys_least_squares():
    values = planted(lambda size: 30 * size**0.5)
    logs = np.log(SIZES)
    lines = [np.polyfit(logs, np.log(row), 1)[0] for row in values]
    curves = [2 * np.polyfit(logs, np.log(row), 2)[0] * math.log(32) for row in values]
    np.testing.assert_allclose(exponents(SIZES, values), lines)
    np.testing.assert_allclose(bends(SIZES, values), curves)


@pytest.mark.parametrize("statistic", [exponents, bends])
def test_too_few_sizes_and_numbers_without_logarithm_are_refused(statistic):
    with pytest.raises(ValueError, match="4 are too few"):
        statistic(SIZES[:4], np.ones((2, 4)))
    with pytest.raises(ValueError, match="positive and finite"):
        statistic(SIZES, np.full((2, 6), math.inf))
    with pytest.raises(ValueError, match="positive and finite"):
        statistic(SIZES, np.zeros((2, 6)))
