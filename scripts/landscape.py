"""Look at the landscape of the adversarial loss at several input scales: figures and numbers.

Example:
    python scripts/landscape.py --scales 0.1,1,10
"""

import matplotlib as mpl

mpl.use("Agg")

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

import matplotlib.figure
import pandas as pd
import xarray as xr

import jaxadv as ja
from jaxadv import cli
from jaxadv.cli import Option
from jaxadv.figures import landscapes as plots
from jaxadv.figures import spheres as sphere_plots
from jaxadv.figures.panels import panels
from jaxadv.figures.style import save
from jaxadv.landscape import spheres, views
from jaxadv.problems.names import suggest
from jaxadv.reports import landscape as landscape_report
from jaxadv.reports.claims import Figure
from jaxadv.reports.landscape import caption_of
from jaxadv.stats import landscapes
from jaxadv.stores.places import Place, place

DESCRIPTION = """The landscape of the adversarial loss around inputs of two-layer networks, side by
side at several input scales: is it more regular at the smaller ones?

Writes figures, tables and a report (landscape.md) beside the data. A grid axis takes several
values, separated by commas. Example: python scripts/landscape.py --scales 0.1,1,10"""
OPTIONS = {
    "store": Option(
        "folder for the results; by default results/landscape- and the data and fingerprint. What "
        "it has already is not surveyed again",
        "PATH",
    ),
    "fresh": Option("delete what the store holds, and begin anew"),
    "devices": Option("how many devices to use; by default all, on a CPU one for each core", "N"),
    "critical": Option(
        "networks of which all critical points are found, in 2 and in 3 dimensions; 2 by default, "
        "0 for none",
        "N",
    ),
    "ascents": Option("ascents in the histogram of final losses; 10000 by default", "N"),
    "plane": Option("directions of the plane: pca (of ascents, the default) or gradient", "NAME"),
}
SPHERE = "The loss on the whole sphere of perturbations in three dimensions."
CIRCLE = "The loss around the circle of perturbations in two dimensions."
PLANES = {
    "pca": "The loss in the plane through the best maximum in which ascents spread most; their "
    "paths are projected on it.",
    "gradient": "The loss in the plane through the best maximum along the first gradient and a "
    "random direction; the paths of ascents are projected on it.",
}
ASCENTS = "The loss along ascents from random starts at one input."
ARCS = "The loss along great circles between maxima."
LOSSES = "The losses in which ascents end."
SPECTRUM = (
    "Curvatures along the sphere at the best maximum (grey), and the mean field's semicircle. At a "
    "maximum all are left of the dotted line; those further down than the axis are left out."
)


@dataclasses.dataclass(frozen=True)
class Extent:
    """How much is shown beside the survey.

    Attributes:
        critical: networks of which all critical points are found.
        ascents: in the histogram of final losses.
        plane: the directions of the plane.
    """

    critical: int = 2
    ascents: int = 10_000
    plane: views.Directions = "pca"


def main(args: Sequence[str] | None = None) -> None:
    """Parse the command line, survey, draw, report."""
    spec, options = cli.parse(ja.Landscape, OPTIONS, ja.Landscape.read_config, DESCRIPTION, args)
    store = options["store"] or f"results/landscape-{spec.fingerprint}"
    again = cli.command(without=["--fresh"])
    cli.stop_at_once(f"stopped; what {store} has is kept, and this goes on: {again}")
    with cli.mistakes_in_one_line():
        extent = read_extent(options)
        devices = cli.whole_number("devices", options["devices"]) if options["devices"] else None
        dataset = ja.run_landscape(spec, store, fresh=options["fresh"], devices=devices).load()
        report(spec, extent, dataset, place(store))


def read_extent(options: Mapping[str, Any]) -> Extent:
    """What is asked for beside the survey."""
    usual = Extent()
    numbers = {
        name: cli.whole_number(name, options[name]) if options[name] else getattr(usual, name)
        for name in ("critical", "ascents")
    }
    for name, least in (("critical", 0), ("ascents", 1)):
        if numbers[name] < least:
            raise ValueError(f"{name}: {numbers[name]} must be {least} or more")
    plane = options["plane"] or usual.plane
    if plane not in PLANES:
        raise ValueError(f"plane: unknown {plane!r}{suggest(plane, PLANES)}")
    return Extent(**numbers, plane=cast(views.Directions, plane))


