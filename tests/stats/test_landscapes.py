"""Numbers of a survey, on a dataset whose truth is known."""

import numpy as np

from jaxadv.stats.cells import kappa_0_of
from jaxadv.stats.landscapes import MEASURES, tabulate
from tests.synthetic_survey import EXAMPLES, NETWORKS, SCALES, TOML, survey


def value(name, cell):
    found = MEASURES[name].of(survey().isel(cell=cell))
    assert found.shape == (NETWORKS, EXAMPLES)
    return found[0, 0]


def test_maxima_are_counted_and_those_missed_estimated():
    assert [value("maxima", cell) for cell in range(4)] == [1, 2, 3, 4]
    # Eleven starts: k maxima were found once each, the last one eleven less k times.
    assert [value("missed", cell) for cell in range(4)] == [0, 0, 1, 3]
    assert value("certified", 0) == 11 / 12
    assert value("best_share", 0) == 11 / 12
    assert value("best_share", 3) == 1 / 12


def test_the_spread_is_that_of_the_starts_in_units_of_the_gain():
    assert value("loss_spread", 0) == 0
    losses = np.array([2.0, *[1.9] * 10])
    np.testing.assert_allclose(value("loss_spread", 1), losses.std() / 1.0)


def test_what_is_not_certified_does_not_count():
    assert value("curvature_ratio", 2) == 0.5
    nothing = survey().assign(maximum=lambda d: d.maximum * 0 - 1)
    nothing["loss_maximum"] = nothing.loss_maximum * np.nan
    for name in ("best_share", "loss_spread", "curvature_ratio"):
        assert np.isnan(MEASURES[name].of(nothing.isel(cell=0))).all()
    assert (MEASURES["maxima"].of(nothing.isel(cell=0)) == 0).all()


def test_the_table_has_every_quantity_with_kappa_0():
    table = tabulate(survey())
    assert len(table) == len(SCALES) * len(MEASURES)
    row = table.query("quantity == 'maxima' and scale == 10").iloc[0]
    assert (row["value"], row.low, row.high, row["mean"]) == (3, 3, 3, 3)
    assert 1.7 < row.kappa_0 < 1.9
    other = survey().assign_attrs(landscape=TOML.replace("two-layer", "mine:deep"))
    assert np.isnan(kappa_0_of(other.isel(cell=0)))
