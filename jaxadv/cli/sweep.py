"""`jaxadv sweep`: runs a sweep of projected gradient ascent, prints a table, draws figures."""

import matplotlib as mpl

mpl.use("Agg")

import dataclasses
from pathlib import Path

import jax
import xarray as xr

from jaxadv.analysis import cells, summary
from jaxadv.analysis.plots import sweeps as plots
from jaxadv.analysis.plots.style import alone, save
from jaxadv.cli.commands import Layout, Output, Sharing
from jaxadv.cli.process import command, stop_at_once
from jaxadv.stores.places import Place, place
from jaxadv.sweeps.runner import run_sweep
from jaxadv.sweeps.spec import Sweep
from jaxadv.sweeps.traces import run_traces


def run(sweep: Sweep, output: Output, sharing: Sharing, layout: Layout) -> None:
    """Run the sweep, or what is missing of it, and report."""
    store = output.store or f"results/{Path(sweep.data).stem}-{sweep.fingerprint}"
    again = command(without=["--fresh"])
    stop_at_once(f"stopped; what {store} has is kept, and this goes on: {again}")
    if sharing.distributed:
        initialize()
    dataset = run_sweep(
        sweep, store, fresh=output.fresh, shard=sharing.shard, **dataclasses.asdict(layout)
    )
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


def report(dataset: xr.Dataset, sweep: Sweep, folder: Place) -> None:
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
    for path in [folder / "summary.csv", folder / "manifest.json", *draw(dataset, sweep, folder)]:
        print(path)


def draw(dataset: xr.Dataset, sweep: Sweep, folder: Place) -> list[Place]:
    """Three figures for each family of cells that differ in scale alone."""
    # No further than the longest trial: recording takes every step of the budget it is given.
    longest = int(dataset.num_steps.max())
    traces = run_traces(sweep, max_steps=longest).assign_coords(dataset.coords)
    drawings = {
        "steps": (plots.plot_steps, dataset),
        "curvature": (plots.plot_curvature, dataset),
        "residuals": (plots.plot_residuals, traces),
    }
    paths = []
    for name, (plot, source) in drawings.items():
        for settings, family in cells.families(source):
            label = "".join(f"-{key}-{value}" for key, value in settings.items()).replace(":", ".")
            paths.append(folder / f"{name}{label}.png")
            save(paths[-1], alone(lambda axes, plot=plot, family=family: plot(axes, family)))
    return paths
