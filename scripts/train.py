"""Train networks against attacks at several input scales: is a smaller scale faster?

Example:
    python scripts/train.py --scales 0.1,0.3,1,3,10
"""

import matplotlib as mpl

mpl.use("Agg")

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import matplotlib.figure
import matplotlib.pyplot as plt
import xarray as xr

import jaxadv as ja
from jaxadv import cli
from jaxadv.analysis import training_report
from jaxadv.analysis.cells import finished_networks
from jaxadv.analysis.claims import claims_on
from jaxadv.analysis.judgements import judge
from jaxadv.analysis.plots import trainings as plots
from jaxadv.analysis.plots.style import STYLE
from jaxadv.analysis.report import Figure
from jaxadv.analysis.training_report import caption_of
from jaxadv.analysis.trainings import Comparison
from jaxadv.cli import Option
from jaxadv.stores.places import Place, place

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

RATES: dict[str, tuple[str, tuple[Comparison, ...], str]] = {
    "absolute": ("", ("common", "best"), "at common rates, and at each scale's best"),
    "sharpness": ("-sharpness", ("sharpness",), "at rates in units of 1/λ₁"),
}
"""By unit: how figures are called, what they compare, and that in words."""
Drawing = tuple[str, str, Callable[[], matplotlib.figure.Figure]]


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
    table = training_report.tabulate(dataset)
    write(folder / "numbers.csv", table.to_csv(index=False))
    figures = []
    for name, caption, draw in drawings(dataset):
        with mpl.rc_context(STYLE):
            figure = draw()
            picture = io.BytesIO()
            figure.savefig(picture)
            plt.close(figure)
        (folder / f"{name}.png").write_bytes(picture.getvalue())
        figures.append(Figure(f"{name}.png", caption))
        print(folder / f"{name}.png", flush=True)
    again = cli.command(without=["--fresh"])
    write(folder / "training.md", training_report.as_markdown(dataset, table, figures, again))
    datasets = {"training": dataset}
    for claim in claims_on(datasets):
        print(f"{claim.name:<16}{judge(claim, datasets).verdict:<16}{claim.title}")


def write(path: Place, text: str) -> None:
    """Write a text, and say where."""
    path.write_text(text, encoding="utf-8")
    print(path, flush=True)


def drawings(dataset: xr.Dataset) -> Iterator[Drawing]:
    """The figures: file, caption, and what draws it."""
    medians = caption_of(dataset, "medians with 95% intervals")
    for optimizer in dict.fromkeys(dataset.optimizer.values.tolist()):
        own = dataset.isel(cell=dataset.optimizer.values == optimizer)
        for unit, (suffix, comparisons, how) in RATES.items():
            if unit in own.unit.values:
                line, name = f"{optimizer}; {medians}", f"{optimizer}{suffix}"
                text = f"Robust loss against the step, with {optimizer} {how}; 1 is the output 0."
                yield f"curves-{name}", text, partial(plots.plot_curves, own, comparisons, line)
                text = f"Steps to three targets against the scale, with {optimizer} {how}."
                yield f"steps-{name}", text, partial(plots.plot_steps_to, own, comparisons, line)
        text = f"The inner problem during training with {optimizer}, at each scale's best rate."
        draw = partial(plots.plot_inner, own, f"{optimizer}; {medians}")
        yield f"inner-{optimizer}", text, draw
    text = (
        "Robust loss at the end of adversarial training, over that of the output 0, by rate and "
        "scale; the line is lr·λ₁ = 2."
    )
    line = caption_of(dataset, "medians; black line: lr·λ₁ = 2")
    yield "rates", text, partial(plots.plot_rates, dataset, line)


if __name__ == "__main__":
    main()
