"""Figures on boxes: what the ends of ascents are, and the coordinates at no bound."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxadv.figures.style import MARKERS, WIDTH, caption, colour, headline, labelled, legend_below

# Okabe and Ito's colours of kinds of ends.
ENDS = {
    "vertex": ("#0072B2", "at a vertex"),
    "face": ("#56B4E9", "on a face"),
    "cycling": ("#D55E00", "cycling"),
}
REST = ("0.85", "not certified")


def plot_ends(table: pd.DataFrame, what: str) -> Figure:
    """The shares of kinds of ends in L∞ balls against the scale, a panel for each method.

    Args:
        table: `jaxadv.stats.boxes.tabulate_methods`.
        what: what was run, in words.
    """
    table = table.query("constraint == 'linf-ball'")
    methods = list(dict.fromkeys(table.method))
    figure, axes = plt.subplots(1, len(methods), figsize=(WIDTH, 3.4), sharey=True, squeeze=False)
    for place, method in zip(axes.flat, methods, strict=True):
        rows = table.query("method == @method").sort_values("scale")
        at, bottom = np.arange(len(rows)), np.zeros(len(rows))
        for name, (hue, label) in ENDS.items():
            place.bar(at, rows[name], 0.85, bottom=bottom, color=hue, label=label)
            bottom += rows[name].to_numpy()
        place.bar(at, 1 - bottom, 0.85, bottom=bottom, color=REST[0], label=REST[1])
        place.set_xticks(at, [f"{scale:g}" for scale in rows.scale])
        place.set(title=method, ylim=(0, 1), xlabel="input scale")
    axes[0, 0].set_ylabel("share of trials")
    legend_below(figure, labelled(axes[0, 0]))
    headline(figure, what)
    return figure


def plot_free(
    axes: Axes, table: pd.DataFrame, law: Callable[[float, int], float], what: str
) -> Axes:
    """The free coordinates against κ₀ in every dimension, with a law.

    Means with 95% intervals over networks, and the law as lines.

    Args:
        axes: where it is drawn.
        table: `jaxadv.stats.boxes.free_coordinates`.
        law: from κ₀ and d to a number.
        what: what was run, in words.
    """
    dims = sorted(set(table.dim))
    for index, dim in enumerate(dims):
        rows = table.query("dim == @dim").sort_values("kappa_0")
        hue = colour(index, len(dims))
        spread = [np.maximum(0, rows.free - rows.low), np.maximum(0, rows.high - rows.free)]
        axes.errorbar(
            rows.kappa_0, rows.free, yerr=spread, ls="none", marker=MARKERS[index % len(MARKERS)],
            color=hue, label=f"d = {dim}", ms=5, elinewidth=1.5,
        )  # fmt: skip
        fine = np.geomspace(rows.kappa_0.min(), rows.kappa_0.max(), 50)
        axes.plot(fine, [law(kappa, dim) for kappa in fine], color=hue, lw=1)
    axes.set(xscale="log", xlabel="κ₀", ylabel="coordinates at no bound")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.05)
    axes.legend(loc="lower right", fontsize=9)
    caption(axes, what)
    return axes
