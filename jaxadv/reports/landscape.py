"""A survey of landscapes in words and tables: Markdown for people."""

import json
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from jaxadv.claims.landscapes import COUNTS, MoreRegularAtSmallerScale
from jaxadv.claims.neighbours import OUTCOMES, TEST
from jaxadv.claims.verdicts import Finding
from jaxadv.landscape.meshes import EULER
from jaxadv.reports.markdown import (
    by_group,
    document,
    minutes,
    show,
    show_counts,
    show_outcomes,
    show_picture,
    show_table,
    show_values,
)
from jaxadv.reports.notes import note_on_own_functions
from jaxadv.reports.pictures import Picture
from jaxadv.stats.cells import (
    OF_GROUP,
    cells,
    families,
    finished_networks,
    in_words,
    is_proved,
    proofs_were_tried,
    rows_of,
)
from jaxadv.stats.intervals import Estimate, share
from jaxadv.stats.landscapes import MEASURES, NETWORKS, num_maxima

ONE_SCALE = ("training", "ratio")
INTRODUCTION = """\
Deng, He, Huang and Su (ICML 2020) argue that a smaller input scale makes the landscape of the
adversarial loss "more regular". Their abstract does not say what that means; these are our
readings of it, each measured on random networks, with κ₀ = 2ρs σ₂/σ₁ beside the scale: our
prediction is that regularity is lost where κ₀ passes 2. For trained networks κ₀ is that of the
networks before training."""
NUMBERS = """\
Medians over networks and inputs with 95% intervals, in brackets, over resamples of networks;
for distinct maxima the mean as well. Maxima are certified, polished by Newton's method and told
apart by distance. *Gain* is the loss at the best maximum less that at the unperturbed input."""
DIRECTIONS = f"""\
For every two neighbouring scales: on how many networks the quantity tells of less regularity at
the larger one, and on how many of more (medians over a network's inputs). **yes** and **no** answer
"is a smaller scale more regular?". They are compared by {TEST}. {OUTCOMES}"""
PROOFS = """\
*Global*: ascents whose end is proved to be the global maximum. *Number bounded*: inputs at which
the number of local maxima is proved to be at most 1 or 2. The search found *as many* as that,
*fewer*, or *more*, which would refute the proof."""
CRITICAL = """\
In two and three dimensions all critical points on the sphere ‖δ‖ = ε are found, by Newton's method
from a mesh that is refined until nothing new appears; Euler's characteristic (maxima − minima = 0
on the circle, maxima − saddles + minima = 2 on the sphere) checks that none is missing. Sums over
networks. *Valleys* are where the output equals the label, ℓ' = 0: points of the circle (they are
among its minima), curves on the sphere (which count 0). *Missed*: maxima to which more than 1% of
the sphere belongs (by steepest ascent on the mesh) and that no ascent found. *Strays*: certified
ends of ascents that are none of the maxima."""


def as_markdown(
    dataset: xr.Dataset,
    table: pd.DataFrame,
    critical: Sequence[xr.Dataset],
    pictures: Sequence[Picture],
    command: str,
) -> str:
    """The report.

    Args:
        dataset: a survey's.
        table: its `stats.landscapes.tabulate`.
        critical: what `run_critical` found, in some dimensions.
        pictures: in their order.
        command: what wrote it.
    """
    finished = finished_networks(dataset)
    parts = [
        INTRODUCTION,
        _what_was_run(finished),
        note_on_own_functions(dataset, "The survey"),
        "## Numbers",
        NUMBERS,
        *by_group(finished, lambda group: _numbers(rows_of(table, group))),
        *_proofs(finished),
        "## Is a smaller scale more regular?",
        DIRECTIONS,
        *by_group(finished, _verdicts),
    ]
    if critical:
        parts += ["## All critical points", CRITICAL, _critical(critical)]
    parts += ["## Figures", *map(show_picture, pictures)]
    return document("The landscape at each input scale", command, parts)


def _what_was_run(dataset: xr.Dataset) -> str:
    spec, sizes = tomllib.loads(dataset.attrs["landscape"]), dataset.sizes
    names = ("dim", "width", "activation", "loss")
    dim, width, activation, loss = (show_values(dataset[name].values.tolist()) for name in names)
    return (
        f"d = {dim}, m = {width}, {activation}, {loss} loss, data "
        f"{spec['data']}; {sizes['network']} networks × {sizes['example']} inputs × "
        f"{sizes['start']} starts in each of {sizes['cell']} cells; {spec['step']} steps of "
        f"{spec['step_size']:g}, to a residual of {spec['tolerance']:g} or {spec['max_steps']} "
        f"steps. The survey took {minutes([dataset]):.1f} minutes; manifest.json has "
        f"versions and machine."
    )


def _heading(table: pd.DataFrame, settings: Any) -> str:
    training, ratio = settings
    several = any(table[name].nunique() > 1 for name in ONE_SCALE)
    return f"**{NETWORKS[training].capitalize()}, ρ = {ratio:g}**" if several else ""


