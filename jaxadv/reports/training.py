"""A training experiment in words and tables: Markdown for people."""

import tomllib
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from jaxadv.claims.neighbours import OUTCOMES, TEST
from jaxadv.claims.training import COUNTS, FasterAtSmallerScale
from jaxadv.reports.markdown import (
    by_group,
    document,
    minutes,
    show,
    show_counts,
    show_picture,
    show_table,
    show_values,
)
from jaxadv.reports.pictures import Picture
from jaxadv.stats.cells import finished_networks, rows_of
from jaxadv.stats.intervals import Estimate, median
from jaxadv.stats.trainings import (
    COMPARISONS,
    PHASES,
    QUANTITIES,
    QUANTITIES_OF,
    SPLITS,
    Split,
    best_cells,
    is_undone,
    named,
    output_scale_of,
)
from jaxadv.training import evaluate

INTRODUCTION = """\
Deng, He, Huang and Su (ICML 2020) argue that in the initial phase of adversarial training a smaller
input scale gives faster convergence. Here the same networks are trained on the same examples at
each scale; how their learning rates are compared is up to us, and done in three ways. The robust
loss is measured with a stronger attack than the one that is trained with, from several starts."""
NUMBERS = """\
Medians over networks with 95% intervals, in brackets, over resamples of networks. *Best*: of all
rates that were run, that with the lowest median robust loss on held-out examples at the end of the
phase on the other half of the networks. Rows of ρ = 0 are a control, clean training, measured under
attacks with the ratio control_ratio of the specification. ∞: beyond the phase, or diverged."""
VERDICTS = f"""\
For every two neighbouring scales: on how many networks there is more of it at the larger scale, and
on how many less, on {{examples}} examples. **yes** and **no** answer "is a smaller scale faster?".
They are compared by {TEST}. {OUTCOMES}
Adversarial training alone."""
CONTROL = """\
The same counts for networks that are trained without an attack, and measured under attacks with the
ratio control_ratio of the specification. An order of the scales that is there as well does not come
from adversarial training."""
ENDS = """\
At each scale's best rate, after the last step: medians over networks, training examples before the
slash, held-out ones behind it. *Inner proved*: the share of held-out examples whose inner maximum
is proved to be the global one, before the first step and after the last."""


def as_markdown(
    dataset: xr.Dataset, table: pd.DataFrame, pictures: Sequence[Picture], command: str
) -> str:
    """The report.

    Args:
        dataset: a training experiment.
        table: its `stats.trainings.tabulate`.
        pictures: in their order.
        command: what wrote it.
    """
    finished = finished_networks(dataset)
    parts = [
        INTRODUCTION,
        _what_was_run(finished),
        "## Is a smaller scale faster?",
        *(part for split in SPLITS for part in _on_split(finished, split)),
        *_control(finished),
        "## Figures",
        *map(show_picture, pictures),
        "## Numbers",
        NUMBERS,
        *by_group(finished, lambda group: _numbers(rows_of(table, group), group)),
        "## Where it ends",
        ENDS,
        *by_group(finished, _ends),
    ]
    return document("Training at each input scale", command, parts)


def caption_of(dataset: xr.Dataset, text: str) -> str:
    """A line for figures: what was run, and how often."""
    spec = tomllib.loads(dataset.attrs["training"])
    return f"{spec['data']}, {_group(dataset)}; {text}, n = {dataset.sizes['network']} networks"


def _group(dataset: xr.Dataset) -> str:
    names = ("dim", "width", "activation", "loss")
    dim, width, activation, loss = (show_values(dataset[name].values.tolist()) for name in names)
    return f"d = {dim}, m = {width}, {activation}, {loss}"


def _what_was_run(dataset: xr.Dataset) -> str:
    spec, sizes = tomllib.loads(dataset.attrs["training"]), dataset.sizes
    diverged = float((dataset.diverged_step >= 0).mean())
    batch = f"batches of {spec['batch']}" if spec["batch"] else "all in every step"
    return (
        f"Data {spec['data']}, {_group(dataset)} loss, trained layers: {spec['layers']}; "
        f"{sizes['network']} networks with {spec['examples']} training examples each "
        f"({batch}) in {sizes['cell']} cells, {spec['steps']} steps. Inner ascent: "
        f"{show_values(dataset.method.values.tolist())}, at most {spec['attack_steps']} steps "
        f"({spec['attack_step']}, {spec['attack_step_size']:g}) in the "
        f"{show_values(dataset.constraint.values.tolist())}; measured with "
        f"{spec['strong_steps']} steps from 0 and {spec['restarts']} random starts, and one ascent "
        f"on the margin. {diverged:.1%} of the runs diverged. All took "
        f"{minutes([dataset]):.0f} minutes; manifest.json has versions and machine."
    )


def _on_split(dataset: xr.Dataset, split: Split) -> Iterator[str]:
    """The verdicts on held-out or on training examples."""
    yield f"### On {SPLITS[split]} examples"
    yield VERDICTS.format(examples=SPLITS[split])
    yield from by_group(dataset, partial(_verdicts, attacked=True, split=split), level=4)


