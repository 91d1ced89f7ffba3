"""Predictions agree with what follows them, and not with what does not."""

import math

import numpy as np
import pytest

import jaxadv as ja
from jaxadv.claims.laws import gains, predicted_steps, rate_ratio, rate_ratios
from jaxadv.claims.mean_field import Agreement
from jaxadv.claims.verdicts import Outcome
from jaxadv.stats.cells import Domain, kappa_0_of
from jaxadv.theory import (
    condition_number,
    curvature_ratio,
    derivative_norms,
    earlier_curvature_ratio,
    end_scale,
    kappa_0,
    median_slope,
    steps,
    steps_of_slowest,
)
from tests.synthetic import USUAL, along, synthetic

SCALES = along("scale", (0.3, 1.0, 3.0))


def verdicts(rule, dataset):
    return [finding.outcome for finding in rule.findings(dataset)]


def kappa_0_at(cell):
    return kappa_0("tanh", cell["scale"], cell["ratio"])


def predicted(cell):
    return float(curvature_ratio(kappa_0_at(cell), cell["dim"]))


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (1.0, Outcome.FOR),
        (1.05, Outcome.FOR),
        (1.2, Outcome.AGAINST),
        (0.8, Outcome.AGAINST),
    ],
)
def test_curvatures_agree_within_the_margin(factor, expected):
    dataset = synthetic(
        SCALES, lambda *_: 100, curvature_ratio=lambda cell: factor * predicted(cell)
    )
    rule = Agreement("curvature", 0.1)
    assert verdicts(rule, dataset) == [expected] * 3
    found = next(iter(rule.findings(dataset)))
    assert found.numbers["simulated over predicted"].value == pytest.approx(factor)


@pytest.mark.parametrize(("factor", "expected"), [(1.0, Outcome.FOR), (1.3, Outcome.AGAINST)])
def test_condition_numbers_agree_within_the_margin(factor, expected):
    def planted(cell):
        return factor * float(condition_number(kappa_0_at(cell), cell["dim"]))

    dataset = synthetic(SCALES, lambda *_: 100, condition_number=planted)
    assert verdicts(Agreement("condition", 0.1), dataset) == [expected] * 3
    # Stores of version 0.1 have none.
    assert verdicts(Agreement("condition", 0.1), dataset.drop_vars("condition_number")) == []


def test_the_earlier_law_is_judged_beside():
    dataset = synthetic(
        [{"scale": 6.0}],
        lambda *_: 100,
        curvature_ratio=lambda cell: float(earlier_curvature_ratio(kappa_0_at(cell))),
    )
    assert verdicts(Agreement("earlier curvature", 0.02), dataset) == [Outcome.FOR]
    assert verdicts(Agreement("curvature", 0.02), dataset) == [Outcome.AGAINST]


def test_the_domain_is_kept():
    dataset = synthetic(SCALES, lambda *_: 100)
    assert len(list(Agreement("curvature", 0.1, Domain(64, 16)).findings(dataset))) == 3
    assert not list(Agreement("curvature", 0.1, Domain(65, 16)).findings(dataset))
    assert not list(Agreement("curvature", 0.1, Domain(64, 17)).findings(dataset))
    regular = Agreement("curvature", 0.1, Domain(most_kappa_0=0.2))
    assert [f.settings["scale"] for f in regular.findings(dataset)] == [0.3, 1.0]
    beyond = Agreement("curvature", 0.1, Domain(least_kappa_0=0.2))
    assert [f.settings["scale"] for f in beyond.findings(dataset)] == [3.0]
    assert "κ₀ > 0.2" in beyond.text


def test_nothing_is_predicted_for_other_networks_and_kinks():
    dataset = synthetic(SCALES, lambda *_: 100)
    other = dataset.assign_attrs(sweep='network = "mine:three_layers"')
    assert math.isnan(kappa_0_of(other.isel(cell=0)))
    relu = dataset.assign_coords(activation=("cell", ["relu"] * 3))
    assert math.isnan(kappa_0_of(relu.isel(cell=0)))
    assert not list(Agreement("curvature", 0.1, Domain(most_kappa_0=1.0)).findings(relu))


def test_trials_that_did_not_converge_leave_a_cell_undecided():
    dataset = synthetic(SCALES, lambda *_: 100, curvature_ratio=predicted, budget=150)
    assert verdicts(Agreement("curvature", 0.1), dataset) == [Outcome.CENSORED] * 3


def gain(cell):
    """ηλ for the loss slope 1 at a loss of 1/2."""
    radius = cell["ratio"] * cell["scale"] * math.sqrt(cell["dim"])
    return (
        cell["step_size"]
        * derivative_norms("tanh", end_scale(cell["scale"], cell["ratio"]))[0]
        / radius
    )


