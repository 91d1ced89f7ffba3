"""Large searches for a false proof, in an hour; run with ``make soak``."""

import itertools

import jax
import pytest

import jaxadv as ja
from tests.proofs.search import assert_no_false_proof, one_ulp_away, random_problems

SETS = (ja.L2Ball, ja.L2Sphere, ja.LInfBall)
LOSSES = ("quadratic", "logistic")
FEW = list(
    itertools.product((1, 2, 3), SETS, LOSSES, ("tanh", "sin", "gelu", "silu", "softplus", "erf"))
)
MANY = list(itertools.product((8, 24, 64), SETS, LOSSES, ("tanh", "sin", "gelu")))


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_ten_thousand_problems_in_few_dimensions():
    counts = []
    for seed, (dim, make_set, loss, activation) in enumerate(FEW):
        problems = random_problems(seed, 100, dim, make_set, loss=loss, activation=activation)
        counts.append(assert_no_false_proof(problems, seed))
        counts.append(assert_no_false_proof(one_ulp_away(problems, seed), seed))
        jax.clear_caches()
    _show(counts)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_a_thousand_problems_in_many_dimensions_from_a_thousand_starts():
    counts = []
    for seed, (dim, make_set, loss, activation) in enumerate(MANY):
        problems = random_problems(
            seed, 20, dim, make_set, loss=loss, activation=activation, width=2 * dim
        )
        count = assert_no_false_proof(
            problems, seed, number_of_points=1000, number_of_starts=998, tolerance=1e-6,
            max_steps=300,
        )  # fmt: skip
        counts.append(count)
        jax.clear_caches()
    _show(counts)


def _show(counts):
    problems, are_global, are_unique = (sum(column) for column in zip(*counts, strict=True))
    print(f"\n{problems} problems: {are_global} proved global, {are_unique} unique, none falsely")
    assert are_global > problems / 4
