"""Run a sweep of projected gradient ascent: print a table, draw figures.

Example:
    python scripts/sweep.py --scales 0.1,1,10 --data digits
"""

import matplotlib as mpl

mpl.use("Agg")

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import xarray as xr

import jaxadv as ja
from jaxadv import cli
from jaxadv.analysis import plots, summary
from jaxadv.sweeps.runner import check_store
from jaxadv.sweeps.spec import read_toml
from jaxadv.sweeps.traces import run_traces

DESCRIPTION = """Projected gradient ascent on random two-layer networks, over a grid of settings:
how many steps until a local maximum is found, and is it one?

Prints a table and writes figures, the table and a manifest beside the data. A grid axis takes
several values, separated by commas. Example: python scripts/sweep.py --scales 0.1,1,10"""
OPTIONS = {
    "store": (
        "",
        "PATH",
        "folder for the results; by default results/ and the sweep's data and fingerprint",
    ),
    "devices": ("", "N", "how many devices to use; by default all, on a CPU one for each core"),
    "lanes": ("", "N", "trials of one network under way at a time; by default by device and width"),
    "check_every": ("", "N", "steps between two looks for trials that have ended; likewise"),
}
LAYOUT = ("devices", "lanes", "check_every")


def main(args: Sequence[str] | None = None) -> None:
    """Parse the command line, run, report."""
    sweep, options = cli.parse(ja.Sweep, OPTIONS, read_toml, DESCRIPTION, args)
    default = f"results/{Path(sweep.data).stem}-{sweep.fingerprint}"
    folder = Path(options["store"] or default)
    with cli.mistakes_in_one_line():
        check_store(sweep, folder)
        layout: dict[str, Any] = {
            name: cli.whole_number(name, options[name]) for name in LAYOUT if options[name]
        }
    try:
        with cli.mistakes_in_one_line():
            dataset = ja.run_sweep(sweep, folder, **layout)
    except KeyboardInterrupt:
        cli.stop(f"interrupted; the same command continues with what {folder} holds")
    table = summary.summarize(dataset)
    table.to_csv(folder / "summary.csv", index=False)
    print(summary.as_text(table, sweep.max_steps))
    for path in [folder / "summary.csv", folder / "manifest.json", *draw(dataset, sweep, folder)]:
        print(path)


def draw(dataset: xr.Dataset, sweep: ja.Sweep, folder: Path) -> list[Path]:
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
        for settings, family in summary.families(source):
            label = "".join(f"-{key}-{value}" for key, value in settings.items()).replace(":", ".")
            with mpl.rc_context(plots.STYLE):
                figure, axes = plt.subplots()
                plot(axes, family)
                paths.append(folder / f"{name}{label}.png")
                figure.savefig(paths[-1])
                plt.close(figure)
    return paths


if __name__ == "__main__":
    main()
