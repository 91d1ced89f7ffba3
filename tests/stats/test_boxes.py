"""The tables on boxes and the law of free coordinates, on datasets with a known truth."""

import numpy as np
import pytest

import jaxadv as ja
from jaxadv.figures import boxes as plots
from jaxadv.reports import boxes as report
from jaxadv.stats.boxes import (
    fit_free_law,
    free_coordinates,
    free_law_errors,
    tabulate_methods,
)
from jaxadv.theory import kappa_0
from tests.synthetic import synthetic

SCALES = (1.0, 2.0, 5.0, 10.0)
DIMS = (16, 64, 128, 512)


def planted(cell):
    """3 κ₀ d^0.7 free coordinates."""
    return 3 * kappa_0("tanh", cell["scale"], 0.1) * cell["dim"] ** 0.7


@pytest.fixture(scope="module")
def free():
    rng = np.random.default_rng(0)
    settings = [{"constraint": "linf-ball", "dim": d, "scale": s} for d in DIMS for s in SCALES]
    return synthetic(
        settings, lambda *_: 50, kind=int(ja.Kind.FACE_MAX),
        num_free=lambda cell: rng.poisson(planted(cell), size=(60, 2, 1)).astype(float),
    )  # fmt: skip


@pytest.fixture(scope="module")
def methods():
    settings = [
        {"constraint": constraint, "method": method, "scale": scale}
        for scale in (0.1, 1.0)
        for constraint in ("l2-ball", "linf-ball")
        for method in ("gradient", "sign")
    ]

    def kind(cell):
        if cell["constraint"] == "l2-ball":
            return int(ja.Kind.BOUNDARY_MAX)
        return int(ja.Kind.VERTEX_MAX if cell["scale"] < 1 else ja.Kind.FACE_MAX)

    return synthetic(
        settings, lambda *_: 20, kind=kind,
        num_free=lambda cell: float(cell["constraint"] == "linf-ball" and cell["scale"] == 1),
        loss_end=lambda cell: 0.9 if cell["method"] == "sign" else 1.0,
        status=lambda cell: int(ja.Status.CYCLING if cell["method"] == "sign" else 1),
    )  # fmt: skip


def test_the_law_is_found_and_predicts_the_dimension_that_was_held_out(free):
    law = fit_free_law(free)
    assert law.in_dim.low < 0.7 < law.in_dim.high
    assert law.in_kappa.low < 1 < law.in_kappa.high
    assert law.factor.low < 3 < law.factor.high
    assert law(0.5, 100) == pytest.approx(1.5 * 100**0.7, rel=0.1)
    table = free_coordinates(free)
    assert free_law_errors(law, table)[512] < 0.1
    expected = [planted({"dim": row.dim, "scale": row.scale}) for row in table.itertuples()]
    assert np.mean((table.low <= expected) & (expected <= table.high)) > 0.8


def test_methods_are_compared_with_the_best_one_on_the_same_inputs(methods):
    table = tabulate_methods(methods)
    assert (table[table.method == "sign"].relative == 0.9).all()
    assert (table[table.method == "gradient"].relative == 1).all()
    assert (table[table.method == "sign"].cycling == 1).all()
    boxes = table[table.constraint == "linf-ball"]
    assert boxes.vertex.tolist() == [1, 1, 0, 0]
    assert boxes.free.tolist() == [0, 0, 1, 1]
    assert (table[table.constraint == "l2-ball"].vertex == 0).all()


def test_the_page_has_both_tables_and_both_figures(methods, free, tmp_path):
    text = report.as_markdown(methods, free, "python x.py")
    assert "at least 100.0% of the ends of each method are vertices" in text
    assert "100.0% of the trials of sign steps cycle" in text
    assert "| linf-ball | 0.1 |" in text
    assert "(ends.png)" in text
    assert "(free.png)" in text
    assert "d = 512" in text
    figure = plots.plot_ends(tabulate_methods(methods), "a test")
    assert [axes.get_title() for axes in figure.axes] == ["gradient", "sign"]
    for picture in report.pictures(methods, free):
        picture.draw().savefig(tmp_path / picture.file)
        assert (tmp_path / picture.file).stat().st_size > 0
