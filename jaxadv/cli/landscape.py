"""`jaxadv landscape`: looks at the landscape of the adversarial loss; figures and numbers."""

import matplotlib as mpl

mpl.use("Agg")

import xarray as xr

from jaxadv.cli.commands import Devices, Extent, Output, Sharing
from jaxadv.cli.output import is_to_be_reported, write
from jaxadv.cli.process import command, what_goes_on
from jaxadv.cli.sharing import shared
from jaxadv.grid.places import Place, place
from jaxadv.landscape.spec import Landscape
from jaxadv.landscape.work import run_landscape
from jaxadv.reports import landscape as landscape_report
from jaxadv.reports.landscape_pictures import find_critical, landscape_pictures
from jaxadv.reports.pictures import save_pictures
from jaxadv.stats import landscapes


def run(
    spec: Landscape, output: Output, sharing: Sharing, devices: Devices, extent: Extent
) -> None:
    """Survey the landscape, or what is missing of it, draw, and report."""
    store = output.store or f"results/landscape-{spec.fingerprint}"
    what_goes_on(store)
    with shared(sharing) as others:
        dataset = run_landscape(
            spec, store, fresh=output.fresh, devices=devices.devices, **others
        ).load()
    if is_to_be_reported(dataset):
        report(spec, extent, dataset, place(store))


def report(spec: Landscape, extent: Extent, dataset: xr.Dataset, folder: Place) -> None:
    """Write the tables, the figures and the report."""
    table = landscapes.tabulate(dataset)
    critical = list(find_critical(spec, extent.critical, folder))
    write(folder / "numbers.csv", table.to_csv(index=False))
    drawn = landscape_pictures(spec, dataset, table, plane=extent.plane, num_ascents=extent.ascents)
    pictures = []
    for picture in save_pictures(drawn, folder):
        pictures.append(picture)
        print(folder / picture.file, flush=True)
    again = command(without=["--fresh"])
    text = landscape_report.as_markdown(dataset, table, critical, pictures, again)
    write(folder / "landscape.md", text)
