"""The figure of trainings on pixels: each variation against the scale."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from jaxadv.figures.style import (
    MARKERS,
    WIDTH,
    colour,
    headline,
    labelled,
    legend_below,
    points,
    ticks_at,
)
from jaxadv.stats.pixel_scales import estimates_of
from jaxadv.stats.trainings import Quantity

COLUMNS = 4
BEYOND = "beyond the budget"
LABELS: dict[Quantity, str] = {
    "loss": "robust loss, held out",
    "errors": "wrong under attack",
    "inner": "inner steps",
}


def plot_scales(table: pd.DataFrame, quantity: Quantity, steps: Sequence[str], what: str) -> Figure:
    """A quantity against the scale of pixels, a panel for each variation, a line for each step.

    Medians over networks with 95% intervals. A median beyond the budget of steps is not drawn.

    Args:
        table: `jaxadv.stats.pixel_scales.tabulate`.
        quantity: one of `jaxadv.stats.pixel_scales.QUANTITIES`.
        steps: what each step is called, in their order.
        what: what was run, in words.
    """
    variations = list(dict.fromkeys(table.variation))
    rows = -(-len(variations) // COLUMNS)
    figure, axes = plt.subplots(
        rows, COLUMNS, figsize=(WIDTH, 0.9 + 2.2 * rows), sharex=True, sharey=True, squeeze=False
    )
    chosen = table.loc[(table["quantity"] == quantity).to_numpy()]
    every = sorted(set(chosen.step))
    for place, variation in zip(axes.flat, variations, strict=False):
        rows_of = chosen.loc[(chosen.variation == variation).to_numpy()]
        for index, step in enumerate(every):
            line = rows_of.loc[((rows_of.step == step) & np.isfinite(rows_of.value)).to_numpy()]
            points(
                place, line.scale, estimates_of(line),
                color=colour(index, len(every)), marker=MARKERS[index], ms=4, ls="-", lw=1.2,
                label=steps[index],
            )  # fmt: skip
        if not np.isfinite(rows_of.value).any():
            place.text(0.5, 0.5, BEYOND, ha="center", color="0.35", transform=place.transAxes)
        place.set_title(variation, fontsize=9)
        place.set(xscale="log")
        ticks_at(place, sorted(set(chosen.scale)))
        if quantity != "errors":
            place.set_yscale("log")
            place.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            place.yaxis.set_minor_locator(NullLocator())
            place.yaxis.set_major_formatter("{x:g}")
        place.tick_params(labelsize=8)
        place.label_outer()
    for place in axes.flat[len(variations) :]:
        place.set_axis_off()
    for place in axes[-1]:
        place.set_xlabel("scale of pixels", fontsize=9)
    for place in axes[:, 0]:
        place.set_ylabel(LABELS[quantity], fontsize=9)
    legend_below(figure, labelled(axes[0, 0]))
    headline(figure, what)
    return figure
