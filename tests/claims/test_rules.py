"""Rules find what was planted, its opposite, and nothing where there is too little."""

import math

import numpy as np
import pytest

import jaxadv as ja
from jaxadv.claims.rules import (
    EndsAreMaxima,
    Exponent,
    FailuresAreRare,
    PolynomialGrowth,
    RisesWithScale,
)
from jaxadv.claims.verdicts import Verdict
from jaxadv.stats.cells import Domain
from tests.synthetic import along, synthetic

DIMS = along("dim", (16, 32, 64, 128, 256, 512))
WIDTHS = along("width", (16, 64, 256, 1024, 4096))
SCALES = along("scale", (0.1, 1.0, 10.0))


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


def failing(share):
    """The kinds of two trials on sixty networks, some of which fail."""

    def kind(cell):
        rng = np.random.default_rng(cell["width"])
        failed = rng.random((60, 1, 1)) < share(cell["width"])
        return np.where(failed, int(ja.Kind.NOT_STATIONARY), int(ja.Kind.BOUNDARY_MAX))

    return kind


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (lambda width: 10 / width, Verdict.SUPPORTED),
        (lambda width: 0.0, Verdict.SUPPORTED),
        (lambda width: width / 8192, Verdict.NOT_SUPPORTED),
        (lambda width: 0.5, Verdict.NOT_SUPPORTED),
        (lambda width: 0.1, Verdict.INCONCLUSIVE),
    ],
)
def test_failures_must_be_rare_in_wide_networks_and_not_rise(share, expected):
    dataset = synthetic(WIDTHS, lambda *_: 100, kind=failing(share))
    assert verdicts(FailuresAreRare(), dataset) == [expected]


def test_ends_must_be_maxima_wherever_ascent_converged():
    kinds = np.full((60, 2, 1), int(ja.Kind.BOUNDARY_MAX))
    assert verdicts(EndsAreMaxima(), synthetic([{}], lambda *_: 100, kind=kinds)) == [
        Verdict.SUPPORTED
    ]
    kinds[:20, 0] = int(ja.Kind.NOT_MAX)
    dataset = synthetic([{}], lambda *_: 100, kind=kinds)
    assert verdicts(EndsAreMaxima(), dataset) == [Verdict.NOT_SUPPORTED]
    # Where they did not converge, they say nothing.
    reached = dataset.reached & (dataset.kind != int(ja.Kind.NOT_MAX))
    assert verdicts(EndsAreMaxima(), dataset.assign(reached=reached)) == [Verdict.SUPPORTED]
    few = dataset.reached & (dataset.network < 20)
    assert verdicts(EndsAreMaxima(), dataset.assign(reached=few)) == [Verdict.INCONCLUSIVE]


def test_nothing_is_asked_of_networks_with_kinks():
    kinks = synthetic(WIDTHS, lambda *_: 100, kind=int(ja.Kind.NOT_SMOOTH))
    assert verdicts(EndsAreMaxima(), kinks) == []
    assert verdicts(FailuresAreRare(), kinks) == []


def test_what_rises_with_the_scale_is_supported_and_what_falls_is_not():
    rule = RisesWithScale("num_steps")
    faster = synthetic(SCALES, lambda cell, _: 100 * cell["scale"])
    slower = synthetic(SCALES, lambda cell, _: 10_000 / cell["scale"])
    alike = synthetic(SCALES, lambda *_: 1000)
    assert verdicts(rule, faster) == [Verdict.SUPPORTED] * 2
    assert verdicts(rule, slower) == [Verdict.NOT_SUPPORTED] * 2
    assert Verdict.INCONCLUSIVE in verdicts(rule, alike)
    found = next(iter(rule.findings(faster)))
    assert found.settings["scale"] == "1 against 0.1"
    assert found.numbers["median ratio"].value == pytest.approx(10, rel=0.3)


def test_steps_beyond_the_budget_are_more_than_any_and_curvatures_there_unknown():
    censored = synthetic(SCALES, lambda cell, _: 100 * cell["scale"], budget=200)
    found = list(RisesWithScale("num_steps").findings(censored))
    assert found[1].verdict == Verdict.SUPPORTED
    assert math.isinf(found[1].numbers["median ratio"].value)
    found = list(RisesWithScale("curvature_ratio").findings(censored))
    assert found[1].verdict == Verdict.INCONCLUSIVE
    assert found[1].numbers["networks with more"] == 0


def test_curvatures_are_compared_over_the_trials_that_converged_at_both_scales():
    """The same numbers at both: what is not known at one must not count at the other."""
    rng = np.random.default_rng(0)
    same = rng.random((100, 2, 1))
    dataset = synthetic(SCALES[:2], lambda *_: 100, networks=100, curvature_ratio=same)
    hard = np.ones((2, 100, 2, 1, 1), bool)
    hard[1, :, 0] = False
    (found,) = RisesWithScale("curvature_ratio").findings(
        dataset.assign(reached=dataset.reached & hard)
    )
    assert (found.numbers["networks with more"], found.numbers["with less"]) == (0, 0)


def test_scales_are_split_by_kappa_0():
    dataset = synthetic(along("scale", (0.1, 1.0, 10.0)), lambda cell, _: 100 * cell["scale"])
    regular = list(RisesWithScale("num_steps", Domain(most_kappa_0=1.0)).findings(dataset))
    beyond = list(RisesWithScale("num_steps", Domain(least_kappa_0=1.0)).findings(dataset))
    assert [f.settings["scale"] for f in regular] == ["1 against 0.1"]
    assert [f.settings["scale"] for f in beyond] == ["10 against 1"]
    assert "κ₀ ≤ 1" in RisesWithScale("num_steps", Domain(most_kappa_0=1.0)).text
