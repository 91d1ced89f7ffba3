"""Figures of the first steps of training: beside the law, and beside controls."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxadv.claims.training_law import law_of
from jaxadv.figures.style import (
    MARKERS,
    WIDTH,
    colour,
    headline,
    labelled,
    legend_below,
    points,
)
from jaxadv.figures.trainings import band
from jaxadv.stats.cells import OF_GROUP, cells
from jaxadv.stats.intervals import mean, median
from jaxadv.stats.trainings import PHASES, is_undone, output_scale_of, robust_losses

MOST_PANELS = 3
# The rate in units of 1/λ₁ at which training is compared with its controls.
RATE = 0.3
# What is drawn beside adversarial training: ρ = 0, and a smaller initial output layer.
LABELS = {
    (True, False): "adversarial training",
    (True, True): "adversarial, initial output × {:g}",
    (False, False): "clean training, attacked when measured",
}


def has_law(dataset: xr.Dataset) -> bool:
    """Whether the law of early training is for any cell of an experiment."""
    return any(law_of(cell, 1) is not None for cell in cells(dataset))


def plot_law(dataset: xr.Dataset) -> Figure:
    """The mean held-out robust loss against the step (bands), and the law's (dashed lines).

    A panel for each rate in units of 1/λ₁, a colour for each scale. No number is fitted.

    Args:
        dataset: a training experiment, of finished networks, with such cells.
    """
    covered = dataset.isel(cell=[law_of(cell, 1) is not None for cell in cells(dataset)])
    # Of several groups and ratios, one.
    keep = covered.ratio.values == covered.ratio.values.max()
    for name in OF_GROUP:
        keep &= covered[name].values == covered[name].values[keep][0]
    covered = covered.isel(cell=keep)
    rates = np.unique(covered.rate.values)[:MOST_PANELS]
    scales = np.unique(covered.scale.values)
    last = int(dataset.evaluation[-1])
    figure, axes = plt.subplots(
        1, len(rates), figsize=(WIDTH, 3.8), squeeze=False, sharex=True, sharey=True
    )
    losses = robust_losses(covered)
    for place, rate in zip(axes[0], rates, strict=True):
        for index, cell in enumerate(cells(covered)):
            if cell.rate != rate:
                continue
            rank = int(np.flatnonzero(scales == cell.scale.item())[0])
            hue, columns = colour(rank, len(scales)), losses.isel(cell=index).values
            estimates = [mean(column[:, None]) for column in columns.T]
            label = f"{cell.scale.item():g}"
            band(place, losses.evaluation.values, estimates, hue, label)
            law = law_of(cell, last)
            assert law is not None
            place.plot(np.arange(last + 1), law.held_out, "--", color=hue, lw=1.2)
        place.set(yscale="log", xlim=(0, last), xlabel="step")
        place.set_title(f"lr·λ₁ = {rate:g}", fontsize=9)
    axes[0, 0].set_ylabel("held-out robust loss")
    title = "input scale (lines: mean over networks; dashes: the law)"
    legend_below(figure, labelled(axes[0, 0]), title)
    spec, first = tomllib.loads(dataset.attrs["training"]), covered.isel(cell=0)
    headline(
        figure,
        f"{spec['data']}, d = {first.dim.item()}, m = {first.width.item()}, "
        f"{spec['examples']} examples; 95% intervals over n = {dataset.sizes['network']} networks",
    )
    return figure


def plot_controls(datasets: Mapping[str, xr.Dataset]) -> Figure:
    """The held-out robust loss after ten steps against the scale, beside controls.

    A panel for each data. Full-batch gradient descent at one rate in units of 1/λ₁; medians over
    networks with 95% intervals, over the loss of the output 0.

    Args:
        datasets: training experiments of finished networks, by name.
    """
    panels = _panels(datasets)
    figure, axes = plt.subplots(1, len(panels), figsize=(WIDTH, 3.6), squeeze=False, sharey=True)
    handles: dict[str, Any] = {}
    for place, (data, members) in zip(axes[0], panels.items(), strict=True):
        for dataset in members:
            _draw_lines(place, dataset)
        handles |= labelled(place)
        place.axhline(1, color="0.6", lw=0.8, ls=":")
        place.set(xscale="log", yscale="log", xlabel="input scale s")
        place.set_title(data, fontsize=9)
    axes[0, 0].set_ylabel(f"held-out robust loss after {PHASES[0].steps} steps")
    legend_below(figure, handles)
    networks = min(dataset.sizes["network"] for members in panels.values() for dataset in members)
    headline(
        figure,
        f"gradient descent at lr·λ₁ = {RATE:g}; 1 is the output 0; medians, 95% intervals over "
        f"n = {networks} networks",
    )
    return figure


def has_controls(datasets: Mapping[str, xr.Dataset]) -> bool:
    """Whether there is an experiment with a control, for `plot_controls`."""
    return bool(_panels(datasets))


def _panels(datasets: Mapping[str, xr.Dataset]) -> dict[str, list[xr.Dataset]]:
    """The experiments of one data and shape that have a control among them, by their data.

    Of several shapes, that with the most lines is drawn.
    """
    by_shape: dict[tuple[Any, ...], list[xr.Dataset]] = {}
    for dataset in datasets.values():
        if _drawn(dataset).any() and PHASES[0].end(dataset) is not None:
            spec, first = tomllib.loads(dataset.attrs["training"]), dataset.isel(cell=0)
            shape = spec["data"], first.dim.item(), first.width.item(), spec["examples"]
            by_shape.setdefault(shape, []).append(dataset)
    panels: dict[str, list[xr.Dataset]] = {}
    for (data, *_), members in sorted(by_shape.items(), key=lambda item: _num_lines(item[1])):
        if _num_lines(members) > 1:
            panels[data] = members
    return panels


def _num_lines(datasets: Sequence[xr.Dataset]) -> int:
    """How many kinds of training are drawn."""
    return len({
        (bool(ratio > 0), output_scale_of(dataset) != 1)
        for dataset in datasets
        for ratio in dataset.ratio.values[_drawn(dataset)]
    })  # fmt: skip


def _drawn(dataset: xr.Dataset) -> np.ndarray:
    """The cells of gradient descent at the rate that is drawn, of one group and one ρ > 0."""
    is_descent = (dataset.optimizer.values == "sgd") & (dataset.unit.values == "sharpness")
    # Trainings that undo the scale show nothing of it.
    drawn = is_descent & np.isclose(dataset.rate.values, RATE) & (not is_undone(dataset))
    ratios = dataset.ratio.values
    drawn &= (ratios == 0) | (ratios == ratios.max())
    for name in OF_GROUP:
        drawn &= dataset[name].values == dataset[name].values[0]
    return drawn


def _draw_lines(axes: Axes, dataset: xr.Dataset) -> None:
    """A line for each ratio of an experiment."""
    kept = dataset.isel(cell=_drawn(dataset))
    after = (robust_losses(kept) / kept.chance_loss).transpose("cell", "network", ...)
    after = after.sel(evaluation=PHASES[0].steps)
    factor = output_scale_of(dataset)
    for ratio in np.unique(kept.ratio.values):
        rows = np.flatnonzero(kept.ratio.values == ratio)
        rows = rows[np.argsort(kept.scale.values[rows])]
        kind = (bool(ratio > 0), factor != 1)
        if kind not in LABELS:
            continue
        index = list(LABELS).index(kind)
        estimates = [median(after.values[row][:, None]) for row in rows]
        known = [k for k, estimate in enumerate(estimates) if math.isfinite(estimate.value)]
        points(
            axes, kept.scale.values[rows][known], [estimates[k] for k in known],
            color=colour(index, len(LABELS)), marker=MARKERS[index], ms=5, ls="-", lw=1,
            label=LABELS[kind].format(factor),
        )  # fmt: skip
