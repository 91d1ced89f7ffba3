"""Laws of growth are found where they were planted, and nothing where there is too little."""

import math

import pytest

from jaxadv.claims.exponents import Exponent, ExponentOfLaw
from jaxadv.claims.growth import NoFasterThanPower
from jaxadv.claims.laws import predicted_steps
from jaxadv.claims.verdicts import Outcome
from tests.synthetic import along, synthetic

DIMS = along("dim", (16, 32, 64, 128, 256, 512))
WIDTHS = along("width", (16, 64, 256, 1024, 4096))


def verdicts(rule, dataset):
    return [finding.outcome for finding in rule.findings(dataset)]


def root_of_dim(cell, _):
    return 20 * cell["dim"] ** 0.5


def test_a_planted_power_law_is_supported_with_its_exponent():
    (found,) = NoFasterThanPower("dim").findings(synthetic(DIMS, root_of_dim))
    assert found.outcome == Outcome.FOR
    exponent, bend = found.numbers["exponent"], found.numbers["bend"]
    assert exponent.low <= 0.5 <= exponent.high
    assert bend.low <= 0 <= bend.high
    assert found.votes[0] == 1
    assert "dim" not in found.settings
    assert verdicts(Exponent("dim", 0.5), synthetic(DIMS, root_of_dim)) == [Outcome.FOR]
    assert verdicts(Exponent("dim", 0.0), synthetic(DIMS, root_of_dim)) == [Outcome.AGAINST]
    assert verdicts(Exponent("dim", 0.39), synthetic(DIMS, root_of_dim)) == [Outcome.STRADDLED]


def median_of_law(dataset):
    """Steps whose medians are the law's, in each cell and at each tolerance."""
    counts = predicted_steps(dataset).num_steps.median(("network", "example", "start"))
    return lambda cell, tolerance: float(
        counts.isel(cell=cell["index"]).sel({"tolerance": tolerance})
    )


@pytest.mark.parametrize("along_what", ["dim", "tolerance"])
def test_exponents_are_compared_with_those_of_the_law(along_what):
    ladder = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6) if along_what == "tolerance" else (1e-4,)
    settings = DIMS if along_what == "dim" else [{}]
    settings = [{**cell, "index": index, "scale": 3.0} for index, cell in enumerate(settings)]
    law = median_of_law(synthetic(settings, lambda *_: 100, tolerances=ladder))
    rule = ExponentOfLaw(along_what)
    follows = synthetic(settings, law, tolerances=ladder)
    (found,) = rule.findings(follows)
    assert found.outcome == Outcome.FOR
    # At one e; in ln(1/tol), more than linear.
    low, high = (0.45, 0.5) if along_what == "dim" else (1.02, 1.3)
    assert low < found.numbers["predicted"].value < high
    steeper = synthetic(
        settings, lambda cell, tol: law(cell, tol) * (cell["dim"] / tol) ** 0.3, tolerances=ladder
    )
    assert verdicts(rule, steeper) == [Outcome.AGAINST]
    other = follows.assign_coords(step_rule=("cell", ["normalized"] * len(settings)))
    assert not verdicts(rule, other)


def test_a_planted_exponential_is_not_supported():
    explosive = synthetic(DIMS, lambda cell, _: 20 * math.exp(cell["dim"] / 100))
    (found,) = NoFasterThanPower("dim").findings(explosive)
    assert found.outcome == Outcome.AGAINST
    assert (found.votes == -1).all()


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        (lambda dim: 20 * math.exp(0.3 * math.log(dim / 16) ** 2), Outcome.AGAINST),
        (lambda dim: 200 * dim**0.5 / (10 + dim**0.5), Outcome.FOR),
        # Its local exponent rises from 0.1 to 0.5.
        (lambda dim: 20 * dim**0.1 * math.exp(0.2 / 3.47 * math.log(dim / 16) ** 2), None),
    ],
    ids=["quasipolynomial", "saturating", "at the margin"],
)
def test_what_lies_between_a_power_and_an_exponential_is_told_by_its_bend(law, expected):
    (found,) = NoFasterThanPower("dim").findings(synthetic(DIMS, lambda cell, _: law(cell["dim"])))
    assert found.outcome == (expected or Outcome.STRADDLED)


