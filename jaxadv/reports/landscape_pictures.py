"""The pictures of the report on a survey of landscapes, and the critical points beside it."""

import dataclasses
from collections.abc import Iterator
from functools import partial

import pandas as pd
import xarray as xr

from jaxadv.figures import landscapes as plots
from jaxadv.figures.panels import panels
from jaxadv.figures.spheres import draw_circle, draw_sphere
from jaxadv.grid.places import Place
from jaxadv.landscape import spheres, views
from jaxadv.landscape.drawn import has_circles
from jaxadv.landscape.spec import Landscape
from jaxadv.landscape.work import run_critical
from jaxadv.reports.landscape import caption_of
from jaxadv.reports.pictures import Picture
from jaxadv.stats.cells import cells_where, groups, rows_of

NUM_ASCENTS = 10_000
# By the directions of the plane.
PLANES: dict[str, str] = {
    "pca": "The loss in the plane through the best maximum in which ascents spread most; their "
    "paths are projected on it.",
    "gradient": "The loss in the plane through the best maximum along the first gradient and a "
    "random direction; the paths of ascents are projected on it.",
}


def landscape_pictures(
    spec: Landscape,
    dataset: xr.Dataset,
    table: pd.DataFrame,
    *,
    plane: views.Directions = "pca",
    num_ascents: int = NUM_ASCENTS,
) -> Iterator[Picture]:
    """The overview, and views of one input in each cell, of each group.

    A view is computed when it is asked for.

    Args:
        spec: the survey's specification. Its functions are called.
        dataset: what the survey found.
        table: its `stats.landscapes.tabulate`.
        plane: the directions of the plane, of `PLANES`.
        num_ascents: how many there are in the histogram of final losses.
    """
    for settings, group in groups(dataset):
        yield _overview(group, rows_of(table, group)).of_group(settings)
    if is_random(spec):
        # Groups that differ in the dimension alone have the same spheres.
        for settings, alone in dataclasses.replace(spec, dims=3).by_group():
            if has_circles(alone.groups[0]):
                yield from (picture.of_group(settings) for picture in _whole_spheres(alone))
    for settings, alone in spec.by_group():
        group = cells_where(dataset, settings)
        views_of_group = _views(alone, group, plane, num_ascents)
        yield from (picture.of_group(settings) for picture in views_of_group)


def _overview(dataset: xr.Dataset, table: pd.DataFrame) -> Picture:
    """All measures of one group."""
    networks, examples, starts = (dataset.sizes[dim] for dim in ("network", "example", "start"))
    numbers = (
        f"medians with 95% intervals over n = {networks} networks, {examples} inputs × {starts} "
        "starts each"
    )
    return Picture(
        "overview.png",
        "What tells of regularity, against κ₀.",
        partial(plots.plot_overview, table, caption_of(dataset, numbers)),
    )


def _views(
    spec: Landscape, dataset: xr.Dataset, plane: views.Directions, num_ascents: int
) -> Iterator[Picture]:
    """The views of one group."""
    if not has_circles(spec.groups[0]):
        yield from _lines(spec, num_ascents)
        return
    view = views.view_plane(spec, plane)
    line = f"{views.NUM_PATHS} ascents; ☆ the best maximum; black: the ball's edge"
    yield Picture(
        "plane.png",
        PLANES[plane],
        partial(panels, view, plots.draw_plane, caption_of(view, line), aspect=0.95),
    )
    yield from _lines(spec, num_ascents)
    networks, examples = (dataset.sizes[dim] for dim in ("network", "example"))
    line = f"at the best maximum of {networks} × {examples} inputs"
    yield Picture(
        "spectrum.png",
        "Curvatures along the sphere at the best maximum (grey), and the mean field's semicircle. "
        "At a maximum all are left of the dotted line; those further down than the axis are left "
        "out.",
        partial(panels, dataset, plots.draw_spectrum, caption_of(dataset, line), aspect=0.5),
    )


def find_critical(spec: Landscape, networks: int, folder: Place) -> Iterator[xr.Dataset]:
    """All critical points on circles and spheres, of random networks at the same scales.

    Args:
        spec: of a survey; there are none where it has real inputs.
        networks: how many; there are none where it is 0.
        folder: the survey's store, in which they have stores of their own.
    """
    if networks and is_random(spec):
        for dim in (2, 3):
            smaller = dataclasses.replace(spec, dims=dim, networks=networks)
            yield run_critical(smaller, str(folder / f"critical-{dim}d")).load()


def is_random(spec: Landscape) -> bool:
    """Whether inputs are simulated, so that there are networks of any dimension."""
    return spec.real_examples is None


def _whole_spheres(spec: Landscape) -> Iterator[Picture]:
    ball = spheres.view_sphere(dataclasses.replace(spec, dims=3))
    line = caption_of(ball, "the whole sphere; △ maxima, × saddles, ▼ minima, lines: ascents")
    yield Picture(
        "sphere.png",
        "The loss on the whole sphere of perturbations in three dimensions.",
        partial(panels, ball, draw_sphere, line, aspect=0.6, projection="mollweide"),
    )
    ring = spheres.view_circle(dataclasses.replace(spec, dims=2))
    line = caption_of(ring, "the whole circle; colours: in which maximum ascent ends")
    yield Picture(
        "circle.png",
        "The loss around the circle of perturbations in two dimensions.",
        partial(panels, ring, draw_circle, line, aspect=0.55, share=True),
    )


def _lines(spec: Landscape, num_ascents: int) -> Iterator[Picture]:
    """Views whose panels share their axes."""
    look = {"aspect": 0.55, "share": True}
    view = views.view_ascents(spec)
    line = caption_of(view, f"{views.NUM_PATHS} ascents at one input of one network")
    yield Picture(
        "ascents.png",
        "The loss along ascents from random starts at one input.",
        partial(panels, view, plots.draw_ascents, line, **look),
    )
    if has_circles(spec.groups[0]):
        view = views.view_arcs(spec)
        line = caption_of(view, f"from the best maximum to the first {views.NUM_ARCS} others found")
        yield Picture(
            "arcs.png",
            "The loss along great circles between maxima.",
            partial(panels, view, plots.draw_arcs, line, **look),
        )
    view = views.view_losses(spec, num_ascents)
    line = caption_of(view, f"{num_ascents:,} ascents at one input; hollow: not certified")
    yield Picture(
        "losses.png",
        "The losses in which ascents end.",
        partial(panels, view, plots.draw_losses, line, **look),
    )