def _control(dataset: xr.Dataset) -> Iterator[str]:
    """The same for clean training, if there is any."""
    if (dataset.ratio == 0).any():
        yield "### The control: clean training"
        yield CONTROL
        yield from by_group(dataset, partial(_verdicts, attacked=False, split="test"), level=4)


def _verdicts(dataset: xr.Dataset, *, attacked: bool, split: Split) -> Iterator[str]:
    """A table for each phase."""
    for phase in PHASES:
        end = phase.end(dataset)
        if end is None:
            continue
        yield f"**{phase.text[0].upper()}{phase.text[1:]}** (target: {phase.target:g})"
        rows, head = [], []
        for comparison in COMPARISONS:
            for quantity in QUANTITIES_OF[split]:
                title = QUANTITIES[quantity]
                rule = FasterAtSmallerScale(
                    quantity, comparison, phase, split, attacked, output_scale_of(dataset),
                    is_undone(dataset),
                )  # fmt: skip
                by_series: dict[str, dict[str, str]] = {}
                for finding in rule.findings(dataset):
                    settings = finding.settings
                    name = f"{settings['optimizer']}, {named(comparison, settings.get('rate'))}"
                    counts = show_counts(finding, COUNTS)
                    by_series.setdefault(name, {})[settings["scale"]] = counts
                head = list(dict.fromkeys([*head, *(s for row in by_series.values() for s in row)]))
                rows += [(name, title, row) for name, row in by_series.items()]
        rows.sort(key=lambda row: list(QUANTITIES.values()).index(row[1]))
        yield show_table(
            ["", "", *head],
            [[title, name, *(row.get(scales, "") for scales in head)] for name, title, row in rows],
        )


def _numbers(table: pd.DataFrame, dataset: xr.Dataset) -> Iterator[str]:
    """A table of the robust loss for each phase."""
    scales = sorted(table.scale.unique())
    for phase in PHASES:
        part = table.query("phase == @phase.name and quantity == 'loss'")
        if part.empty:
            continue
        rows = []
        keys = ["comparison", "optimizer", "rate", "ratio"]
        for settings in part[keys].drop_duplicates().itertuples(index=False):
            comparison, optimizer, rate, ratio = settings
            same_rate = part.rate.isna() if np.isnan(rate) else part.rate == rate
            line = part[same_rate].query(
                "comparison == @comparison and optimizer == @optimizer and ratio == @ratio"
            )
            by_scale = line.set_index("scale")[["value", "low", "high"]]
            estimates = [Estimate(*by_scale.loc[scale]) for scale in scales]
            name = f"{optimizer}, {named(comparison, rate)}"
            rows.append([name, f"{ratio:g}", *map(show, estimates)])
        yield f"**Robust loss on held-out examples after {phase.end(dataset)} steps**"
        yield show_table(["", "ρ", *(f"s = {scale:g}" for scale in scales)], rows)


def _ends(dataset: xr.Dataset) -> Iterator[str]:
    """Losses, accuracies and the inner problem after the last step."""
    end = int(dataset.evaluation[-1])
    networks, rows = np.arange(dataset.sizes["network"]), []
    last = dataset.sel(evaluation=end)
    # There are none where labels are numbers to regress on.
    accuracies = [name for name in evaluate.ACCURACIES if last[name].notnull().any()]
    columns = ["clean_loss", "robust_loss", *accuracies]
    # An older store has no such variable.
    with_proofs = "inner_proved" in dataset and bool(dataset.inner_proved.notnull().any())
    pairs = dict.fromkeys(zip(dataset.optimizer.values, dataset.ratio.values, strict=True))
    for optimizer, ratio in pairs:
        chosen = (dataset.optimizer.values == optimizer) & (dataset.ratio.values == ratio)
        for cells in best_cells(dataset, chosen, end):

            def middle(values: xr.DataArray, cells: np.ndarray = cells) -> str:
                best = values.transpose("cell", "network", ...).values[cells, networks]
                return show(median(best.reshape(len(best), -1).astype(float)).value)

            rows.append([
                str(optimizer), f"{ratio:g}", f"{dataset.scale.values[cells[0]]:g}",
                middle(last.learning_rate),
                *(
                    " / ".join(middle(last[name].sel(split=split)) for split in evaluate.SPLITS)
                    for name in columns
                ),
                middle(last.distance),
                middle(last.inner_steps), middle(last.curvature_ratio),
                *([f"{middle(dataset.inner_proved[..., 0])} to {middle(last.inner_proved)}"]
                  if with_proofs else []),
            ])  # fmt: skip
    yield show_table(
        ["", "ρ", "s", "rate", *(name.replace("_", " ") for name in columns), "distance",
         "inner steps", "inner curvature ratio", *(["inner proved"] if with_proofs else [])], rows,
    )  # fmt: skip