def test_widths_that_grow_with_the_dimension_make_families_of_their_own():
    shapes = [
        {"dim": d, "width": round(d**p)} for d in (16, 32, 64, 128, 256) for p in (1, 1.5, 2)
    ] + [{"dim": 64, "width": 100}]
    powers = {1: 0.25, 1.5: 0.5, 2: 1.0}

    def law(cell, _):
        power = round(2 * math.log(cell["width"]) / math.log(cell["dim"])) / 2
        return 20 * cell["dim"] ** powers[power]

    found = list(NoFasterThanPower("dim", growing_widths=True).findings(synthetic(shapes, law)))
    exponents = {f.settings["width"]: f.numbers["exponent"].value for f in found}
    assert exponents == pytest.approx({"d^1": 0.25, "d^1.5": 0.5, "d^2": 1.0}, abs=0.1)
    assert {f.outcome for f in found} <= {Outcome.FOR, Outcome.STRADDLED}


def test_steps_that_do_not_grow_are_polynomial():
    constant = synthetic(WIDTHS, lambda *_: 100)
    assert verdicts(NoFasterThanPower("width"), constant) == [Outcome.FOR]


def test_too_little_is_inconclusive():
    few_networks = synthetic(DIMS, root_of_dim, networks=10)
    assert verdicts(NoFasterThanPower("dim"), few_networks) == [Outcome.TOO_FEW]
    assert verdicts(NoFasterThanPower("dim"), synthetic(DIMS[:4], root_of_dim)) == []
    # Few steps cannot be fitted.
    (found,) = NoFasterThanPower("dim").findings(synthetic(DIMS, lambda *_: 5))
    assert (found.numbers["values"], found.outcome) == (0, Outcome.TOO_FEW)
    assert verdicts(Exponent("dim", 0.5), synthetic(DIMS, lambda *_: 5)) == [Outcome.TOO_FEW]


def test_a_wall_at_the_largest_sizes_is_not_polynomial():
    """A power law up to d = 256, and then no trial that converges: the rest proves nothing."""
    dims = along("dim", (8, 16, 32, 64, 128, 256, 512))
    wall = synthetic(
        dims, lambda cell, _: 20 * cell["dim"] ** 0.5 if cell["dim"] < 512 else 1e6, budget=20_000
    )
    (found,) = NoFasterThanPower("dim").findings(wall)
    assert (found.numbers["values"], found.numbers["beyond the budget"]) == (6, 1)
    assert found.outcome == Outcome.CENSORED


def test_linear_convergence_is_a_power_of_the_logarithm_of_the_tolerance():
    ladder = tuple(10.0**-k for k in range(1, 9))
    linear = synthetic([{}], lambda _, tol: 40 * math.log(1 / tol), tolerances=ladder)
    sublinear = synthetic([{}], lambda _, tol: 40 * tol**-0.5, tolerances=ladder)
    assert verdicts(Exponent("tolerance", 1.0), linear) == [Outcome.FOR]
    assert verdicts(Exponent("tolerance", 1.0), sublinear) == [Outcome.AGAINST]
    (found,) = NoFasterThanPower("tolerance").findings(sublinear)
    assert found.outcome == Outcome.FOR
    assert found.numbers["exponent"].value == pytest.approx(0.5, abs=0.02)
    explosive = synthetic(
        [{}],
        lambda _, tol: 40 * math.exp(0.1 / tol),
        tolerances=tuple(1 / k for k in range(9, 90, 10)),
    )
    assert verdicts(NoFasterThanPower("tolerance"), explosive) == [Outcome.AGAINST]
