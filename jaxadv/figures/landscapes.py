"""Landscapes in any dimension: planes, valleys, ascents, final losses, spectra; and the numbers."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Patch

from jaxadv.figures.panels import REGULAR, ROUGH, colour_of
from jaxadv.figures.spheres import OUTLINED
from jaxadv.figures.style import WIDTH, colour, headline, points
from jaxadv.stats.cells import kappa_0_of
from jaxadv.stats.intervals import Estimate
from jaxadv.stats.landscapes import MEASURES, NETWORKS
from jaxadv.theory import CRITICAL, tangent_spectrum

BINS = 80
# The ends of the axis of tangent curvatures.
SPECTRUM = (-3.0, 1.3)
# Measures on a logarithmic axis.
COUNTED = ("maxima", "missed")
# The measures of the overview.
SHOWN = (
    "maxima", "best_share", "step_cosine", "step_gain", "path_ratio", "barrier",
    "gradient_change", "loss_spread", "curvature_ratio",
)  # fmt: skip


def gained(losses: Float[np.ndarray, "..."], cell: xr.Dataset) -> Float[np.ndarray, "..."]:
    """Losses in units of the best gain: 0 at the unperturbed input, 1 at the best maximum."""
    centre, best = cell.loss_centre.values, cell.loss_best.values
    return (losses - centre) / (best - centre)


def draw_plane(axes: Axes, cell: xr.Dataset) -> Axes:
    """The loss in a plane through the best maximum, outside the ball in pale, with ascents."""
    across, up, centre = cell.across.values, cell.up.values, cell.centre.values
    section = float(cell.section)
    # Around the section's centre, in radii of the ball.
    x, y = across - centre[0], up - centre[1]
    loss = gained(cell.loss.values, cell)
    outside = np.hypot(x[None], y[:, None]) > section
    style = {"cmap": "viridis", "vmin": -1, "vmax": 1, "rasterized": True}
    axes.pcolormesh(x, y, loss, alpha=0.35, **style)
    axes.pcolormesh(x, y, np.ma.masked_where(outside, loss), **style)
    axes.contour(
        x, y, loss, levels=np.arange(-2, 2.01, 0.2), colors="black", linewidths=0.3, alpha=0.5
    )
    axes.add_patch(Circle((0, 0), section, fill=False, ec="black", lw=1.5))
    for path in cell.path.values - centre:
        axes.plot(*path.T, color="white", lw=0.8, path_effects=OUTLINED)
        axes.plot(*path[-1], "^", color="white", mec="black", mew=0.5, ms=4)
    axes.plot(*-centre, "*", color="white", mec="black", ms=13, clip_on=False, zorder=6)
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_visible(False)
    return axes


def draw_arcs(axes: Axes, cell: xr.Dataset) -> Axes:
    """The loss along great circles from the best maximum to others."""
    known = np.flatnonzero(~np.isnan(cell.loss_arc.values[:, 0])).tolist()
    for index, row in enumerate(known):
        degrees = np.degrees(cell.angle.values[row])
        values = gained(cell.loss_arc.values[row], cell)
        axes.plot(degrees, values, color=colour(index, len(known)), lw=1.3)
        axes.plot(degrees[-1], values[-1], "^", color="white", mec="black", ms=6, clip_on=False)
    axes.plot(0, 1, "*", color="white", mec="black", ms=12, clip_on=False, zorder=5)
    if not known:
        axes.text(
            90, 0.5, "no valley between\ncertified maxima", ha="center", color="0.35", fontsize=9
        )
    axes.axhline(0, color="0.7", lw=0.8, ls=":")
    axes.set(xlim=(0, 180), xticks=(0, 60, 120, 180), xlabel="degrees from the best")
    axes.set_ylabel("share of the gain")
    return _small(axes)


def draw_ascents(axes: Axes, cell: xr.Dataset) -> Axes:
    """The loss along ascents, in units of the best gain among them, with a dot at each end."""
    every = cell.loss_path.values
    centre = cell.loss_centre.item()
    values = (every - centre) / (np.nanmax(every) - centre)
    for index, path in enumerate(values):
        length = int((~np.isnan(path)).sum())
        hue = colour(index, len(values))
        axes.plot(np.arange(1, length + 1), path[:length], color=hue, lw=1, alpha=0.8)
        axes.plot(length, path[length - 1], "o", color=hue, ms=3.5, zorder=4)
    axes.axhline(0, color="0.6", lw=0.8, ls=":")
    axes.set(xscale="log", xlabel="step + 1", ylabel="share of the gain", ylim=(-0.55, 1.1))
    return _small(axes)


def draw_losses(axes: Axes, cell: xr.Dataset) -> Axes:
    """How many ascents end at which loss, on a logarithmic axis; those not certified hollow.

    The axis says how many are missing because their loss is not finite.
    """
    losses, certified = cell.loss_end.values, cell.certified.values.astype(bool)
    finite, centre = np.isfinite(losses), cell.loss_centre.item()
    lost = f", {(~finite).sum()} not finite" if not finite.all() else ""
    axes.set_ylabel(f"ascents{lost}")
    losses, certified = losses[finite], certified[finite]
    if not losses.size:
        return _small(axes)
    best = losses.max()
    values = (losses - centre) / (best - centre)
    edges = np.linspace(min(0.0, values.min()), 1.02, BINS + 1).tolist()
    axes.hist(values[certified], edges, color=colour_of(kappa_0_of(cell)), lw=0)
    axes.hist(values, edges, histtype="step", color="0.3", lw=0.8)
    axes.set(yscale="log", ylim=(0.7, 1.5 * len(values)), xlabel="share of the gain")
    return _small(axes)


def draw_spectrum(axes: Axes, cell: xr.Dataset) -> Axes:
    """The density of tangent curvatures over the multiplier, and the mean field's semicircle.

    The semicircle is drawn where it is predicted, for 0 < κ₀ < 2.

    At a maximum none is above 1 (dotted); those below the axis's end are left out.
    """
    values = cell.spectrum.values.ravel()
    values = values[~np.isnan(values)]
    kappa_0 = kappa_0_of(cell)
    if values.size:
        axes.hist(
            values, np.linspace(*SPECTRUM, BINS + 1).tolist(), density=True, color="0.75", lw=0
        )
    if 0 < kappa_0 < CRITICAL:
        centre, radius = map(float, tangent_spectrum(kappa_0))
        sines = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 200))
        density = 2 / (np.pi * radius) * np.sqrt(1 - sines**2)
        axes.plot(centre + radius * sines, density, color=colour_of(kappa_0), lw=1.8)
        # Where few neurons are active most curvatures are 0: their bin goes beyond the panel.
        axes.set_ylim(0, 1.6 * density.max())
    axes.axvline(1, color="black", lw=1, ls=":")
    axes.set(xlim=SPECTRUM, yticks=[], xlabel="curvature over λ")
    return _small(axes)


def plot_measure(axes: Axes, table: pd.DataFrame, name: str) -> Axes:
    """One measure against κ₀, a line for each training, on the colours of κ₀ below and above 2.

    Args:
        axes: where to draw.
        table: of `tabulate`, the rows of one group.
        name: of `MEASURES`.
    """
    part = table.query("quantity == @name and kappa_0 == kappa_0")
    trainings = list(dict.fromkeys(part.training))
    for index, training in enumerate(trainings):
        line = part.query("training == @training and value == value").sort_values("kappa_0")
        columns = line[["value", "low", "high"]]
        estimates = [Estimate(*row) for row in columns.itertuples(index=False)]
        hue = "black" if len(trainings) == 1 else colour(index, len(trainings))
        points(
            axes,
            line.kappa_0,
            estimates,
            color=hue,
            marker="o",
            ms=4,
            ls="-",
            label=NETWORKS[training],
        )
    axes.set(xscale="log")
    if name in COUNTED:
        axes.set(yscale="log")
    low, high = axes.get_xlim()
    axes.axvspan(low, min(CRITICAL, high), color=REGULAR, alpha=0.1, lw=0)
    if high > CRITICAL:
        axes.axvspan(max(CRITICAL, low), high, color=ROUGH, alpha=0.12, lw=0)
    axes.set_xlim(low, high)
    axes.set_title(MEASURES[name].title, fontsize=9)
    return _small(axes)


def plot_overview(table: pd.DataFrame, caption: str) -> Figure:
    """The measures of `SHOWN` side by side, from the rows of one group."""
    figure, axes = plt.subplots(3, 3, figsize=(WIDTH, 6.8), sharex=True)
    for place, name in zip(axes.flat, SHOWN, strict=True):
        plot_measure(place, table, name)
    for place in axes[-1]:
        place.set_xlabel("κ₀", fontsize=9)
    handles = [Patch(color=hue, alpha=0.2) for hue in (REGULAR, ROUGH)]
    names = [f"κ₀ < {CRITICAL:g}: regular", f"κ₀ > {CRITICAL:g}: rough"]
    lines, trainings = axes[0, 0].get_legend_handles_labels()
    if len(trainings) > 1:
        handles, names = [*handles, *lines], [*names, *trainings]
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), fontsize=9)
    headline(figure, caption)
    return figure


def _small(axes: Axes) -> Axes:
    axes.tick_params(labelsize=8)
    axes.set_xlabel(axes.get_xlabel(), fontsize=9)
    axes.set_ylabel(axes.get_ylabel(), fontsize=9)
    return axes
