"""`jaxadv train`: trains networks against attacks at several input scales; figures and a report."""

import matplotlib as mpl

mpl.use("Agg")

import xarray as xr

from jaxadv.analysis import training_report
from jaxadv.analysis.cells import finished_networks
from jaxadv.analysis.claims import claims_on
from jaxadv.analysis.judgements import judge
from jaxadv.analysis.plots.style import save
from jaxadv.analysis.report import Figure
from jaxadv.analysis.training_figures import drawings
from jaxadv.cli.commands import Devices, Output
from jaxadv.cli.process import command, stop_at_once
from jaxadv.stores.places import Place, place
from jaxadv.training.runner import run_training
from jaxadv.training.spec import Training


def run(spec: Training, output: Output, devices: Devices) -> None:
    """Train, or go on with training, draw, and report."""
    store = output.store or f"results/training-{spec.fingerprint}"
    again = command(without=["--fresh"])
    stop_at_once(f"stopped; what {store} has is kept, and this goes on: {again}")
    dataset = run_training(spec, store, fresh=output.fresh, devices=devices.devices).load()
    report(finished_networks(dataset), place(store))


def report(dataset: xr.Dataset, folder: Place) -> None:
    """Write the table, the figures and the report; print the verdicts."""
    table = training_report.tabulate(dataset)
    write(folder / "numbers.csv", table.to_csv(index=False))
    figures = []
    for name, caption, draw in drawings(dataset):
        save(folder / f"{name}.png", draw)
        figures.append(Figure(f"{name}.png", caption))
        print(folder / f"{name}.png", flush=True)
    again = command(without=["--fresh"])
    write(folder / "training.md", training_report.as_markdown(dataset, table, figures, again))
    datasets = {"training": dataset}
    for claim in claims_on(datasets):
        print(f"{claim.name:<16}{judge(claim, datasets).verdict:<16}{claim.title}")


def write(path: Place, text: str) -> None:
    """Write a text, and say where."""
    path.write_text(text, encoding="utf-8")
    print(path, flush=True)
