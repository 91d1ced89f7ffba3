"""`jaxadv train`: trains networks against attacks at several input scales; figures and a report."""

import matplotlib as mpl

mpl.use("Agg")

import xarray as xr

from jaxadv.claims.catalogue import claims_on
from jaxadv.claims.judgements import judge
from jaxadv.cli.commands import Devices, Output, Sharing
from jaxadv.cli.mistakes import warnings_as_notes
from jaxadv.cli.output import is_to_be_reported, write
from jaxadv.cli.process import command, what_goes_on
from jaxadv.cli.sharing import shared
from jaxadv.grid.places import Place, place
from jaxadv.reports import training as training_report
from jaxadv.reports.pictures import save_pictures
from jaxadv.reports.training_pictures import training_pictures
from jaxadv.stats.cells import finished_networks, groups, in_words
from jaxadv.stats.trainings import tabulate
from jaxadv.training.spec import Training
from jaxadv.training.work import run_training


def run(spec: Training, output: Output, sharing: Sharing, devices: Devices) -> None:
    """Train, or go on with training, draw, and report."""
    store = output.store or f"results/training-{spec.fingerprint}"
    what_goes_on(store)
    with warnings_as_notes(), shared(sharing) as others:
        dataset = run_training(
            spec, store, fresh=output.fresh, devices=devices.devices, **others
        ).load()
    if is_to_be_reported(dataset):
        report(finished_networks(dataset), place(store))


def report(dataset: xr.Dataset, folder: Place) -> None:
    """Write the table, the figures and the report; print the verdicts."""
    table = tabulate(dataset)
    write(folder / "numbers.csv", table.to_csv(index=False))
    pictures = []
    for picture in save_pictures(training_pictures(dataset), folder):
        pictures.append(picture)
        print(folder / picture.file, flush=True)
    again = command(without=["--fresh"])
    write(folder / "training.md", training_report.as_markdown(dataset, table, pictures, again))
    for settings, group in groups(dataset):
        if settings:
            print(in_words(settings))
        datasets = {"training": group}
        for claim in claims_on(datasets):
            print(f"{claim.name:<20}{judge(claim, datasets).verdict:<16}{claim.title}")
