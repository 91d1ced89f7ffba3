"""No proof is false, in a few dimensions; ``make soak`` looks at many more problems."""

import pytest

import jaxadv as ja
from tests.proofs.search import assert_no_false_proof, one_ulp_away, random_problems

STRUCTURES = [
    (1, ja.L2Ball, "quadratic", "tanh"),
    (2, ja.L2Ball, "quadratic", "sin"),
    (3, ja.L2Ball, "logistic", "gelu"),
    (2, ja.L2Sphere, "quadratic", "sin"),
    (3, ja.L2Sphere, "logistic", "softplus"),
    (2, ja.LInfBall, "quadratic", "sin"),
    (3, ja.LInfBall, "logistic", "silu"),
]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("dim", "make_set", "loss", "activation"), STRUCTURES)
def test_a_search_finds_no_better_point_and_no_further_maximum(dim, make_set, loss, activation):
    problems = random_problems(dim, 120, dim, make_set, loss=loss, activation=activation)
    count = assert_no_false_proof(problems, seed=0, number_of_points=2000)
    assert 30 < count.are_global < 110
    moved = assert_no_false_proof(one_ulp_away(problems, seed=1), seed=1, number_of_points=2000)
    # Neither do proofs hang by a rounding.
    assert abs(moved.are_global - count.are_global) <= 6


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("make_set", [ja.L2Ball, ja.LInfBall])
def test_a_search_in_many_dimensions_finds_no_better_point(make_set):
    problems = random_problems(0, 24, 32, make_set, loss="quadratic", activation="tanh", width=64)
    count = assert_no_false_proof(
        problems, 0, number_of_points=100, number_of_starts=30, tolerance=1e-6, max_steps=500
    )
    assert count.are_global > 5
