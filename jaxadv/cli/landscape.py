"""`jaxadv landscape`: looks at the landscape of the adversarial loss; figures and numbers."""

import matplotlib as mpl

mpl.use("Agg")

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial

import matplotlib.figure
import pandas as pd
import xarray as xr

from jaxadv.analysis import landscape_report, landscapes
from jaxadv.analysis.landscape_report import caption_of
from jaxadv.analysis.plots import landscapes as plots
from jaxadv.analysis.plots import spheres as sphere_plots
from jaxadv.analysis.plots.panels import panels
from jaxadv.analysis.plots.style import save
from jaxadv.analysis.report import Figure
from jaxadv.cli.commands import Devices, Extent, Output
from jaxadv.cli.process import command, stop_at_once
from jaxadv.landscape import spheres, views
from jaxadv.landscape.runner import run_critical, run_landscape
from jaxadv.landscape.spec import Landscape
from jaxadv.stores.places import Place, place

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


def run(spec: Landscape, output: Output, devices: Devices, extent: Extent) -> None:
    """Survey the landscape, or what is missing of it, draw, and report."""
    store = output.store or f"results/landscape-{spec.fingerprint}"
    again = command(without=["--fresh"])
    stop_at_once(f"stopped; what {store} has is kept, and this goes on: {again}")
    dataset = run_landscape(spec, store, fresh=output.fresh, devices=devices.devices).load()
    report(spec, extent, dataset, place(store))


def report(spec: Landscape, extent: Extent, dataset: xr.Dataset, folder: Place) -> None:
    """Write the tables, the figures and the report."""
    table = landscapes.tabulate(dataset)
    critical = list(find_critical(spec, extent.critical, folder))
    write(folder / "numbers.csv", table.to_csv(index=False))
    figures = []
    for name, caption, draw in drawings(spec, extent, dataset, table):
        save(folder / f"{name}.png", draw)
        figures.append(Figure(f"{name}.png", caption))
        print(folder / f"{name}.png", flush=True)
    again = command(without=["--fresh"])
    text = landscape_report.as_markdown(dataset, table, critical, figures, again)
    write(folder / "landscape.md", text)


def write(path: Place, text: str) -> None:
    """Write a text, and say where."""
    path.write_text(text, encoding="utf-8")
    print(path, flush=True)


def find_critical(spec: Landscape, networks: int, folder: Place) -> Iterator[xr.Dataset]:
    """All critical points on circles and spheres, of random networks at the same scales."""
    if networks and is_random(spec):
        for dim in (2, 3):
            smaller = dataclasses.replace(spec, dim=dim, networks=networks)
            yield run_critical(smaller, str(folder / f"critical-{dim}d")).load()


def is_random(spec: Landscape) -> bool:
    """Whether there is nothing but random networks on simulated inputs, in any dimension."""
    return spec.real_examples is None


def drawings(
    spec: Landscape, extent: Extent, dataset: xr.Dataset, table: pd.DataFrame
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
