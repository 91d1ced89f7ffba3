"""Figures of what we predict: curvature, steps and rates beside the simulation."""

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from jaxadv.ascent.kinds import Kind
from jaxadv.claims.laws import TIGHT, gains, rate_ratios
from jaxadv.claims.mean_field import LEAST_CONVERGED, rescaled_steps
from jaxadv.figures.style import LABELS, MARKERS, SIMULATED, caption, colour, empty, points
from jaxadv.figures.sweeps import mean_field_curve
from jaxadv.stats.cells import (
    Domain,
    by_network,
    cells,
    families,
    finished_networks,
    is_maximum,
    kappa_0_of,
    typical,
)
from jaxadv.stats.intervals import median
from jaxadv.theory import (
    CRITICAL,
    condition_number,
    curvature_ratio,
    earlier_curvature_ratio,
    steps,
)

LINES = ("-", "--", "-.")
# Steps are small up to this ηλ.
SMALL = 0.3
ALL_WIDE = Domain(least_aspect=16)
# Where steps have a law.
WIDE = Domain(64, 16, 0.0, CRITICAL)
# The upper end of an axis of condition numbers.
MOST_CONDITION = 1e4
# The lower end of an axis of curvature ratios.
EDGE = 3e-5


def plot_condition_numbers(axes: Axes, dataset: xr.Dataset) -> Axes:
    """The condition number at confirmed maxima against the scale, for every ratio.

    Medians with 95% intervals over networks, open where less than 95% of the trials converged, on
    the mean field's curves.
    """
    chosen = typical(dataset, ("scale", "ratio"))
    if "condition_number" not in chosen:
        return empty(axes, "a store of version 0.1, without condition numbers")
    known = chosen.condition_number.where(is_maximum(chosen))
    chosen = chosen.isel(tolerance=-1).assign(condition_number=known)
    every = list(families(chosen, "scale"))
    drawn, has_curve = False, False
    for index, (_, family) in enumerate(every):
        hue, ratio = colour(index, len(every)), family.ratio.values[0]
        for cell in cells(family):
            converged = float(cell.reached.mean()) >= LEAST_CONVERGED
            middle = median(by_network(cell.condition_number))
            if not math.isnan(middle.value):
                drawn = True
                points(
                    axes, [cell.scale.item()], [middle], color=hue, marker="o",
                    ms=5, mfc=None if converged else "white",
                )  # fmt: skip
        scales, predicted = mean_field_curve(family, condition_number)
        has_curve |= bool(predicted.size)
        axes.plot(scales, predicted, color=hue, lw=1.5, label=f"{ratio:g}")
    if not drawn:
        axes.clear()
        return empty(axes, "no trial ended in a confirmed maximum")
    axes.set(xscale="log", yscale="log", xlabel=LABELS["scale"])
    axes.set_ylim(0.9, min(axes.get_ylim()[1], MOST_CONDITION))
    axes.set_ylabel("condition number of the maximum")
    axes.legend(title="ρ (lines: mean field)" if has_curve else "ρ", fontsize=9)
    first = chosen.isel(cell=0)
    caption(
        axes,
        f"{first.activation.item()}, d = {first.dim.item()}, m = {first.width.item()}; n = "
        f"{chosen.sizes['network']} networks",
    )
    return axes


def plot_collapse(axes: Axes, datasets: Mapping[str, xr.Dataset]) -> Axes:
    """The curvature ratio at certified maxima against κ₀: all cells on one predicted curve?

    Medians; markers by activation, open for the logistic loss; pale in narrow networks, and where
    less than 95% of the trials converged. Those below the axis stand on its edge.
    """
    lowest, highest = math.inf, 0.0
    for cell, kappa_0, look in _theory_cells(datasets, axes):
        known = cell.curvature_ratio.where(cell.kind == Kind.BOUNDARY_MAX)
        middle = median(by_network(known)).value
        if not math.isnan(middle) and kappa_0 > 0:
            axes.plot(kappa_0, max(middle, EDGE), clip_on=False, **look)
            lowest, highest = min(lowest, kappa_0), max(highest, kappa_0)
    if not highest:
        return empty(axes, "no certified maximum of a two-layer network with a smooth activation")
    at = np.geomspace(lowest, highest, 200)
    axes.plot(at, curvature_ratio(at), color=SIMULATED, lw=1.5, zorder=1, label="mean field")
    earlier = earlier_curvature_ratio(at)
    axes.plot(at, earlier, color="0.5", lw=1, ls="--", zorder=1, label="earlier law")
    axes.axvline(CRITICAL, color="0.6", lw=1, ls=":")
    axes.set(xscale="log", yscale="log", ylim=(EDGE, 2))
    axes.set(xlabel="κ₀ = 2ρs σ₂/σ₁", ylabel="curvature ratio at the maximum")
    axes.legend(fontsize=9, loc="upper left")
    return axes


