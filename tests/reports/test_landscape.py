"""Numbers of a survey, on a dataset whose truth is known; and the figures and words for them."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from jaxadv.ascent.kinds import Kind
from jaxadv.claims.landscapes import QUANTITIES, directions, tabulate
from jaxadv.claims.verdicts import Verdict
from jaxadv.figures import landscapes as plots
from jaxadv.figures import spheres
from jaxadv.figures.panels import REGULAR, ROUGH, few_scales, panels
from jaxadv.landscape.critical import Critical
from jaxadv.reports import landscape as landscape_report
from jaxadv.reports.claims import Figure
from jaxadv.stats.cells import kappa_0_of

NETWORKS, EXAMPLES, STARTS = 40, 2, 12
SCALES = (0.1, 1.0, 10.0, 30.0)
GROUP = {"dim": 5, "width": 8, "activation": "tanh", "loss": "quadratic"}
TOML = (
    'network = "two-layer"\ndata = "sphere"\nstep = "constant"\nstep_size = 0.1\n'
    "tolerance = 1e-4\nmax_steps = 9\n"
)


def survey(scales=SCALES, trainings=("none",), seed=0):
    """At scale number k there are k + 1 maxima; one start in the last one, the rest alike."""
    rng = np.random.default_rng(seed)
    cells = [(training, scale, k) for training in trainings for k, scale in enumerate(scales)]
    shape = (len(cells), NETWORKS, EXAMPLES)

    def of_inputs(value, noise=0.01):
        columns = [np.full(shape[1:], value(k)) for _, _, k in cells]
        return ("cell", "network", "example"), np.stack(columns) + noise * rng.normal(size=shape)

    groups = np.zeros((*shape, STARTS), int)
    for row, (_, _, k) in enumerate(cells):
        groups[row] = np.minimum(np.arange(STARTS), k)
        groups[row, ..., :k] = np.arange(k)
    starts = ("cell", "network", "example", "start")
    kinds = np.full(groups.shape, int(Kind.BOUNDARY_MAX))
    groups[..., -1], kinds[..., -1] = -1, Kind.NOT_STATIONARY
    losses = np.where(groups >= 0, 2.0 - 0.1 * groups, np.nan)
    barrier = np.full((*shape, 3), np.nan)
    barrier[1:] = 0.2
    return xr.Dataset(
        {
            "maximum": (starts, groups),
            "kind": (starts, kinds),
            "loss_maximum": (starts, losses),
            "curvature_ratio": (starts, np.where(groups >= 0, 0.5, 99.0)),
            "path_ratio": (starts, np.full(groups.shape, 1.5)),
            "falls": (starts, np.full(groups.shape, 0.25)),
            "loss_centre": of_inputs(lambda _: 1.0, 0),
            "step_cosine": of_inputs(lambda k: 1 - 0.2 * k),
            "step_gain": of_inputs(lambda _: 0.5, 0),
            "gradient_change": of_inputs(lambda k: -float(k)),
            "barrier": ((*starts[:3], "pair"), barrier),
            "spectrum": ((*starts[:3], "mode"), rng.uniform(-0.5, 0.5, size=(*shape, 4))),
            "complete": (("cell", "network"), np.ones(shape[:2], bool)),
        },
        coords={
            "scale": ("cell", [scale for _, scale, _ in cells]),
            "ratio": ("cell", [0.1] * len(cells)),
            "training": ("cell", [training for training, _, _ in cells]),
            **{name: ("cell", [value] * len(cells)) for name, value in GROUP.items()},
        },
        attrs={"landscape": TOML, "seconds": 60.0, "identity": json.dumps({"ascents": 100})},
    )


def value(name, cell):
    found = QUANTITIES[name].of(survey().isel(cell=cell))
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
        assert np.isnan(QUANTITIES[name].of(nothing.isel(cell=0))).all()
    assert (QUANTITIES["maxima"].of(nothing.isel(cell=0)) == 0).all()


def test_directions_are_verdicts_on_regularity():
    def verdicts(name):
        return [direction.verdict for direction in directions(survey(), name)]

    assert verdicts("maxima") == [Verdict.SUPPORTED] * 3
    assert verdicts("step_cosine") == [Verdict.SUPPORTED] * 3  # a smaller one is less regular
    assert verdicts("gradient_change") == [Verdict.NOT_SUPPORTED] * 3
    assert verdicts("path_ratio") == [Verdict.INCONCLUSIVE] * 3
    first = next(directions(survey(), "maxima"))
    assert (first.smaller, first.larger) == (0.1, 1.0)
    assert (first.less_regular, first.more_regular) == (NETWORKS, 0)


def test_directions_are_not_taken_across_trainings_nor_from_few_networks():
    both = survey(trainings=("none", "clean"))
    found = list(directions(both, "maxima"))
    assert [d.training for d in found] == ["clean"] * 3 + ["none"] * 3
    few = survey().isel(network=slice(0, 20))
    assert {d.verdict for d in directions(few, "maxima")} == {Verdict.INCONCLUSIVE}


def test_the_table_has_every_quantity_with_kappa_0():
    table = tabulate(survey())
    assert len(table) == len(SCALES) * len(QUANTITIES)
    row = table.query("quantity == 'maxima' and scale == 10").iloc[0]
    assert (row["value"], row.low, row.high, row["mean"]) == (3, 3, 3, 3)
    assert 1.7 < row.kappa_0 < 1.9
    other = survey().assign_attrs(landscape=TOML.replace("two-layer", "mine:deep"))
    assert np.isnan(kappa_0_of(other.isel(cell=0)))


def test_the_report_has_the_numbers_and_the_verdicts():
    dataset = survey(trainings=("none", "adversarial"))
    counts = dict.fromkeys(("maxima", "minima", "saddles", "valleys", "missed", "strays"), 1)
    counts |= {"euler": 2, "settled": 1, "certified": 99}
    critical = xr.Dataset(
        {name: (("cell", "network"), np.full((1, 5), number)) for name, number in counts.items()},
        coords={"scale": ("cell", [30.0]), "dim": ("cell", [3])},
        attrs=dataset.attrs,
    )
    critical.euler[0, 0] = 0
    figures = [Figure("plane.png", "A plane.")]
    text = landscape_report.as_markdown(dataset, tabulate(dataset), [critical], figures, "python x")
    assert "**Adversarial training, ρ = 0.1**" in text
    assert "| distinct maxima found | 1 [1, 1], mean 1 | 2 [2, 2], mean 2 |" in text
    assert "| distinct maxima found | **yes** 40:0 | **yes** 40:0 | **yes** 40:0 |" in text
    assert "| change of the gradient within a radius | **no** 0:40 |" in text
    assert "| 3 | 30 | 5 | 5 | 5 | 5 | 5 | 4, 0.8 [" in text
    assert "| 100 | 99.0% | 5 | 5 |" in text
    assert "![A plane.](plane.png)" in text


def test_few_scales_keep_the_ends():
    assert few_scales(survey((1.0, 2.0, 3.0, 4.0, 5.0, 6.0))).scale.values.tolist() == [1, 3, 4, 6]
    assert few_scales(survey()).sizes["cell"] == 4


@pytest.mark.parametrize("trainings", [("none",), ("none", "clean")])
def test_panels_say_on_which_side_of_1_kappa_0_is(trainings):
    figure = panels(survey(trainings=trainings), lambda axes, cell: axes, "what", share=True)
    titles = [axes.title for axes in figure.axes if axes.get_title()]
    assert [title.get_text() for title in titles][1:3] == [
        "s = 1,  κ₀ = 0.16 < 1",
        "s = 10,  κ₀ = 1.8 > 1",
    ]
    colours = [plt.matplotlib.colors.to_hex(t.get_bbox_patch().get_facecolor()) for t in titles]
    assert colours == [REGULAR.lower()] * 2 + [ROUGH.lower()] * 2
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
    assert [text.get_text() for text in legend.get_texts()] == ["κ₀ < 1: regular", "κ₀ > 1: rough"]
    plt.close(figure)


def test_a_spectrum_is_drawn_with_its_semicircle(axes):
    plots.draw_spectrum(axes, survey().isel(cell=1))
    x, y = axes.lines[0].get_data()
    kappa = x.max()
    np.testing.assert_allclose(kappa, 0.159, atol=0.002)  # docs/theory.md, section 6.3, s = 1
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