def report(spec: ja.Landscape, extent: Extent, dataset: xr.Dataset, folder: Place) -> None:
    """Write the tables, the figures and the report."""
    table = landscapes.tabulate(dataset)
    critical = list(find_critical(spec, extent.critical, folder))
    write(folder / "numbers.csv", table.to_csv(index=False))
    figures = []
    for name, caption, draw in drawings(spec, extent, dataset, table):
        save(folder / f"{name}.png", draw)
        figures.append(Figure(f"{name}.png", caption))
        print(folder / f"{name}.png", flush=True)
    again = cli.command(without=["--fresh"])
    text = landscape_report.as_markdown(dataset, table, critical, figures, again)
    write(folder / "landscape.md", text)


def write(path: Place, text: str) -> None:
    """Write a text, and say where."""
    path.write_text(text, encoding="utf-8")
    print(path, flush=True)


def find_critical(spec: ja.Landscape, networks: int, folder: Place) -> Iterator[xr.Dataset]:
    """All critical points on circles and spheres, of random networks at the same scales."""
    if networks and is_random(spec):
        for dim in (2, 3):
            smaller = dataclasses.replace(spec, dim=dim, networks=networks)
            yield ja.run_critical(smaller, str(folder / f"critical-{dim}d")).load()


def is_random(spec: ja.Landscape) -> bool:
    """Whether there is nothing but random networks on simulated inputs, in any dimension."""
    return spec.real_examples is None


def drawings(
    spec: ja.Landscape, extent: Extent, dataset: xr.Dataset, table: pd.DataFrame
) -> Iterator[tuple[str, str, Callable[[], matplotlib.figure.Figure]]]:
    """The figures: file, caption, and what draws it."""
    sizes = dataset.sizes
    numbers = (
        f"medians with 95% intervals over n = {sizes['network']} networks, "
        f"{sizes['example']} inputs × {sizes['start']} starts each"
    )
    text = "What tells of regularity, against κ₀."
    line = caption_of(dataset, numbers)
    yield "overview", text, lambda: plots.plot_overview(table, line)
    if is_random(spec):
        ball = spheres.view_sphere(dataclasses.replace(spec, dim=3))
        line = caption_of(ball, "the whole sphere; △ maxima, × saddles, ▼ minima, lines: ascents")
        yield (
            "sphere",
            SPHERE,
            partial(
                panels, ball, sphere_plots.draw_sphere, line, aspect=0.6, projection="mollweide"
            ),
        )
        ring = spheres.view_circle(dataclasses.replace(spec, dim=2))
        line = caption_of(ring, "the whole circle; colours: in which maximum ascent ends")
        yield (
            "circle",
            CIRCLE,
            partial(panels, ring, sphere_plots.draw_circle, line, aspect=0.55, share=True),
        )
    view = views.view_plane(spec, extent.plane)
    line = caption_of(
        view, f"{views.NUM_PATHS} ascents; ☆ the best maximum; black: the ball's edge"
    )
    yield "plane", PLANES[extent.plane], partial(panels, view, plots.draw_plane, line, aspect=0.95)
    view = views.view_ascents(spec)
    line = caption_of(view, f"{views.NUM_PATHS} ascents at one input of one network")
    yield (
        "ascents",
        ASCENTS,
        partial(panels, view, plots.draw_ascents, line, aspect=0.55, share=True),
    )
    view = views.view_arcs(spec)
    line = caption_of(view, f"from the best maximum to the first {views.NUM_ARCS} others found")
    yield "arcs", ARCS, partial(panels, view, plots.draw_arcs, line, aspect=0.55, share=True)
    view = views.view_losses(spec, extent.ascents)
    line = caption_of(view, f"{extent.ascents:,} ascents at one input; hollow: not certified")
    yield "losses", LOSSES, partial(panels, view, plots.draw_losses, line, aspect=0.55, share=True)
    line = caption_of(
        dataset, f"at the best maximum of {sizes['network']} × {sizes['example']} inputs"
    )
    yield "spectrum", SPECTRUM, partial(panels, dataset, plots.draw_spectrum, line, aspect=0.5)


if __name__ == "__main__":
    main()
