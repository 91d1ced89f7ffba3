"""The tail of the number of steps: what was planted, and nothing from too few networks."""

import numpy as np
import pytest

from jaxadv.claims.tail import TailIsThin, steps_at
from jaxadv.claims.verdicts import Outcome
from tests.synthetic import synthetic


def dataset_of(draw, networks=20_000):
    rng = np.random.default_rng(0)
    dataset = synthetic([{}], lambda *_: 100, networks=networks, budget=10**9)
    counts = np.ceil(draw(rng, networks)).astype(int)
    return dataset.assign(num_steps=dataset.num_steps * 0 + counts[None, :, None, None, None])


def exponential(rng, networks):
    """T with P(T > t) = exp(-t/50), so that T(p) = 50 ln(1/p)."""
    return 20 + rng.exponential(50, networks)


def pareto(rng, networks):
    """P(T > t) = (30/t)², so that T(p) grows as a power of 1/p."""
    return 30 * rng.random(networks) ** -0.5


@pytest.mark.parametrize(
    ("draw", "expected"), [(exponential, Outcome.FOR), (pareto, Outcome.AGAINST)]
)
def test_a_thin_tail_is_told_from_a_heavy_one(draw, expected):
    (found,) = TailIsThin().findings(dataset_of(draw))
    assert found.outcome == expected
    assert found.votes[0] == (1 if expected == Outcome.FOR else -1)


def test_few_networks_say_nothing_of_the_tail():
    assert list(TailIsThin().findings(dataset_of(exponential, networks=1000))) == []


def test_a_tail_beyond_the_budget_is_censored():
    dataset = dataset_of(exponential)
    few = dataset.reached & (dataset.network > 2400)
    (found,) = TailIsThin().findings(dataset.assign(reached=few))
    assert found.outcome == Outcome.CENSORED


def test_a_few_steps_say_nothing_of_the_tail():
    (found,) = TailIsThin().findings(dataset_of(lambda rng, n: rng.integers(0, 3, n)))
    assert found.outcome == Outcome.TOO_FEW
    assert found.votes is None


def test_bounds_of_the_tail_cover():
    """T(p) of an exponential tail is between its bounds at least 95 times in 100."""
    rng = np.random.default_rng(1)
    for p in (0.1, 0.01):
        truth, covered = 50 * np.log(1 / p), []
        for _ in range(2000):
            bounds = steps_at(rng.exponential(50, 1000), p)
            covered.append(bounds.low <= truth <= bounds.high)
        assert 0.94 <= np.mean(covered) <= 0.98