@pytest.mark.parametrize(
    ("name", "law", "other"),
    [
        ("steps of slowest", steps_of_slowest, "steps"),
        ("steps", steps, "steps of slowest"),
    ],
)
def test_steps_agree_with_the_law_that_made_them(name, law, other):
    cells = along("scale", (6.0, 8.0))

    def counts(cell, tolerance):
        return law(tolerance, np.array([gain(cell)]), kappa_0_at(cell))[0]

    dataset = synthetic(cells, counts, networks=100)
    found = gains(dataset.isel(cell=0, tolerance=-1))[0, 0]
    assert found == pytest.approx(gain(USUAL | {"scale": 6.0}))
    assert verdicts(Agreement(name, 0.2), dataset) == [Outcome.FOR] * 2
    assert Outcome.FOR not in verdicts(Agreement(other, 0.1), dataset)
    adaptive = dataset.assign_coords(step_rule=("cell", ["inverse-curvature"] * 2))
    assert not list(Agreement(name, 0.2).findings(adaptive))


@pytest.mark.parametrize(("factor", "expected"), [(1.0, Outcome.FOR), (1.5, Outcome.AGAINST)])
def test_steps_agree_with_what_the_settings_alone_predict(factor, expected):
    cells = along("scale", (1.0, 3.0, 6.0))

    def counts(cell, tolerance):
        slope = median_slope("tanh", cell["scale"], cell["ratio"], cell["dim"])
        gains_at_median = np.array([slope * gain(cell)])
        return factor * steps(tolerance, gains_at_median, kappa_0_at(cell))[0]

    # The loss at the end is not looked at.
    dataset = synthetic(cells, counts, networks=100, loss_end=1e9)
    rule = Agreement("steps alone", 0.2)
    assert verdicts(rule, dataset) == [expected] * 3
    for other in (
        dataset.assign_coords(step_rule=("cell", ["inverse-curvature"] * 3)),
        dataset.assign_coords(loss=("cell", ["logistic"] * 3)),
        dataset.assign_attrs(sweep=dataset.attrs["sweep"] + 'data = "digits"\n'),
    ):
        assert not list(rule.findings(other))


def test_the_logistic_loss_has_its_own_slope():
    logistic = synthetic([{"loss": "logistic"}], lambda *_: 100, loss_end=math.log(2))
    quadratic = synthetic([{}], lambda *_: 100, loss_end=1 / 8)
    slopes = [gains(dataset.isel(cell=0, tolerance=-1))[0, 0] for dataset in (logistic, quadratic)]
    assert slopes[0] == pytest.approx(slopes[1])  # both are 1/2


def test_rates_are_measured_between_the_last_two_tolerances():
    ladder = (1e-5, 1e-6, 1e-7)

    def steps(cell, tolerance):
        return math.log(1 / tolerance) / cell["rate"]

    def decaying(rate, **more):
        return synthetic(
            [{"rate": rate}], steps, tolerances=ladder, local_rate=math.exp(-rate), **more
        )

    dataset = decaying(0.01)
    # The noise is the same at all tolerances: so is the ratio, up to the rounding of steps.
    middle = np.median(rate_ratios(dataset.isel(cell=0)))
    assert middle == pytest.approx(1, abs=0.1)
    assert verdicts(Agreement("rate", 0.2), dataset) == [Outcome.FOR]
    wrong = dataset.assign(local_rate=dataset.local_rate**2)
    assert verdicts(Agreement("rate", 0.2), wrong) == [Outcome.AGAINST]
    # Too fast to be measured, too loose, or no maximum.
    assert not list(Agreement("rate", 0.2).findings(decaying(0.5)))
    loose = dataset.isel(tolerance=slice(0, 1))
    assert not list(Agreement("rate", 0.2).findings(loose.isel(tolerance=[0, 0])))
    assert not list(Agreement("rate", 0.2).findings(decaying(0.01, kind=int(ja.Kind.NOT_MAX))))


def test_the_rate_of_all_modes_is_expected_where_the_certificate_has_that_of_one():
    """At κ₀ = 1.4 the law's own steps decay faster than the slowest mode, as it says."""
    scale, gain = 8.0, 1e-3
    kappa = kappa_0("tanh", scale, 0.1)
    slowest = math.log1p(gain) - math.log1p(gain * curvature_ratio(kappa))

    def counts(_, tolerance):
        return steps(tolerance, np.array([gain]), kappa)[0]

    dataset = synthetic(
        [{"scale": scale}], counts, networks=1000, tolerances=(1e-5, 1e-6),
        local_rate=math.exp(-slowest),
    )  # fmt: skip
    expected = rate_ratio(kappa, 1e-5, 1e-6)
    assert expected > 1.04
    middle = np.median(rate_ratios(dataset.isel(cell=0)))
    assert middle == pytest.approx(expected, rel=0.03)
    assert verdicts(Agreement("rate", 0.05), dataset) == [Outcome.FOR]


def test_predicted_steps_stand_where_there_is_a_law():
    dataset = synthetic([{"scale": 3.0}, {"step_rule": "normalized"}], lambda *_: 100)
    law = predicted_steps(dataset)
    setting = USUAL | {"scale": 3.0}
    expected = steps(1e-4, np.array([gain(setting)]), kappa_0_at(setting))[0]
    np.testing.assert_allclose(law.num_steps[0], expected)
    assert law.reached[0].all()
    assert not law.reached[1].any()
