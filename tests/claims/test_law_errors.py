"""Errors of the two laws of the curvature are those that were planted."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from jaxadv.claims.catalogue import judge_all
from jaxadv.claims.law_errors import errors_by_range, law_errors, richest_in_shapes
from jaxadv.figures.laws import plot_laws
from jaxadv.reports.claims import as_markdown
from jaxadv.theory import curvature_ratio, earlier_curvature_ratio, kappa_0
from tests.synthetic import synthetic

SETTINGS = [
    {"dim": dim, "width": aspect * dim, "activation": name, "scale": scale}
    for dim in (50, 200)
    for aspect in (5, 80)
    for name in ("tanh", "gelu", "sin")
    for scale in (0.3, 3.0, 8.0)
]


def planted(cell):
    """5% above the law where m/d is 5, and on it where it is 80."""
    above = 1.05 if cell["width"] == 5 * cell["dim"] else 1.0
    return above * float(
        curvature_ratio(kappa_0(cell["activation"], cell["scale"], 0.1), cell["dim"])
    )


@pytest.fixture(scope="module")
def dataset():
    return synthetic(SETTINGS, lambda *_: 100, networks=4, curvature_ratio=planted)


def test_errors_are_those_that_were_planted(dataset):
    errors = law_errors(dataset)
    assert len(errors) == len(SETTINGS)
    expected = np.where(errors.width == 5 * errors.dim, 0.05, 0.0)
    np.testing.assert_allclose(errors.law, expected, atol=1e-9)
    one = errors[(errors.activation == "tanh") & (errors.dim == 50)].iloc[-1]
    ratio = float(curvature_ratio(one.kappa_0, 50)) / float(earlier_curvature_ratio(one.kappa_0))
    assert one.rival == pytest.approx(ratio - 1)


def test_errors_are_summed_up_by_shape_and_range(dataset):
    table = errors_by_range(law_errors(dataset))
    assert list(table.index) == [(50, 250), (50, 4000), (200, 1000), (200, 16000)]
    for (dim, width), row in table.iterrows():
        assert row[("0.3 to 1", "law")] == pytest.approx(0.05 if width == 5 * dim else 0.0)


def test_the_report_has_the_table_and_the_figure_every_cell(dataset):
    assert richest_in_shapes({"a": dataset}) == "a"
    assert richest_in_shapes({"a": dataset.isel(cell=dataset.dim.values == 50)}) is None
    datasets = {"a": dataset}
    assert "| 50 | 250 | 5 |" in as_markdown(judge_all(datasets), datasets, {}, "")
    figure = plot_laws(law_errors(dataset), networks=4)
    points = [line for line in figure.axes[0].lines if line.get_marker() not in ("None", "")]
    assert len(points) == len(SETTINGS)
    plt.close(figure)
