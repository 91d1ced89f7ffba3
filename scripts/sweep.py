"""Run a sweep of projected gradient ascent: print a table, draw figures.

Example:
    python scripts/sweep.py --scales 0.1,1,10 --data digits
"""

import matplotlib as mpl

mpl.use("Agg")

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import xarray as xr

import jaxadv as ja
from jaxadv import cli
from jaxadv.cli import Option
from jaxadv.grid.places import Place, place
from jaxadv.reports import sweep as summary
from jaxadv.reports.pictures import save_pictures
from jaxadv.reports.sweep_pictures import sweep_pictures

DESCRIPTION = """Projected gradient ascent on random two-layer networks, over a grid of settings:
how many steps until a local maximum is found, and is it one?

Prints a table and writes figures, the table and a manifest beside the data. A grid axis takes
several values, separated by commas. Example: python scripts/sweep.py --scales 0.1,1,10"""
OPTIONS = {
    "store": Option(
        "folder for the results, or an address such as s3://bucket/run; by default results/ and "
        "the sweep's data and fingerprint. What it has already is not run again",
        "PATH",
    ),
    "fresh": Option("delete what the store holds, and begin anew"),
    "distributed": Option(
        "share the work with the other processes of this job (Slurm, Open MPI, a TPU pod, ...)"
    ),
    "shard": Option("run part I of N, counted from 0, and leave the rest to other jobs", "I/N"),
    "devices": Option("how many devices to use; by default all, on a CPU one for each core", "N"),
    "lanes": Option(
        "trials of one network under way at a time; by default by device and width", "N"
    ),
    "check_every": Option("steps between two looks for trials that have ended; likewise", "N"),
}
LAYOUT = ("devices", "lanes", "check_every")


def main(args: Sequence[str] | None = None) -> None:
    """Parse the command line, run, report."""
    sweep, options = cli.parse(ja.Sweep, OPTIONS, ja.Sweep.read_config, DESCRIPTION, args)
    store = options["store"] or f"results/{Path(sweep.data).stem}-{sweep.fingerprint}"
    again = cli.command(without=["--fresh"])
    cli.stop_at_once(f"stopped; what {store} has is kept, and this goes on: {again}")
    with cli.mistakes_in_one_line():
        layout: dict[str, Any] = {
            name: cli.whole_number(name, options[name]) for name in LAYOUT if options[name]
        }
        shard = read_shard(options["shard"]) if options["shard"] else None
        if options["distributed"]:
            initialize()
        dataset = ja.run_sweep(sweep, store, fresh=options["fresh"], shard=shard, **layout)
        if jax.process_index() == 0:
            report(dataset, sweep, place(store))


def initialize() -> None:
    """Join the other processes of this job."""
    try:
        jax.distributed.initialize()
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"distributed: JAX finds no job with several processes here ({error}); --shard I/N "
            "needs none"
        ) from error


def read_shard(text: str) -> tuple[int, int]:
    """The shard that "I/N" means."""
    index, _, count = text.partition("/")
    try:
        return int(index), int(count)
    except ValueError:
        raise ValueError(f"shard: {text!r} is not I/N, such as 0/3") from None


def report(dataset: xr.Dataset, sweep: ja.Sweep, folder: Place) -> None:
    """Print the table; write it and the figures."""
    left = int((~dataset.complete).sum())
    if left:
        print(f"{left} of {dataset.complete.size} networks (cell by cell) are left to other shards")
        return
    table = summary.summarize(dataset)
    print(summary.as_text(table, sweep.max_steps), flush=True)
    for note in summary.notes(dataset):
        print(note, flush=True)
    (folder / "summary.csv").write_text(table.to_csv(index=False), encoding="utf-8")
    pictures = save_pictures(sweep_pictures(sweep, dataset), folder)
    for file in ["summary.csv", "manifest.json", *(picture.file for picture in pictures)]:
        print(folder / file)


if __name__ == "__main__":
    main()
