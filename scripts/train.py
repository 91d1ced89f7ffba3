"""Train networks against attacks at several input scales: is a smaller scale faster?

Example:
    python scripts/train.py --scales 0.1,0.3,1,3,10
"""

import matplotlib as mpl

mpl.use("Agg")

from collections.abc import Sequence

import xarray as xr

import jaxadv as ja
from jaxadv import cli
from jaxadv.claims.catalogue import claims_on
from jaxadv.claims.judgements import judge
from jaxadv.cli import Option
from jaxadv.grid.places import Place, place
from jaxadv.reports import training as training_report
from jaxadv.reports.pictures import save_pictures
from jaxadv.reports.training_pictures import training_pictures
from jaxadv.stats.cells import finished_networks
from jaxadv.stats.trainings import tabulate

DESCRIPTION = """Adversarial training of two-layer networks at several input scales, learning rates
and seeds at once: does a smaller scale converge faster, and for how long?

Writes figures, a table and a report (training.md) beside the data. A grid axis takes several
values, separated by commas. Example: python scripts/train.py --scales 0.1,0.3,1,3,10"""
OPTIONS = {
    "store": Option(
        "folder for the results; by default results/training- and the fingerprint. What it has "
        "already is not run again",
        "PATH",
    ),
    "fresh": Option("delete what the store holds, and begin anew"),
    "devices": Option("how many devices to use; by default all, on a CPU one for each core", "N"),
}


def main(args: Sequence[str] | None = None) -> None:
    """Parse the command line, train, draw, report."""
    spec, options = cli.parse(ja.Training, OPTIONS, ja.Training.read_config, DESCRIPTION, args)
    store = options["store"] or f"results/training-{spec.fingerprint}"
    again = cli.command(without=["--fresh"])
    cli.stop_at_once(f"stopped; what {store} has is kept, and this goes on: {again}")
    with cli.mistakes_in_one_line():
        devices = cli.whole_number("devices", options["devices"]) if options["devices"] else None
        dataset = ja.run_training(spec, store, fresh=options["fresh"], devices=devices).load()
        report(finished_networks(dataset), place(store))


def report(dataset: xr.Dataset, folder: Place) -> None:
    """Write the table, the figures and the report; print the verdicts."""
    table = tabulate(dataset)
    write(folder / "numbers.csv", table.to_csv(index=False))
    pictures = []
    for picture in save_pictures(training_pictures(dataset), folder):
        pictures.append(picture)
        print(folder / picture.file, flush=True)
    again = cli.command(without=["--fresh"])
    write(folder / "training.md", training_report.as_markdown(dataset, table, pictures, again))
    datasets = {"training": dataset}
    for claim in claims_on(datasets):
        print(f"{claim.name:<16}{judge(claim, datasets).verdict:<16}{claim.title}")


def write(path: Place, text: str) -> None:
    """Write a text, and say where."""
    path.write_text(text, encoding="utf-8")
    print(path, flush=True)


if __name__ == "__main__":
    main()
