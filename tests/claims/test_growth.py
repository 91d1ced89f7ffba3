"""Laws of growth are found where they were planted, and nothing where there is too little."""

import math

import pytest

from jaxadv.claims.growth import Exponent, PolynomialGrowth
from jaxadv.claims.verdicts import Verdict
from tests.synthetic import along, synthetic

DIMS = along("dim", (16, 32, 64, 128, 256, 512))
WIDTHS = along("width", (16, 64, 256, 1024, 4096))


def verdicts(rule, dataset):
    return [finding.verdict for finding in rule.findings(dataset)]


def root_of_dim(cell, _):
    return 20 * cell["dim"] ** 0.5


def test_a_planted_power_law_is_supported_with_its_exponent():
    (found,) = PolynomialGrowth("dim").findings(synthetic(DIMS, root_of_dim))
    assert found.verdict == Verdict.SUPPORTED
    exponent = found.numbers["exponent"]
    assert exponent.low <= 0.5 <= exponent.high
    assert "dim" not in found.settings
    assert verdicts(Exponent("dim", 0.5), synthetic(DIMS, root_of_dim)) == [Verdict.SUPPORTED]
    assert verdicts(Exponent("dim", 0.0), synthetic(DIMS, root_of_dim)) == [Verdict.NOT_SUPPORTED]
    assert verdicts(Exponent("dim", 0.39), synthetic(DIMS, root_of_dim)) == [Verdict.INCONCLUSIVE]


def test_a_planted_exponential_is_not_supported():
    explosive = synthetic(DIMS, lambda cell, _: 20 * math.exp(cell["dim"] / 100))
    assert verdicts(PolynomialGrowth("dim"), explosive) == [Verdict.NOT_SUPPORTED]


def test_steps_that_do_not_grow_are_polynomial():
    constant = synthetic(WIDTHS, lambda *_: 100)
    assert verdicts(PolynomialGrowth("width"), constant) == [Verdict.SUPPORTED]


def test_too_little_is_inconclusive():
    few_networks = synthetic(DIMS, root_of_dim, networks=10)
    assert verdicts(PolynomialGrowth("dim"), few_networks) == [Verdict.INCONCLUSIVE]
    assert verdicts(PolynomialGrowth("dim"), synthetic(DIMS[:4], root_of_dim)) == []
    # Few steps cannot be fitted.
    (found,) = PolynomialGrowth("dim").findings(synthetic(DIMS, lambda *_: 5))
    assert (found.numbers["values"], found.verdict) == (0, Verdict.INCONCLUSIVE)
    assert verdicts(Exponent("dim", 0.5), synthetic(DIMS, lambda *_: 5)) == [Verdict.INCONCLUSIVE]


def test_a_wall_at_the_largest_sizes_is_not_polynomial():
    """A power law up to d = 256, and then no trial that converges: the rest proves nothing."""
    dims = along("dim", (8, 16, 32, 64, 128, 256, 512))
    wall = synthetic(
        dims, lambda cell, _: 20 * cell["dim"] ** 0.5 if cell["dim"] < 512 else 1e6, budget=20_000
    )
    (found,) = PolynomialGrowth("dim").findings(wall)
    assert (found.numbers["values"], found.numbers["beyond the budget"]) == (6, 1)
    assert found.numbers["power law better in"] == 1
    assert found.verdict == Verdict.INCONCLUSIVE


def test_linear_convergence_is_a_power_of_the_logarithm_of_the_tolerance():
    ladder = tuple(10.0**-k for k in range(1, 9))
    linear = synthetic([{}], lambda _, tol: 40 * math.log(1 / tol), tolerances=ladder)
    sublinear = synthetic([{}], lambda _, tol: 40 * tol**-0.5, tolerances=ladder)
    assert verdicts(Exponent("tolerance", 1.0), linear) == [Verdict.SUPPORTED]
    assert verdicts(Exponent("tolerance", 1.0), sublinear) == [Verdict.NOT_SUPPORTED]
    (found,) = PolynomialGrowth("tolerance").findings(sublinear)
    assert found.verdict == Verdict.SUPPORTED
    assert found.numbers["exponent"].value == pytest.approx(0.5, abs=0.02)
    explosive = synthetic(
        [{}],
        lambda _, tol: 40 * math.exp(0.1 / tol),
        tolerances=tuple(1 / k for k in range(9, 90, 10)),
    )
    assert verdicts(PolynomialGrowth("tolerance"), explosive) == [Verdict.NOT_SUPPORTED]
