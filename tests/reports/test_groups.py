"""Of several groups each has the numbers, verdicts and pictures that it has alone."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import jaxadv as ja
from jaxadv.claims.catalogue import CLAIMS
from jaxadv.claims.landscapes import MoreRegularAtSmallerScale
from jaxadv.reports import landscape as landscape_report
from jaxadv.reports import landscape_pictures as pictures
from jaxadv.reports import training as training_report
from jaxadv.reports.training_pictures import training_pictures
from jaxadv.stats import landscapes, trainings
from tests.synthetic_survey import survey
from tests.synthetic_training import decay, synthetic_training

WIDTHS = (4, 8)


def of_width(dataset, width):
    return dataset.assign_coords(width=("cell", [width] * dataset.sizes["cell"]))


def surveys():
    """One by one: at the second width everything is turned round."""
    two = survey(seed=1)
    two = two.assign({name: 2 - two[name] for name in ("step_cosine", "gradient_change")})
    return [of_width(part, width) for part, width in zip((survey(), two), WIDTHS, strict=True)]


def experiments():
    """One by one: a smaller scale is faster at the first width, and slower at the second."""
    faster = synthetic_training(decay(lambda cell: 0.05 / (1 + cell["scale"])))
    slower = synthetic_training(decay(lambda cell: 0.01 * (1 + cell["scale"])))
    return [of_width(part, width) for part, width in zip((faster, slower), WIDTHS, strict=True)]


def survey_report(dataset):
    return landscape_report.as_markdown(dataset, landscapes.tabulate(dataset), [], [], "x")


def training_text(dataset):
    return training_report.as_markdown(dataset, trainings.tabulate(dataset), [], "x")


def together(parts):
    """One dataset, its cells in no order."""
    dataset = xr.concat(parts, "cell")
    return dataset.isel(cell=np.random.default_rng(0).permutation(dataset.sizes["cell"]))


def below(text, heading):
    """What stands below a heading, up to the next one of its level or a higher one."""
    _, _, rest = text.partition(f"\n{heading}\n\n")
    level = heading.index(" ")
    return re.split(rf"^#{{1,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def before_headings(text):
    return re.split("^#", text, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize(
    ("parts", "report", "headings"),
    [
        (surveys(), survey_report, ["## Numbers", "## Is a smaller scale more regular?"]),
        (
            experiments(),
            training_text,
            [
                "### On held-out examples",
                "### On training examples",
                "### The control: clean training",
                "## Numbers",
                "## Where it ends",
            ],
        ),
    ],
)
def test_a_report_on_two_widths_has_what_two_reports_on_one_have(parts, report, headings):
    texts = [report(part) for part in parts]
    both = report(xr.concat(parts, "cell"))
    assert "Width" not in texts[0]
    for heading in headings:
        section = below(both, heading)
        level = "#" * (heading.index(" ") + 1)
        alone = [before_headings(below(text, heading)) for text in texts]
        assert alone[0] != alone[1]
        for text, width in zip(alone, WIDTHS, strict=True):
            assert text.count("|") > 20
            own = before_headings("\n" + below("\n" + section, f"{level} Width {width}"))
            assert (before_headings(section) + own.lstrip()).strip() == text.strip()


@pytest.mark.parametrize(
    ("parts", "tabulate"), [(surveys(), landscapes.tabulate), (experiments(), trainings.tabulate)]
)
def test_the_table_has_the_rows_of_each_group(parts, tabulate):
    both = tabulate(xr.concat(parts, "cell"))
    for part, width in zip(parts, WIDTHS, strict=True):
        rows = both[both.width == width].drop(columns="width").reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, tabulate(part))


@pytest.mark.parametrize(
    ("parts", "rules"),
    [
        (surveys(), [MoreRegularAtSmallerScale(name) for name in landscapes.MEASURES]),
        (experiments(), [r for c in CLAIMS if c.experiment == "training" for r in c.rules]),
    ],
)
def test_findings_are_within_a_group_in_whatever_order_cells_are(parts, rules):
    def findings(rule, dataset, **width):
        return {
            str(sorted({**own.settings, **width}.items())): (own.outcome, str(own.numbers))
            for own in rule.findings(dataset)
        }

    for rule in rules:
        alone = [findings(rule, part, width=w) for part, w in zip(parts, WIDTHS, strict=True)]
        both = findings(rule, together(parts))
        assert both == alone[0] | alone[1]
        assert len(both) == len(alone[0]) + len(alone[1]) > 0


def test_pictures_of_training_are_those_of_each_group():
    parts = experiments()
    every = {picture.file: picture for picture in training_pictures(xr.concat(parts, "cell"))}
    for part, width in zip(parts, WIDTHS, strict=True):
        alone = list(training_pictures(part))
        for picture in alone:
            same = every.pop(picture.file.replace(".png", f"-width-{width}.png"))
            assert same.caption == f"{picture.caption} Group: width {width}."
            if picture.file in {"steps-sgd.png", "rates.png"}:
                np.testing.assert_array_equal(pixels(same), pixels(picture))
    assert not every


def pixels(picture):
    figure = picture.draw()
    figure.canvas.draw()
    values = np.asarray(figure.canvas.buffer_rgba())
    plt.close(figure)
    return values


def test_views_of_a_landscape_get_the_specification_of_a_group(monkeypatch):
    dataset, asked = xr.concat(surveys(), "cell"), []

    def view(spec, *_):
        asked.append((spec.dims, spec.widths))
        return dataset

    for module, names in (
        (pictures.views, ("view_plane", "view_ascents", "view_arcs", "view_losses")),
        (pictures.spheres, ("view_sphere", "view_circle")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, view)
    spec = ja.Landscape(dims=8, widths=WIDTHS)
    every = list(pictures.landscape_pictures(spec, dataset, landscapes.tabulate(dataset)))
    kinds = ["overview", "sphere", "circle", "plane", "ascents", "arcs", "losses", "spectrum"]
    expected = {f"{kind}-width-{width}.png" for kind in kinds for width in WIDTHS}
    assert {picture.file for picture in every} == expected
    shapes = [((3,), (4,)), ((2,), (4,)), ((3,), (8,)), ((2,), (8,))]
    assert asked == [*shapes, *[((8,), (4,))] * 4, *[((8,), (8,))] * 4]
    (spectrum,) = (picture for picture in every if picture.file == "spectrum-width-8.png")
    assert set(spectrum.draw.args[0].width.values) == {8}


def test_groups_that_differ_in_the_dimension_share_their_spheres(monkeypatch):
    dataset = survey()
    dims = ("cell", [8] * 4 + [16] * 4)
    dataset = xr.concat([dataset, dataset], "cell").assign_coords(dim=dims)
    monkeypatch.setattr(pictures.spheres, "view_sphere", lambda _: dataset)
    monkeypatch.setattr(pictures.spheres, "view_circle", lambda _: dataset)
    monkeypatch.setattr(pictures, "_views", lambda *_: iter(()))
    spec = ja.Landscape(dims=(8, 16), widths=64)
    every = pictures.landscape_pictures(spec, dataset, landscapes.tabulate(dataset))
    files = ["overview-dim-8.png", "overview-dim-16.png", "sphere.png", "circle.png"]
    assert [picture.file for picture in every] == files
