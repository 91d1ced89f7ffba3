"""Figures on proofs: what is proved of maxima, and where proofs end."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxadv.figures.style import MARKERS, WIDTH, headline, labelled, legend_below
from jaxadv.stats.proofs import REGIMES

# Okabe and Ito's colours, from most that is known to least.
COLOURS = {"unique": "#0072B2", "global": "#56B4E9", "one": "#E69F00", "many": "#D55E00"}


def plot_regimes(table: pd.DataFrame, what: str) -> Figure:
    """The bound of the curvature over the multiplier against κ₀, and the shares of four regimes.

    Args:
        table: `jaxadv.stats.proofs.tabulate`.
        what: what was run, in words.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.4), width_ratios=(1.25, 1))
    _ratios(left, table)
    usual = {"dim": 64, "activation": "tanh", "ratio": 0.1, "training": "none"}
    keep = np.ones(len(table), bool)
    for name, value in usual.items():
        keep &= (table[name] == value).to_numpy() | (value not in set(table[name]))
    keep &= (table["width"] == table["width"][keep].max()).to_numpy()
    chosen = table.loc[keep].sort_values("scale")
    _shares(right, chosen)
    legend_below(figure, {REGIMES[name]: patch for name, patch in labelled(right).items()})
    headline(figure, what)
    return figure


def _ratios(axes: Axes, table: pd.DataFrame) -> None:
    activations = list(dict.fromkeys(table.activation))
    known = table.loc[(table["ratio_value"] > 0).to_numpy()]
    largest = known[list(REGIMES)].to_numpy().argmax(axis=1)
    for index, activation in enumerate(activations):
        for regime, name in enumerate(REGIMES):
            rows = known.loc[(known["activation"] == activation).to_numpy() & (largest == regime)]
            axes.plot(
                rows.kappa_0, rows.ratio_value, ls="none", ms=5, alpha=0.8,
                marker=MARKERS[index % len(MARKERS)], color=COLOURS[name], mec="white", mew=0.4,
            )  # fmt: skip
        axes.plot(
            [], [], ls="none", marker=MARKERS[index % len(MARKERS)], color="0.4", label=activation
        )
    ends = np.array([known.kappa_0.min(), known.kappa_0.max()])
    axes.plot(ends, ends, color="0.4", lw=1, ls=":")
    axes.annotate(
        "K/λ = κ₀", (ends[0], ends[0]), fontsize=8, color="0.4", xytext=(14, -2),
        textcoords="offset points",
    )  # fmt: skip
    for level, text in ((1.0, "below: global"), (0.5, "below: unique")):
        axes.axhline(level, color="black", lw=0.8)
        axes.annotate(text, (ends[0], level), fontsize=8, xytext=(0, 2), textcoords="offset points")
    axes.set(
        xscale="log", yscale="log", xlabel="κ₀ = 2ρs σ₂/σ₁",
        ylabel="K/λ, curvature bound over multiplier",
    )  # fmt: skip
    axes.legend(fontsize=8, loc="lower right")


def _shares(axes: Axes, rows: pd.DataFrame) -> None:
    at, bottom = np.arange(len(rows)), np.zeros(len(rows))
    look: dict[str, Any] = {"width": 0.85}
    for name, hue in COLOURS.items():
        axes.bar(at, rows[name], bottom=bottom, color=hue, label=name, **look)
        bottom += rows[name].to_numpy()
    first = rows.iloc[0]
    axes.set_xticks(at, [f"{scale:g}" for scale in rows.scale])
    axes.set(ylim=(0, 1), xlabel="input scale s", ylabel="share of inputs")
    axes.set_title(
        f"{first.activation}, d = {first.dim}, m = {first.width}, ρ = {first.ratio:g}", fontsize=9
    )
