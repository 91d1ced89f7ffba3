"""Figures of a sweep.

A dataset here is one family: cells that differ in scale alone (`cells.families`).
"""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from jaxadv.ascent.kinds import Kind
from jaxadv.figures.style import SIMULATED, caption, colour, empty
from jaxadv.stats.cells import by_network, cells, finished_networks, is_maximum, kappa_0_of
from jaxadv.stats.intervals import LEVEL, median, quantiles, replicates
from jaxadv.stats.survival import step_counts, survival
from jaxadv.theory import CRITICAL, curvature_ratio, kappa_0

# The mean-field curve ends there: it has long been flat, and its integrals grow with the scale.
LARGEST_SCALE = 1000.0


def plot_steps(axes: Axes, dataset: xr.Dataset) -> Axes:
    """The share of trials still running against the step, to the tightest tolerance, per scale.

    Kaplan-Meier curves with 95% intervals over networks. A ring at the end marks trials that had
    not converged, whose steps are censored; the legend says how many.
    """
    last = step_counts(finished_networks(dataset).isel(tolerance=-1))
    longest = max(int(last.num_steps.max()), 2)
    for index, cell in enumerate(cells(last)):
        hue = colour(index, dataset.sizes["cell"])
        weights = replicates(cell.sizes["network"])
        times, curves = survival(by_network(cell.num_steps), by_network(cell.reached), weights)
        # From the start to the last step of all trials.
        at = np.concatenate([[0], times, [longest]])
        curves = np.concatenate([np.ones((len(curves), 1)), curves, curves[:, -1:]], axis=1)
        curve = curves[0]
        low, high = np.quantile(curves[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        axes.fill_between(at, low, high, step="post", color=hue, alpha=0.2, lw=0)
        censored = float((~cell.reached).mean())
        note = f" ({censored:.1%} not converged)" if censored else ""
        label = f"{cell.scale.item():g}{note}"
        axes.step(at, curve, where="post", color=hue, lw=2, label=label)
        if censored:
            axes.plot(at[-1], curve[-1], "o", color=hue, mfc="white", ms=8, clip_on=False, zorder=5)
    axes.set(xscale="log", ylim=(0, 1.02), xlim=(1, longest * 1.15))
    axes.set_xlabel(f"steps to a residual of {last.tolerance.item():g}")
    axes.set_ylabel("share of trials still running")
    # Beside the curves, which may be anywhere below.
    axes.legend(title="input scale", loc="upper left", bbox_to_anchor=(1, 1))
    caption(axes, _caption(dataset))
    return axes


def plot_curvature(axes: Axes, dataset: xr.Dataset) -> Axes:
    """The curvature ratio h₁/λ at certified boundary maxima against the scale.

    Medians with 95% intervals over networks (thick), the middle 80% of the trials (thin), and the
    mean-field curve (docs/theory.md, section 6.3) where network and activation have one. Ratios
    below 0, as they occur in few dimensions, count, but lie below the axis.
    """
    scales = dataset.scale.values
    dataset = finished_networks(dataset)
    known = dataset.curvature_ratio.where(dataset.kind == Kind.BOUNDARY_MAX)
    if not (known > 0).any():
        return empty(axes, "no certified boundary maximum has a positive curvature ratio")
    _draw_medians(axes, scales, known)
    fine, predicted = mean_field_curve(dataset)
    if predicted.size:
        axes.plot(fine, predicted, color=colour(1, 2), lw=2, label="mean field")
    axes.axhline(1, color="0.6", lw=1, ls=":")
    axes.annotate(
        "no longer a maximum", (scales.min(), 1), (2, 4), textcoords="offset points", fontsize=9,
        color="0.35",
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="input scale", ylim=(None, 2))
    axes.set_ylabel("curvature ratio at the maximum")
    axes.legend(loc="lower right")
    caption(axes, _caption(dataset))
    return axes


def plot_free(axes: Axes, dataset: xr.Dataset) -> Axes:
    """The free coordinates at certified maxima in a box against the scale.

    Medians with 95% intervals over networks (thick), and the middle 80% of the trials (thin). The
    axis is linear below 1, because a vertex has no free coordinate.
    """
    scales, dim = dataset.scale.values, dataset.dim.values[0]
    dataset = finished_networks(dataset)
    known = dataset.num_free.where(is_maximum(dataset))
    if not known.notnull().any():
        return empty(axes, "no trial ended in a certified maximum")
    _draw_medians(axes, scales, known)
    axes.axhline(dim, color="0.6", lw=1, ls=":")
    axes.annotate(
        "all of them", (scales.min(), dim), (2, -4), textcoords="offset points", va="top",
        fontsize=9, color="0.35",
    )  # fmt: skip
    axes.set(xscale="log", xlabel="input scale", ylim=(-0.1, 1.5 * dim))
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylabel("coordinates at no bound")
    axes.legend(loc="center right")
    caption(axes, _caption(dataset))
    return axes


def _draw_medians(axes: Axes, scales: np.ndarray, known: xr.DataArray) -> None:
    """Medians with intervals over networks, and the middle 80% of the trials, at each scale."""
    values = [by_network(cell) for cell in known]
    low, high, middle = np.array([(e.low, e.high, e.value) for e in map(median, values)]).T
    once = np.ones((1, known.sizes["network"]), int)
    tenth, ninetieth = ([quantiles(v, p, once).item() for v in values] for p in (0.1, 0.9))
    axes.vlines(scales, tenth, ninetieth, color="0.6", lw=1.5, label="middle 80% of trials")
    axes.vlines(scales, low, high, color=SIMULATED, lw=5, label="95% interval over networks")
    axes.plot(scales, middle, "o", color=SIMULATED, ms=6, label="median, simulated")


def plot_residuals(axes: Axes, dataset: xr.Dataset) -> Axes:
    """The residual against the step, a line per trial, coloured by scale; dots where trials end."""
    for index, cell in enumerate(cells(dataset)):
        hue = colour(index, dataset.sizes["cell"])
        for line, residual in enumerate(cell.residual.values):
            length = int(np.isfinite(residual).sum())
            label = f"{cell.scale.item():g}" if line == 0 else None
            steps = np.arange(length)
            axes.plot(steps[1:], residual[1:length], color=hue, lw=1.5, alpha=0.9, label=label)
            axes.plot(steps[-1:], residual[length - 1 : length], "o", color=hue, ms=4)
    axes.set(xscale="log", yscale="log", xlabel="step", ylabel="residual")
    axes.legend(title="input scale", loc="lower left")
    number = dataset.sizes["network"]
    text = f"one trial on each of {number} random networks; the same networks at every scale"
    caption(axes, text)
    return axes


def mean_field_curve(
    family: xr.Dataset, law: Callable[[np.ndarray, int], np.ndarray] = curvature_ratio
) -> tuple[np.ndarray, np.ndarray]:
    """Scales around those of a family, as far as κ₀ < 2, and a law's numbers there.

    Both are empty for networks and activations that the theory does not cover.

    Args:
        family: cells that differ in scale alone.
        law: from κ₀ and d to a number.
    """
    scales, first = family.scale.values, family.isel(cell=0)
    if np.isnan(kappa_0_of(first)):
        return np.empty(0), np.empty(0)
    fine = np.geomspace(scales.min() / 1.5, min(scales.max() * 1.5, LARGEST_SCALE), 80)
    name, ratio = first.activation.item(), first.ratio.item()
    kappas = np.array([kappa_0(name, scale, ratio) for scale in fine])
    regular = kappas < CRITICAL
    return fine[regular], law(kappas[regular], first.dim.item())


def _caption(dataset: xr.Dataset) -> str:
    sizes = dataset.sizes
    return (
        f"n = {sizes['network']} networks × {sizes['example']} inputs × {sizes['start']} starts "
        f"at each scale; {dataset.activation.values[0]}, d = {dataset.dim.values[0]}, "
        f"m = {dataset.width.values[0]}, ratio {dataset.ratio.values[0]:g}, "
        f"{dataset.constraint.values[0]}, {dataset.method.values[0]}"
    )
