"""Look at the landscape of the adversarial loss at several input scales: figures and numbers.

Example:
    python scripts/landscape.py --scales 0.1,1,10
"""

import matplotlib as mpl

mpl.use("Agg")

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, cast

import xarray as xr

import jaxadv as ja
from jaxadv import cli
from jaxadv.cli import Option
from jaxadv.grid.places import Place, place
from jaxadv.landscape import views
from jaxadv.problems.names import suggest
from jaxadv.reports import landscape as landscape_report
from jaxadv.reports.landscape_pictures import (
    NUM_ASCENTS,
    PLANES,
    find_critical,
    landscape_pictures,
)
from jaxadv.reports.pictures import save_pictures
from jaxadv.stats import landscapes

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


@dataclasses.dataclass(frozen=True)
class Extent:
    """How much is shown beside the survey.

    Attributes:
        critical: networks of which all critical points are found.
        ascents: in the histogram of final losses.
        plane: the directions of the plane.
    """

    critical: int = 2
    ascents: int = NUM_ASCENTS
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
    drawn = landscape_pictures(spec, dataset, table, plane=extent.plane, num_ascents=extent.ascents)
    pictures = []
    for picture in save_pictures(drawn, folder):
        pictures.append(picture)
        print(folder / picture.file, flush=True)
    again = cli.command(without=["--fresh"])
    text = landscape_report.as_markdown(dataset, table, critical, pictures, again)
    write(folder / "landscape.md", text)


def write(path: Place, text: str) -> None:
    """Write a text, and say where."""
    path.write_text(text, encoding="utf-8")
    print(path, flush=True)


if __name__ == "__main__":
    main()
