"""`jaxadv sweep`: runs a sweep of projected gradient ascent, prints a table, draws figures."""

import matplotlib as mpl

mpl.use("Agg")

import dataclasses
from pathlib import Path

import xarray as xr

from jaxadv.cli.commands import Layout, Output, Sharing
from jaxadv.cli.output import is_to_be_reported
from jaxadv.cli.process import what_goes_on
from jaxadv.cli.sharing import shared
from jaxadv.grid.places import Place, place
from jaxadv.reports import sweep as summary
from jaxadv.reports.pictures import save_pictures
from jaxadv.reports.sweep_pictures import sweep_pictures
from jaxadv.sweeps.spec import Sweep
from jaxadv.sweeps.work import run_sweep


def run(sweep: Sweep, output: Output, sharing: Sharing, layout: Layout) -> None:
    """Run the sweep, or what is missing of it, and report."""
    store = output.store or f"results/{Path(sweep.data).stem}-{sweep.fingerprint}"
    what_goes_on(store)
    with shared(sharing) as others:
        dataset = run_sweep(
            sweep, store, fresh=output.fresh, **others, **dataclasses.asdict(layout)
        )
    if is_to_be_reported(dataset):
        report(dataset, sweep, place(store))


def report(dataset: xr.Dataset, sweep: Sweep, folder: Place) -> None:
    """Print the table; write it and the figures."""
    table = summary.summarize(dataset)
    print(summary.as_text(table, sweep.max_steps), flush=True)
    for note in summary.notes(dataset):
        print(note, flush=True)
    (folder / "summary.csv").write_text(table.to_csv(index=False), encoding="utf-8")
    pictures = save_pictures(sweep_pictures(sweep, dataset), folder)
    for file in ["summary.csv", "manifest.json", *(picture.file for picture in pictures)]:
        print(folder / file)
