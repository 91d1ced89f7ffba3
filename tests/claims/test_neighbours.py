"""Two scales on the same networks: each outcome where it was planted."""

import numpy as np
import pytest

from jaxadv.claims.neighbours import MARGIN, compare, relative_change
from jaxadv.claims.verdicts import Outcome

NETWORKS = 100
INF = np.inf


def outcome_of(change, *, spread=0.01, networks=NETWORKS, rises=True):
    rng = np.random.default_rng(0)
    first = rng.uniform(1, 10, networks)
    factor = np.exp(change + spread * rng.normal(size=networks))
    return compare((0.1, 1.0), first, first * factor, rises=rises).outcome


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (2 * MARGIN, Outcome.FOR),
        (-2 * MARGIN, Outcome.AGAINST),
        (0.3 * MARGIN, Outcome.TIE),
        (-0.3 * MARGIN, Outcome.TIE),
        (MARGIN, Outcome.STRADDLED),
    ],
)
def test_each_change_has_its_outcome(change, expected):
    assert outcome_of(change) == expected
    opposite = {Outcome.FOR: Outcome.AGAINST, Outcome.AGAINST: Outcome.FOR}
    assert outcome_of(change, rises=False) == opposite.get(expected, expected)


def test_a_wide_interval_is_straddled_and_few_networks_are_too_few():
    assert outcome_of(0.0, spread=1.0) == Outcome.STRADDLED
    assert outcome_of(1.0, networks=29) == Outcome.TOO_FEW
    assert outcome_of(1.0, networks=30) == Outcome.FOR


def test_beyond_the_budget_is_more_than_any_number_and_nothing_where_both_are():
    finite, beyond = np.arange(1.0, 61), np.full(60, INF)
    assert compare((1.0, 2.0), finite, beyond).outcome == Outcome.FOR
    assert compare((1.0, 2.0), beyond, finite).outcome == Outcome.AGAINST
    assert compare((1.0, 2.0), beyond, beyond).outcome == Outcome.CENSORED
    half = np.where(np.arange(60) < 30, INF, finite)
    assert compare((1.0, 2.0), half, half).outcome == Outcome.CENSORED
    few = np.where(np.arange(60) < 29, INF, finite)
    assert compare((1.0, 2.0), few, few).outcome == Outcome.TIE


def test_changes_are_relative_for_numbers_of_any_sign():
    first = np.array([2.0, -2.0, 0.0, 0.0, 1.0, INF, INF, np.nan])
    second = np.array([6.0, 2.0, 0.0, 3.0, INF, 1.0, INF, 1.0])
    expected = [1.0, 2.0, 0.0, 2.0, 2.0, -2.0, np.nan, np.nan]
    np.testing.assert_array_equal(relative_change(first, second), expected)
