"""Figures of the steps against a size, and of the distance to the true maximum."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from jaxadv.claims.growth import fit_for_growth
from jaxadv.claims.laws import gains
from jaxadv.figures.style import LABELS, caption, colour, empty, in_legend, points, ticks_at
from jaxadv.stats.cells import (
    SETTINGS,
    by_network,
    cells,
    finished_networks,
    kappa_0_of,
    typical,
)
from jaxadv.stats.fits import LEAST_SIZES
from jaxadv.stats.intervals import Estimate, median
from jaxadv.stats.lines import INDEPENDENT, Along, Line, lines
from jaxadv.theory import steps


def plot_growth(axes: Axes, dataset: xr.Dataset, along: Along, by: str = "scale") -> Axes:
    """Median and 90% of the steps against a size, with fitted power laws and the mean field.

    Filled points with 95% intervals: medians. Lines: power laws fitted to them, with the exponent
    in the legend; along the scale, where none is expected, the mean field's medians. Crosses: the
    mean field's medians along the other sizes. Open points: 90%. Quantiles beyond the budget are
    left out.

    Args:
        axes: where to draw.
        dataset: a sweep's.
        along: the size.
        by: the setting that has a colour for each of its values.
    """
    dataset = typical(dataset, (along, by))
    middle, most = (
        sorted(lines(dataset, along, p), key=lambda line: line.settings[by]) for p in (0.5, 0.9)
    )
    if not any((np.isfinite(line.values[0]) & (line.values[0] > 0)).any() for line in middle):
        return empty(axes, "no median of the steps is within the budget")
    for index, (line, tail) in enumerate(zip(middle, most, strict=True)):
        hue, label = colour(index, len(middle)), in_legend(line.settings[by])
        part = line.where(np.isfinite(line.values[0]))
        points(axes, part.sizes, part.estimates, color=hue, marker="o", ms=5)
        axes.plot(tail.sizes, tail.values[0], "o", color=hue, mfc="none", ms=5, alpha=0.6)
        if along != "tolerance":
            members = dataset.isel(cell=dataset[by].values == line.settings[by], tolerance=-1)
            _draw_mean_field(axes, members, along, hue)
        if along != "scale":
            label += _draw_law(axes, line, along, hue)
        axes.plot([], [], "o-", color=hue, ms=5, label=label)
    largest = float(dataset.num_steps.max())
    axes.set(xscale="log", yscale="log", xlabel=LABELS[along], ylabel="steps")
    if along in INDEPENDENT:
        ticks_at(axes, sorted(set(dataset[along].values.tolist())))
    axes.set_ylim(top=min(axes.get_ylim()[1], 3 * largest))
    exponents = "" if along == "scale" else " (exponent)"
    axes.legend(title=LABELS[by] + exponents, fontsize=9, title_fontsize=9)
    rule, trials = dataset.step_rule.values[0], dataset.sizes["example"] * dataset.sizes["start"]
    caption(axes, f"{rule} steps; n = {dataset.sizes['network']} networks × {trials} trials")
    return axes


def _draw_law(axes: Axes, line: Line, along: Along, hue: Any) -> str:
    """A power law through the medians that can be fitted; its exponent for the legend."""
    fitted = line.where(fit_for_growth(line))
    if len(fitted.sizes) < LEAST_SIZES:
        return ""
    # In ln(1/tol), where an exponent of 1 is linear convergence.
    sizes = np.log(fitted.sizes) if along == "tolerance" else fitted.sizes
    exponent, offset = np.polyfit(np.log(sizes), np.log(fitted.values[0]), 1)
    axes.plot(fitted.sizes, np.exp(offset) * sizes**exponent, "-", color=hue, lw=1.5, alpha=0.7)
    return f" ({exponent:.2f})"


def _draw_mean_field(axes: Axes, members: xr.Dataset, along: Along, hue: Any) -> None:
    """The mean field's medians in the cells of a line where most trials converged."""
    medians: dict[float, float] = {}
    for cell in cells(members):
        kappa_0 = kappa_0_of(cell)
        if np.isnan(kappa_0):
            continue
        expected = steps(cell.tolerance.item(), gains(cell), kappa_0)
        if np.isfinite(expected).mean() > 0.5:
            medians[cell[along].item()] = float(np.nanmedian(expected))
    sizes = sorted(medians)
    look = "-" if along == "scale" else "x"
    axes.plot(sizes, [medians[size] for size in sizes], look, color=hue, ms=7, lw=1.5)


def plot_distances(axes: Axes, datasets: Mapping[str, xr.Dataset]) -> Axes:
    """The distance to the polished maximum against the tolerance at which ascent ends.

    One line for each scale, through the sweeps that differ in their tightest tolerance alone.
    """
    distances: dict[float, dict[float, Estimate]] = {}
    shapes: dict[tuple[Any, ...], list[xr.Dataset]] = {}
    for dataset in map(finished_networks, datasets.values()):
        grid = tuple(tuple(dataset[name].values.tolist()) for name in SETTINGS)
        shapes.setdefault(grid, []).append(dataset)
    most = max(shapes.values(), key=len)
    for dataset in most:
        for cell in cells(typical(dataset, ("scale",)).isel(tolerance=-1)):
            distance = median(by_network(cell.distance))
            distances.setdefault(cell.scale.item(), {})[cell.tolerance.item()] = distance
    if len(most) < 2:
        return empty(axes, "no sweeps that differ in their tightest tolerance alone")
    for index, (scale, line) in enumerate(sorted(distances.items())):
        tolerances = sorted(line)
        points(
            axes, tolerances, [line[t] for t in tolerances], color=colour(index, len(distances)),
            marker="o", ms=5, ls="-", label=f"{scale:g}",
        )  # fmt: skip
    ends = np.array([min(map(min, distances.values())), max(map(max, distances.values()))])
    axes.plot(ends, ends, color="0.6", lw=1, ls=":", label="distance = tolerance")
    axes.set(xscale="log", yscale="log", xlabel="tightest tolerance")
    axes.set_ylabel("distance to the true maximum, in radii")
    axes.legend(title=LABELS["scale"], fontsize=9)
    caption(axes, f"medians with 95% intervals over n = {most[0].sizes['network']} networks")
    return axes