def plot_step_collapse(axes: Axes, datasets: Mapping[str, xr.Dataset]) -> Axes:
    """Rescaled steps, T·ηλ/ln(1/tol), against κ₀, for small constant steps in wide networks.

    Two laws: the slowest mode alone, and all modes, which depends on the tolerance.
    """
    tolerances, rightmost = set(), 0.0
    for cell, kappa_0, look in _theory_cells(datasets, axes):
        gain = median(gains(cell)).value
        if WIDE.has(cell, kappa_0) and gain <= SMALL:
            rightmost = max(rightmost, kappa_0)
            tolerances.add(cell.tolerance.item())
            axes.plot(kappa_0, median(rescaled_steps(cell)).value, **look)
    if not tolerances:
        return empty(axes, "no sweep with small constant steps")
    at = np.linspace(0, rightmost, 100)
    slowest = (1 - at / 2) ** -2
    axes.plot(at, slowest, color=SIMULATED, lw=1, ls=":", zorder=1, label="slowest mode alone")
    limit = np.array([1e-4])
    for tolerance, style in zip(
        sorted(tolerances, reverse=True), itertools.cycle(LINES), strict=False
    ):
        scale = limit / math.log(1 / tolerance)
        curve = [steps(tolerance, limit, kappa_0)[0] for kappa_0 in at] * scale
        label = f"all modes, tolerance {tolerance:.0e}"
        axes.plot(at, curve, color=SIMULATED, lw=1.5, ls=style, zorder=1, label=label)
    axes.set(yscale="log", xlabel="κ₀ = 2ρs σ₂/σ₁", ylabel="rescaled steps T·ηλ/ln(1/tol)")
    axes.legend(fontsize=9, loc="upper left")
    return axes


def plot_rates(axes: Axes, datasets: Mapping[str, xr.Dataset]) -> Axes:
    """The measured decay rate of the residual against the certificate's, a point for each trial."""
    tight = [
        d for d in map(finished_networks, datasets.values()) if d.tolerance[-1] <= 1.01 * TIGHT
    ]
    number = 0
    for dataset in tight:
        for cell in cells(dataset):
            ratios = rate_ratios(cell).ravel()
            predicted = -np.log(by_network(cell.local_rate)).ravel()
            known = ~np.isnan(ratios)
            number += int(known.sum())
            axes.plot(
                predicted[known], (predicted * ratios)[known], ".", ms=3, alpha=0.3,
                color=colour(0, 2), rasterized=True, mew=0,
            )  # fmt: skip
    if not number:
        return empty(axes, f"no sweep to a tolerance of {TIGHT:g}")
    ends = np.array(axes.get_xlim())
    axes.plot(ends, ends, color=SIMULATED, lw=1)
    axes.set(xscale="log", yscale="log", xlabel="predicted decay rate, −ln(rate) per step")
    axes.set_ylabel("measured, last two tolerances")
    caption(axes, f"n = {number} trials; on the line: agreement")
    return axes


def _theory_cells(
    datasets: Mapping[str, xr.Dataset], axes: Axes
) -> Iterable[tuple[xr.Dataset, float, dict[str, Any]]]:
    """The cells that have a κ₀, with it, and with how they are drawn; adds the legend's entries."""
    finished = [finished_networks(dataset) for dataset in datasets.values()]
    names = sorted({name for dataset in finished for name in dataset.activation.values})
    for index, name in enumerate(names):
        axes.plot(
            [], [], MARKERS[index % len(MARKERS)], color=colour(index, len(names)), ms=5, label=name
        )
    axes.plot([], [], "o", color="0.4", mfc="white", ms=5, label="open: logistic loss")
    axes.plot([], [], "o", color="0.4", alpha=0.3, ms=5, label="pale: narrow, or not converged")
    for dataset in finished:
        for cell in cells(dataset.isel(tolerance=-1)):
            kappa_0 = kappa_0_of(cell)
            if math.isnan(kappa_0):
                continue
            rank, wide = names.index(cell.activation.item()), ALL_WIDE.has(cell, kappa_0)
            clear = wide and float(cell.reached.mean()) >= LEAST_CONVERGED
            look: dict[str, Any] = {
                "marker": MARKERS[rank % len(MARKERS)],
                "color": colour(rank, len(names)),
                "ms": 5,
                "alpha": 0.85 if clear else 0.2,
                "ls": "none",
            }
            if cell.loss.item() != "quadratic":
                look["mfc"] = "white"
            yield cell, kappa_0, look
