"""Figures of training: curves, steps to targets, learning rates by scales, inner problems."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxadv.figures.style import WIDTH, colour, empty, headline, labelled, legend_below, points
from jaxadv.stats.intervals import Estimate, mean, median
from jaxadv.stats.trainings import (
    TARGETS,
    Comparison,
    Series,
    best_cells,
    named,
    robust_losses,
    series,
    steps_to,
)

# Steps up to this one, which are evaluated one by one, are on a linear axis.
LINEAR = 10
# The axis of curvature ratios ends here; below, the landscape is as good as linear.
LEAST_RATIO = 1e-3
WITHOUT_CERTIFICATES = "no attack on an L2 set,\nno certificates"
MOST_RATES = 4
RATIOS = {True: "clean (control)", False: "adversarial, ρ = {:g}"}


def columns_of(dataset: xr.Dataset, comparison: Comparison) -> list[tuple[str, list[Series]]]:
    """The columns of a figure: a title, and a series for each ratio, the largest one first.

    A column is one rate, of which at most four are shown, or each scale's best rate.
    """
    end = int(dataset.evaluation[-1])
    values = robust_losses(dataset).sel(evaluation=end).values
    by_rate: dict[float | None, list[Series]] = {}
    for each in series(dataset, values, comparison, end):
        by_rate.setdefault(each.settings.get("rate"), []).append(each)
    rates = list(by_rate)
    rows = np.unique(np.linspace(0, len(rates) - 1, min(len(rates), MOST_RATES)).round())
    return [
        (named(comparison, rates[row]), sorted(by_rate[rates[row]], key=_by_ratio))
        for row in rows.astype(int)
    ]


def plot_curves(dataset: xr.Dataset, comparisons: Sequence[Comparison], caption: str) -> Figure:
    """The robust loss against the step: a line for each scale, a column for each rate.

    Medians over networks with 95% intervals, over the loss of the output 0; a row for each ratio.

    Args:
        dataset: the cells of one group and optimiser.
        comparisons: whose columns are drawn.
        caption: a small line above all.
    """
    columns = [column for name in comparisons for column in columns_of(dataset, name)]
    lines = len(columns[0][1])
    figure, axes = plt.subplots(
        lines, len(columns), figsize=(WIDTH, 2.3 * lines + 0.9), squeeze=False,
        sharex=True, sharey="row",
    )  # fmt: skip
    losses = (robust_losses(dataset) / dataset.chance_loss).transpose("cell", "network", ...)
    for column, (title, every) in enumerate(columns):
        for row, each in enumerate(every):
            place, ratio = axes[row, column], each.settings["ratio"]
            _lines(place, losses, each)
            _steps_axis(place, int(dataset.evaluation[-1]))
            place.axhline(1, color="0.6", lw=0.8, ls=":")
            place.set(yscale="log")
            place.set_ylabel(RATIOS[ratio == 0].format(ratio), fontsize=9)
            place.label_outer()
        axes[0, column].set_title(title, fontsize=9)
    legend_below(figure, labelled(axes[0, 0]), "input scale")
    headline(figure, caption)
    return figure


def plot_steps_to(dataset: xr.Dataset, comparisons: Sequence[Comparison], caption: str) -> Figure:
    """Steps to three targets against the scale, of adversarial training at the largest ratio.

    Medians over networks with 95% intervals; an arrow where an interval has no end, nothing where
    the median is beyond the last step (dotted).
    """
    columns = [column for name in comparisons for column in columns_of(dataset, name)]
    end = int(dataset.evaluation[-1])
    figure, axes = plt.subplots(
        1, len(columns), figsize=(WIDTH, 3.3), squeeze=False, sharex=True, sharey=True
    )
    for place, (title, every) in zip(axes[0], columns, strict=True):
        for index, target in enumerate(TARGETS):
            _targets(place, steps_to(dataset, target, end), every[0], index, f"{target:g}")
        place.set(xscale="log", yscale="symlog", ylim=(0, 1.6 * end))
        place.set_yticks(*_ticks(end))
        place.axhline(end, color="0.6", lw=0.8, ls=":")
        place.set_title(title, fontsize=9)
        place.set_xlabel("input scale s", fontsize=9)
        place.set_ylabel("steps to the target", fontsize=9)
        place.tick_params(labelsize=8)
        place.label_outer()
    legend_below(figure, labelled(axes[0, 0]), "target: robust loss over that of the output 0")
    headline(figure, caption)
    return figure


def plot_inner(dataset: xr.Dataset, caption: str) -> Figure:
    """How the inner problem changes with training, at each scale's best rate.

    Its curvature ratio where ascent ends, the steps that ascent needs, the share of certified
    maxima, and the share of held-out examples whose maximum is proved to be global: medians (for
    shares means) over networks and examples with 95% intervals.
    """
    attacked = dataset.isel(cell=dataset.ratio.values == dataset.ratio.values.max())
    everything = np.ones(attacked.sizes["cell"], bool)
    chosen = best_cells(attacked, everything, int(attacked.evaluation[-1]))
    titles = {
        "curvature_ratio": "curvature ratio at the inner end",
        "inner_steps": "steps of the inner ascent",
        "inner_certified": "share of certified maxima",
        "inner_proved": "share proved to be global (held-out inputs)",
    }
    # An older store has no proofs.
    titles = {name: title for name, title in titles.items() if name in attacked}
    rows, columns = (2, 2) if len(titles) == 4 else (1, 3)
    figure, grid = plt.subplots(rows, columns, figsize=(WIDTH, 0.6 + 2.5 * rows), sharex=True)
    axes = grid.ravel()
    for place, (name, title) in zip(axes, titles.items(), strict=True):
        values = attacked[name].transpose("cell", "network", "evaluation", ...)
        for index, cells in enumerate(chosen):
            probes = values.values[cells, np.arange(values.sizes["network"])].astype(float)
            hue = colour(index, len(chosen))
            scale = float(attacked.scale.values[cells[0]])
            # Of zeros and ones.
            middle = mean if name in ("inner_certified", "inner_proved") else median
            estimates = [
                middle(probes[:, step].reshape(len(probes), -1)) for step in range(probes.shape[1])
            ]
            band(place, attacked.evaluation.values, estimates, hue, f"{scale:g}")
        place.set_title(title, fontsize=9)
        _steps_axis(place, int(attacked.evaluation[-1]))
        if values.isnull().all():
            empty(place, "no proofs" if name == "inner_proved" else WITHOUT_CERTIFICATES)
    axes[0].set(yscale="log", ylim=(LEAST_RATIO, 2))
    axes[1].set(yscale="log")
    for place in axes[2:]:
        place.set(ylim=(-0.03, 1.03))
    legend_below(figure, labelled(axes[1]), "input scale")
    headline(figure, caption)
    return figure


def _lines(axes: Axes, values: xr.DataArray, chosen: Series) -> None:
    networks = np.arange(values.sizes["network"])
    for index, cells in enumerate(chosen.cells):
        curves = values.values[cells, networks]
        estimates = [median(curves[:, [step]]) for step in range(curves.shape[1])]
        hue = colour(index, len(chosen.cells))
        band(axes, values.evaluation.values, estimates, hue, f"{chosen.scales[index]:g}")


def band(
    axes: Axes, steps: np.ndarray, estimates: Sequence[Estimate], hue: object, label: str
) -> None:
    """Draw a line with its intervals."""
    middle, low, high = (
        np.array([getattr(e, n) for e in estimates]) for n in ("value", "low", "high")
    )
    finite = np.isfinite(middle)
    middle = np.where(finite, middle, math.nan)
    axes.plot(steps, middle, color=hue, lw=1.6, label=label)
    axes.fill_between(
        steps, low, np.where(np.isfinite(high), high, middle), color=hue, alpha=0.2, lw=0
    )


def _targets(axes: Axes, values: np.ndarray, chosen: Series, index: int, label: str) -> None:
    """Median steps to one target at each scale."""
    steps = values[chosen.cells, np.arange(values.shape[1])]
    estimates = [median(row[:, None]) for row in steps]
    known = [k for k, estimate in enumerate(estimates) if np.isfinite(estimate.value)]
    shift = 1.08 ** (index - 1)
    points(
        axes, chosen.scales[known] * shift, [estimates[k] for k in known], color=colour(index, 3),
        marker="o^s"[index], ms=5, ls="-", lw=1, label=label,
    )  # fmt: skip


def _steps_axis(axes: Axes, last: int) -> None:
    axes.set_xscale("symlog", linthresh=LINEAR, linscale=1)
    axes.set_xticks(*_ticks(last))
    axes.set_xlim(0, last)
    axes.tick_params(labelsize=8)
    axes.set_xlabel("step", fontsize=9)


def _ticks(last: int) -> tuple[list[int], list[str]]:
    ticks = [step for step in (0, 10, 100, 1000, 10_000) if step <= last]
    return ticks, [str(step) for step in ticks]


def _by_ratio(each: Series) -> float:
    return -each.settings["ratio"]
