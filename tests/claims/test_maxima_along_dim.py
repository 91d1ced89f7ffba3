"""The number of maxima against the dimension: what was planted on each side of κ₀ = 2."""

import numpy as np
import pytest
import xarray as xr

from jaxadv.claims.catalogue import CLAIMS
from jaxadv.claims.judgements import judge
from jaxadv.claims.verdicts import Outcome
from jaxadv.figures.maxima import plot_maxima
from tests.synthetic_survey import survey

DIMS = (8, 12, 24, 48, 96)
SCALES = (2.84, 14.0)  # κ₀ = 0.5 and 2.5
STARTS = 40


def along_dim(number_of):
    """Surveys in several dimensions, with so many maxima in each cell, give or take one."""
    rng, parts = np.random.default_rng(0), []
    for dim in DIMS:
        part = survey(SCALES).drop_dims("start").assign_coords(dim=("cell", [dim, dim]))
        part = part.assign_coords(loss=("cell", ["logistic"] * 2))
        shape = (2, part.sizes["network"], part.sizes["example"], STARTS)
        groups = np.zeros(shape, int)
        for row, scale in enumerate(SCALES):
            most = number_of(scale, dim) + rng.integers(0, 2, size=shape[1:3]) * (scale > 3)
            groups[row] = np.arange(STARTS) % most[..., None]
        dims = ("cell", "network", "example", "start")
        parts.append(part[["complete"]].assign(maximum=(dims, groups)))
    return xr.concat(parts, "cell", combine_attrs="override")


def outcomes(dataset):
    named = {claim.name: claim for claim in CLAIMS}
    return [
        [finding.outcome for _, finding in judge(named[name], {"a": dataset}).rulings[0].findings]
        for name in ("C3-maxima", "C3-maxima-beyond")
    ]


@pytest.mark.parametrize(
    ("number_of", "below", "beyond"),
    [
        (lambda scale, dim: 1 if scale < 3 else round(dim**0.6), Outcome.FOR, Outcome.FOR),
        (lambda scale, dim: round(dim**0.6), Outcome.AGAINST, Outcome.FOR),
        (lambda *_: 3, Outcome.FOR, Outcome.AGAINST),
    ],
)
def test_growth_is_found_where_it_was_planted(number_of, below, beyond):
    assert outcomes(along_dim(number_of)) == [[below], [beyond]]


def test_few_dimensions_say_nothing():
    dataset = along_dim(lambda *_: 3)
    assert outcomes(dataset.isel(cell=dataset.dim.values > 8)) == [[], []]


def test_the_figure_has_a_line_for_each_kappa_0(axes):
    plot_maxima(axes, along_dim(lambda scale, dim: 1 if scale < 3 else round(dim**0.6)))
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0.5", "2.5"]
    (flat, steep) = [container[0] for container in axes.containers]
    np.testing.assert_allclose(flat.get_ydata(), 1)
    assert steep.get_ydata()[-1] > 3 * steep.get_ydata()[0]
