"""Figures of landscapes show what was planted."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from jaxadv.figures import landscapes as plots
from jaxadv.figures import spheres
from jaxadv.figures.panels import REGULAR, ROUGH, few_scales, panels
from jaxadv.landscape.critical import Critical
from jaxadv.stats.landscapes import tabulate
from tests.synthetic_survey import survey


def test_few_scales_keep_the_ends():
    assert few_scales(survey((1.0, 2.0, 3.0, 4.0, 5.0, 6.0))).scale.values.tolist() == [1, 3, 4, 6]
    assert few_scales(survey()).sizes["cell"] == 4


@pytest.mark.parametrize("trainings", [("none",), ("none", "clean")])
def test_panels_say_on_which_side_of_2_kappa_0_is(trainings):
    figure = panels(survey(trainings=trainings), lambda axes, cell: axes, "what", share=True)
    titles = [axes.title for axes in figure.axes if axes.get_title()]
    assert [title.get_text() for title in titles][1:3] == [
        "s = 1,  κ₀ = 0.16 < 2",
        "s = 10,  κ₀ = 1.8 < 2",
    ]
    colours = [plt.matplotlib.colors.to_hex(t.get_bbox_patch().get_facecolor()) for t in titles]
    assert colours == [REGULAR.lower()] * 3 + [ROUGH.lower()]
    names = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert names == ([] if trainings == ("none",) else ["random\nnetworks", "clean\ntraining"])
    plt.close(figure)


def test_the_overview_shows_the_table():
    table = tabulate(survey())
    figure = plots.plot_overview(table, "what")
    (line,) = (line for line in figure.axes[0].lines if len(line.get_xdata()) == 4)
    np.testing.assert_array_equal(line.get_ydata(), [1, 2, 3, 4])
    assert figure.axes[0].get_yscale() == "log"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["κ₀ < 2: regular", "κ₀ > 2: rough"]
    plt.close(figure)


def test_a_spectrum_is_drawn_with_its_semicircle(axes):
    plots.draw_spectrum(axes, survey().isel(cell=1))
    x, y = axes.lines[0].get_data()
    # s = 1, tanh: κ₀ = 0.161, and the semicircle is shifted by −κ₀²/4.
    np.testing.assert_allclose([x.min(), x.max()], [-0.168, 0.155], atol=0.002)
    np.testing.assert_allclose(np.trapezoid(y, x), 1, rtol=1e-3)


def test_final_losses_are_counted(axes):
    losses = np.array([1.0, 2.0, 2.0, 1.5])
    cell = (
        survey()
        .isel(cell=3)
        .drop_vars("loss_centre")[["scale"]]
        .assign(loss_end=("start", losses), certified=("start", [1.0, 1, 1, 0]), loss_centre=1.0)
    )
    plots.draw_losses(axes, cell)
    heights = [patch.get_height() for patch in axes.patches[:-1]]
    assert sum(heights) == 3
    assert max(heights) == 2
    assert axes.get_ylabel() == "ascents"
    for bad, height in ((losses == 1.5, 2), (losses > 0, 0)):
        axes.clear()
        plots.draw_losses(axes, cell.assign(loss_end=("start", np.where(bad, np.nan, losses))))
        assert axes.get_ylabel() == f"ascents, {bad.sum()} not finite"
        assert max([0, *(patch.get_height() for patch in axes.patches[:-1])]) == height


def test_arcs_and_ascents_are_in_units_of_the_gain(axes):
    cell = xr.Dataset(
        {
            "loss_arc": (("pair", "point"), [[3.0, 2.0, 2.5], [np.nan] * 3]),
            "angle": (("pair", "point"), [[0.0, 0.5, 1.0], [np.nan] * 3]),
            "loss_path": (("start", "step"), [[1.0, 2.0, np.nan], [0.5, 1.0, 3.0]]),
            "loss_best": 3.0, "loss_centre": 1.0,
        }
    )  # fmt: skip
    plots.draw_arcs(axes, cell)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [1, 0.5, 0.75])
    axes.clear()
    plots.draw_ascents(axes, cell)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0, 0.5])
    np.testing.assert_allclose(axes.lines[2].get_ydata(), [-0.25, 0, 1])


def test_the_circle_shows_maxima_and_where_ascents_end(axes):
    angles = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    cell = xr.Dataset(
        {
            "loss": ("angle", np.cos(2 * angles)),
            "angle": ("angle", angles),
            "top": ("angle", np.where(np.cos(angles) > 0, 0.0, np.pi)),
            "critical_angle": ("critical", [0, np.pi, np.pi / 2, -np.pi / 2, np.nan]),
            "critical_loss": ("critical", [1, 1, -1, -1, np.nan]),
            "critical_kind": ("critical", [2.0, 2, 0, 0, np.nan]),
        }
    )
    spheres.draw_circle(axes, cell)
    marks = [line for line in axes.lines if len(line.get_xdata()) == 1]
    tops = [line.get_xdata()[0] for line in marks if line.get_marker() == "^"]
    assert tops == [0, 180]
    assert [text.get_text() for text in axes.texts] == ["2 maxima"]
    assert spheres.LOOK[Critical.MAXIMUM]["marker"] == "^"


def test_paths_are_broken_at_the_edge_of_the_map():
    longitude, latitude = spheres.unwound(np.array([2.9, 3.1, -3.1]), np.array([0.0, 0.1, 0.2]))
    np.testing.assert_array_equal(longitude, [2.9, 3.1, np.nan, -3.1])
    np.testing.assert_array_equal(latitude, [0.0, 0.1, np.nan, 0.2])
