"""The page on the scale of pixels: does a smaller one help training on real images?"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import pandas as pd
import xarray as xr

from jaxadv.claims.neighbours import OUTCOMES, TEST
from jaxadv.claims.pixel_scales import findings
from jaxadv.claims.training import COUNTS
from jaxadv.claims.verdicts import Finding
from jaxadv.figures.pixel_scales import plot_scales
from jaxadv.reports.markdown import (
    document,
    minutes,
    sentence,
    show,
    show_counts,
    show_outcomes,
    show_picture,
    show_table,
)
from jaxadv.reports.pictures import Picture
from jaxadv.stats.pixel_scales import (
    QUANTITIES,
    estimates_of,
    is_control,
    largest_difference,
    tabulate,
)
from jaxadv.stats.trainings import QUANTITIES as QUANTITY_NAMES
from jaxadv.stats.trainings import TARGETS, Phase, Quantity, is_undone

ABOUT = """\
Real images are trained on, and attacked, at several scales of their pixels. Images have pixels in
[0, 1]; the scale multiplies them, and perturbations are in proportion: their set has the
circumradius ρ times the norm of the image. One factor is changed at a time, around the setting
*base*. In *undone* the initial hidden weights are divided by the scale, and trained at rates in
proportion, which is the same training in other units
([the theory](../../../docs/theory.md), section 7.4)."""
NUMBERS = """\
Medians over networks with 95% intervals in brackets. Robust losses and wrong answers are those of
held-out images, under a stronger attack than that which is trained with. Inner steps are counted on
training images, until the residual of the inner ascent is 0.001; ∞: not within 300 steps."""
COUNTED = """\
*Yes* and *no* answer the question in the heading. Before the colon: on how many networks the
smaller scale is ahead; behind it: on how many the larger one."""
QUESTIONS: Mapping[Quantity, str] = {
    "loss": "the held-out robust loss is lower",
    "errors": "fewer held-out answers are wrong under attack",
    "inner": "the inner ascent takes fewer steps",
}
# Findings by what is asked, the phase and the variation.
Judged = Mapping[tuple[Quantity, Phase, str], Sequence[Finding]]


def phases(per_epoch: int) -> tuple[Phase, Phase]:
    """The phases that are looked at: a tenth of an epoch, and one epoch."""
    tenth = round(per_epoch / 10)
    return (
        Phase("tenth", "in the first tenth of an epoch", tenth, TARGETS[0]),
        Phase("epoch", "in the first epoch", per_epoch, TARGETS[1]),
    )


def pictures(datasets: Mapping[str, xr.Dataset], per_epoch: int) -> Iterator[Picture]:
    """A figure of each measure."""
    table = tabulate(datasets)
    steps = [
        f"after {step} steps ({step / per_epoch:.1g} epochs)" for step in sorted(set(table.step))
    ]
    first = next(iter(datasets.values()))
    what = (
        f"d = {first.dim.values[0]}, m = {first.width.values[0]}; medians, 95% intervals over "
        f"n = {first.sizes['network']} networks"
    )
    for quantity in QUANTITIES:
        yield Picture(
            f"{quantity}.png",
            f"The {QUANTITY_NAMES[quantity]} against the scale of pixels, in each variation.",
            partial(plot_scales, table, quantity, steps, what),
        )


def as_markdown(datasets: Mapping[str, xr.Dataset], per_epoch: int, command: str) -> str:
    """The page.

    Args:
        datasets: trainings of finished networks, by the name of the variation.
        per_epoch: steps in an epoch.
        command: what writes the page.
    """
    table = tabulate(datasets)
    judged: Judged = {
        (quantity, phase, name): list(findings(dataset, quantity, phase))
        for quantity in QUANTITIES
        for phase in phases(per_epoch)
        for name, dataset in datasets.items()
    }
    return document(
        "Does the scale of pixels matter?",
        command,
        [
            ABOUT,
            "## In short",
            "\n".join(f"- {line}" for line in _summary(datasets, judged, per_epoch)),
            *map(show_picture, pictures(datasets, per_epoch)),
            "## Is a smaller scale ahead?",
            f"Compared by {TEST}. {OUTCOMES}",
            COUNTED,
            *_verdicts(judged, per_epoch),
            "## Numbers",
            NUMBERS,
            *(part for quantity in QUANTITIES for part in _numbers(table, quantity)),
            f"All trainings took {minutes(datasets.values()):.0f} minutes.",
        ],
    )


def _summary(datasets: Mapping[str, xr.Dataset], judged: Judged, per_epoch: int) -> Iterator[str]:
    """The findings, a sentence each."""
    controls = [name for name, dataset in datasets.items() if is_control(dataset)]
    for quantity, question in QUESTIONS.items():
        for phase in phases(per_epoch):
            of_variations = [
                finding
                for (asked, at, name), every in judged.items()
                if (asked, at) == (quantity, phase) and name not in controls
                for finding in every
            ]
            yield (
                f"At the smaller of two neighbouring scales {question}, {phase.text}: "
                f"{show_outcomes(of_variations)}. The controls are not counted."
            )
    for name in controls:
        outcomes = "; ".join(
            f"{phase.text} {show_outcomes(judged['loss', phase, name])}"
            for phase in phases(per_epoch)
        )
        yield f"Control *{name}*, the same question of the loss: {outcomes}."
        if is_undone(datasets[name]):
            yield (
                f"Control *{name}*: the largest relative difference of robust losses between "
                f"scales, on the same network, is {largest_difference(datasets[name]):.1g}."
            )


def _verdicts(judged: Judged, per_epoch: int) -> Iterator[str]:
    """A table of outcomes for each question and phase."""
    for quantity, question in QUESTIONS.items():
        for phase in phases(per_epoch):
            yield f"### At the smaller scale {question}, {phase.text}"
            rows, head = [], ["variation"]
            for (other, at, name), every in judged.items():
                if (other, at) != (quantity, phase):
                    continue
                head = ["variation", *(str(finding.settings["scale"]) for finding in every)]
                rows.append([name, *(show_counts(finding, COUNTS) for finding in every)])
            yield show_table(head, rows)


def _numbers(table: pd.DataFrame, quantity: Quantity) -> Iterator[str]:
    """The medians of a quantity."""
    yield f"### {sentence(QUANTITY_NAMES[quantity])}"
    chosen = table.loc[(table["quantity"] == quantity).to_numpy()]
    scales = sorted(set(chosen.scale))
    rows = []
    for (variation, step), line in chosen.groupby(["variation", "step"], sort=False):
        estimates = estimates_of(line.sort_values("scale"))
        rows.append([str(variation), str(step), *map(show, estimates)])
    yield show_table(["variation", "step", *(f"s = {scale:g}" for scale in scales)], rows)
