"""Views for pictures: what is missing in them is NaN that nothing computed."""

import jax
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.landscape import drawn, spheres, views

SETTINGS = {"dims": 3, "widths": 8, "networks": 1, "starts": 4, "max_steps": 60}
"""At scale 1 ascents converge; at 30 they are cut off, and no maximum is certified."""


@pytest.mark.usefixtures("float64")
def test_paths_are_nan_after_their_ends_which_nothing_computes():
    spec = ja.Landscape(scales=1.0, **SETTINGS)
    with jax.debug_nans(True):
        losses = views.view_ascents(spec).loss_path.values[0]
        pictured = views.record_paths(drawn.scene_of(spec, spec.cells[0]), 2)
    ends = np.isfinite(losses).sum(axis=1)
    assert (ends < losses.shape[1]).all()
    for path, end in zip(losses, ends, strict=True):
        assert np.isnan(path[end:]).all()
        assert (np.diff(path[:end]) > 0).all()
    np.testing.assert_array_equal(np.isnan(pictured[1]).any(axis=-1), np.isnan(losses[:2]))


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_views_compute_no_nan_where_nothing_is_wrong(activation):
    """Networks with kinks have no certified maxima at all."""
    spec = ja.Landscape(scales=1.0, activations=activation, **SETTINGS)
    with jax.debug_nans(True):
        arcs = views.view_arcs(spec, num_points=4)
        assert bool(arcs.loss_best.isnull().all()) == (activation == "relu")
        assert np.isnan(arcs.loss_arc[0, -1]).all()
        assert np.isfinite(views.view_plane(spec, num_points=3).loss).all()
        certified = views.view_losses(spec, starts=4).certified.values.astype(bool)
        assert certified.all() == (activation == "tanh")
        if activation == "tanh":
            assert np.isfinite(spheres.view_sphere(spec, num_latitudes=3).loss).all()


@pytest.mark.slow
def test_an_ascent_without_a_maximum_has_no_top():
    spec = ja.Landscape(scales=30.0, **SETTINGS | {"dims": 2, "max_steps": 5})
    with jax.debug_nans(True):
        circle = spheres.view_circle(spec, num_angles=8)
        row = ja.run_critical(spec, starts=8, devices=1, progress=False)
    assert np.isnan(circle.top).sum() > 0
    assert row.certified.item() < 8


@pytest.mark.slow
def test_every_cell_is_seen_in_its_own_group():
    tiny = {"scales": 1.0, "networks": 1, "starts": 2, "max_steps": 60}
    both = views.view_losses(ja.Landscape(dims=(2, 3), widths=(4, 8), **tiny), starts=8)
    assert set(both.loss_function.values) == {"quadratic"}
    assert both.dim.values.tolist() == [2, 2, 3, 3]
    assert both.width.values.tolist() == [4, 8, 4, 8]
    alone = views.view_losses(ja.Landscape(dims=3, widths=4, **tiny), starts=8)
    np.testing.assert_allclose(both.loss_end[2], alone.loss_end[0], rtol=1e-9)


def test_the_losses_that_are_drawn_are_not_taken_for_the_name_of_the_loss():
    spec = ja.Landscape(dims=2, widths=4, scales=(1.0, 2.0), networks=1)
    drawn_losses = views.each_cell(spec, lambda _: {"loss": (("angle",), np.arange(3.0))}, "losses")
    np.testing.assert_array_equal(drawn_losses.loss, [[0, 1, 2]] * 2)
    assert drawn_losses.loss_function.values.tolist() == ["quadratic"] * 2