def _numbers(table: pd.DataFrame) -> Iterator[str]:
    """A table for each training and ratio of one group."""
    for settings, part in table.groupby(list(ONE_SCALE), sort=False):
        yield _heading(table, settings)
        yield _by_scale(part)


def _by_scale(part: pd.DataFrame) -> str:
    """A table of the measures by scale."""
    scales = list(dict.fromkeys(zip(part.scale, part.kappa_0, strict=True)))
    head = ["", *(f"s = {s:g} (κ₀ {show(float(k))})" for s, k in scales)]
    rows = []
    for name, measure in MEASURES.items():
        lines = part[part.quantity == name]
        columns = (lines[column] for column in ("value", "low", "high"))
        texts = [show(Estimate(*row)) for row in zip(*columns, strict=True)]
        if name == "maxima":
            means = lines["mean"]
            texts = [f"{text}, mean {show(mean)}" for text, mean in zip(texts, means, strict=True)]
        rows.append([measure.title, *texts])
    return show_table(head, rows)


def _proofs(dataset: xr.Dataset) -> Iterator[str]:
    """What is proved of the maxima, and whether the search agrees with it."""
    if not proofs_were_tried(dataset):
        return
    yield "## What is proved"
    yield PROOFS
    rows = []
    for settings, family in families(dataset):
        for cell in cells(family):
            found, most = num_maxima(cell), cell.most_maxima.values
            is_bounded = ~np.isnan(most)
            rows.append([
                in_words(settings), show(cell.scale.item()), f"{float(is_proved(cell).mean()):.1%}",
                f"{is_bounded.sum()} of {is_bounded.size}", str((found == most).sum()),
                str((found < most).sum()), str((found > most).sum()),
            ])  # fmt: skip
    head = ["", "s", "global", "number bounded", "as many", "fewer", "more"]
    yield show_table(head, rows)


def _verdicts(dataset: xr.Dataset) -> Iterator[str]:
    """A table for each training and ratio, and how many findings speak for the claim."""
    findings = {name: list(MoreRegularAtSmallerScale(name).findings(dataset)) for name in MEASURES}
    every = [finding for some in findings.values() for finding in some]
    tables = list(dict.fromkeys(map(_table_of, every)))
    for training, ratio in tables:
        rows = {
            MEASURES[name].title: {
                finding.settings["scale"]: show_counts(finding, COUNTS)
                for finding in some
                if _table_of(finding) == (training, ratio)
            }
            for name, some in findings.items()
        }
        if len(tables) > 1:
            yield f"**{NETWORKS[training].capitalize()}, ρ = {ratio:g}**"
        head = next(iter(rows.values()))
        yield show_table(["", *head], [[title, *row.values()] for title, row in rows.items()])
    yield f"Of {len(every)} comparisons: {show_outcomes(every)}."


def _table_of(finding: Finding) -> tuple[str, float]:
    return finding.settings["training"], finding.settings["ratio"]


def _critical(datasets: Sequence[xr.Dataset]) -> str:
    every = [cell for dataset in datasets for cell in cells(dataset)]
    # The dimension has its column in any case.
    others = (name for name in OF_GROUP if name != "dim")
    varying = [name for name in others if len({cell[name].item() for cell in every}) > 1]
    head = [
        "d", *varying, "s", "networks", "maxima", "saddles", "minima", "valleys",
        "Euler's check holds", "starts", "certified", "missed", "strays",
    ]  # fmt: skip
    rows = []
    for cell in every:
        dim = cell.dim.item()
        holds = (cell.settled.values == 1) & (cell.euler.values == EULER[dim])
        starts = json.loads(cell.attrs["identity"])["ascents"]
        counts = [str(int(cell[name].sum())) for name in ("maxima", "saddles", "minima")]
        rows.append(
            [
                str(dim), *(show(cell[name].item()) for name in varying), show(cell.scale.item()),
                str(holds.size), *counts, str(int(cell.valleys.sum())),
                f"{int(holds.sum())}, {show(share(holds))}", str(starts),
                f"{float(cell.certified.mean()) / starts:.1%}",
                str(int(cell.missed.sum())), str(int(cell.strays.sum())),
            ]
        )  # fmt: skip
    return show_table(head, rows)


def caption_of(dataset: xr.Dataset, what: str) -> str:
    """The small line above a figure: what is drawn, of which networks."""
    spec = tomllib.loads(dataset.attrs["landscape"])
    ratios = ", ".join(f"{ratio:g}" for ratio in sorted(set(dataset.ratio.values.tolist())))
    names = ("activation", "dim", "width")
    activation, dim, width = (show_values(dataset[name].values.tolist()) for name in names)
    shape = f"{activation}, d = {dim}, m = {width}, ρ = {ratios}"
    return f"{what}; {shape}, {spec['data']}"
