"""The figure of trainings on pixels: each variation against the scale."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from jaxadv.figures.style import MARKERS, WIDTH, colour, headline, labelled, legend_below, points
from jaxadv.stats.pixel_scales import estimates_of

COLUMNS = 4


def plot_scales(table: pd.DataFrame, measure: str, steps: Sequence[str], what: str) -> Figure:
    """A measure against the scale of pixels, a panel for each variation, a line for each step.

    Medians over networks with 95% intervals.

    Args:
        table: `jaxadv.stats.pixel_scales.tabulate`.
        measure: one of `MEASURES`.
        steps: what each step is called, in their order.
        what: what was run, in words.
    """
    variations = list(dict.fromkeys(table.variation))
    rows = -(-len(variations) // COLUMNS)
    figure, axes = plt.subplots(
        rows, COLUMNS, figsize=(WIDTH, 0.9 + 2.2 * rows), sharex=True, sharey=True, squeeze=False
    )
    chosen = table.loc[(table.measure == measure).to_numpy()]
    every = sorted(set(chosen.step))
    for place, variation in zip(axes.flat, variations, strict=False):
        for index, step in enumerate(every):
            line = chosen.loc[((chosen.variation == variation) & (chosen.step == step)).to_numpy()]
            points(
                place, line.scale, estimates_of(line),
                color=colour(index, len(every)), marker=MARKERS[index], ms=4, ls="-", lw=1.2,
                label=steps[index],
            )  # fmt: skip
        place.set_title(variation, fontsize=9)
        place.set(xscale="log")
        if measure != "robust accuracy":
            place.set_yscale("log")
        place.tick_params(labelsize=8)
        place.label_outer()
    for place in axes.flat[len(variations) :]:
        place.set_axis_off()
    for place in axes[-1]:
        place.set_xlabel("scale of pixels", fontsize=9)
    for place in axes[:, 0]:
        place.set_ylabel(measure, fontsize=9)
    legend_below(figure, labelled(axes[0, 0]))
    headline(figure, what)
    return figure
