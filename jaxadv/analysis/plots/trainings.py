"""Figures of training: curves, steps to targets, learning rates by scales, inner problems."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from jaxadv.analysis.estimates import Estimate, median, quantiles, replicates
from jaxadv.analysis.plots.style import colour, points
from jaxadv.analysis.trainings import (
    COMPARISONS,
    TARGETS,
    Comparison,
    Series,
    best_cells,
    robust_losses,
    series,
    steps_to,
)

WIDTH = 8.0
"""In inches, 800 pixels."""
LINEAR = 10
"""Steps up to this one are on a linear axis, as far as they are evaluated one by one."""
STABLE = 2.0
"""lr·λ₁ beyond which gradient descent on the clean loss is not stable."""
RATIOS = {True: "clean (control)", False: "adversarial, ρ = {:g}"}


def curves_of(
    dataset: xr.Dataset, optimizer: str, comparison: Comparison
) -> dict[float, tuple[str, Series]]:
    """For each ratio the series that is drawn, and what its rates are called.

    Of several rates that with the lowest median robust loss at the end, over all scales.
    """
    every = dataset.isel(cell=dataset.optimizer.values == optimizer)
    end = int(every.evaluation[-1])
    losses = robust_losses(every).sel(evaluation=end).values
    by_ratio: dict[float, list[Series]] = {}
    for each in series(every, losses, comparison, end):
        by_ratio.setdefault(each.settings["ratio"], []).append(each)
    attacked = max(by_ratio, default=0.0)
    if not by_ratio:
        return {}
    chosen = int(np.argmin([np.median(each.values, axis=1).mean() for each in by_ratio[attacked]]))
    return {
        ratio: (_title(comparison, some[chosen].settings.get("rate")), some[chosen])
        for ratio, some in sorted(by_ratio.items(), reverse=True)
    }


def plot_curves(dataset: xr.Dataset, optimizer: str, caption: str) -> Figure:
    """The robust loss against the step: a line for each scale, a column for each comparison.

    Medians over networks with 95% intervals, over the loss of the output 0; a row for each ratio.
    """
    own = dataset.isel(cell=dataset.optimizer.values == optimizer)
    found = {name: curves_of(dataset, optimizer, name) for name in COMPARISONS}
    found = {name: by_ratio for name, by_ratio in found.items() if by_ratio}
    ratios = sorted({ratio for by_ratio in found.values() for ratio in by_ratio}, reverse=True)
    figure, axes = plt.subplots(
        len(ratios), len(found), figsize=(WIDTH, 2.4 * len(ratios) + 0.7), squeeze=False,
        sharex=True, sharey=True,
    )  # fmt: skip
    values = (robust_losses(own) / own.chance_loss).transpose("cell", "network", "evaluation")
    for column, by_ratio in enumerate(found.values()):
        for row, ratio in enumerate(ratios):
            title, chosen = by_ratio[ratio]
            place = axes[row, column]
            _lines(place, values, chosen)
            if row == 0:
                place.set_title(title, fontsize=9)
            if column == 0:
                place.set_ylabel(RATIOS[ratio == 0].format(ratio), fontsize=9)
    for place in axes.flat:
        _steps_axis(place, int(dataset.evaluation[-1]))
        place.axhline(1, color="0.6", lw=0.8, ls=":")
        place.set(yscale="log")
        place.label_outer()
    _legend(figure, axes[0, 0], "input scale")
    figure.suptitle(caption, fontsize=9, x=0.01, ha="left", color="0.35")
    return figure


def plot_steps_to(dataset: xr.Dataset, caption: str) -> Figure:
    """Steps to three targets against the scale, of adversarial training.

    Medians over networks with 95% intervals; an arrow where an interval has no end, nothing where
    the median is beyond the steps that were taken.
    """
    attacked = dataset.isel(cell=dataset.ratio.values == dataset.ratio.values.max())
    optimizers = list(dict.fromkeys(attacked.optimizer.values.tolist()))
    end = int(attacked.evaluation[-1])
    figure, axes = plt.subplots(
        len(optimizers), len(COMPARISONS), figsize=(WIDTH, 2.3 * len(optimizers) + 0.7),
        squeeze=False, sharex=True, sharey=True,
    )  # fmt: skip
    for row, optimizer in enumerate(optimizers):
        own = attacked.isel(cell=attacked.optimizer.values == optimizer)
        for column, comparison in enumerate(COMPARISONS):
            place = axes[row, column]
            found = list(curves_of(own, optimizer, comparison).values())
            if not found:
                place.set_axis_off()
                continue
            title, chosen = found[0]
            for index, target in enumerate(TARGETS):
                values = steps_to(own, target, end)
                _targets(place, values, chosen, index, f"{target:g}")
            place.set(xscale="log", yscale="symlog", ylim=(0, 1.6 * end))
            place.axhline(end, color="0.6", lw=0.8, ls=":")
            place.set_title(title, fontsize=9)
            place.tick_params(labelsize=8)
            place.set_xlabel("input scale s", fontsize=9)
        axes[row, 0].set_ylabel(f"{optimizer}: steps", fontsize=9)
    _legend(figure, axes[0, 0], "robust loss over that of the output 0")
    figure.suptitle(caption, fontsize=9, x=0.01, ha="left", color="0.35")
    return figure


def plot_rates(dataset: xr.Dataset, caption: str) -> Figure:
    """The robust loss at the end by learning rate and scale, in both units; black: lr·λ₁ = 2.

    Medians over networks, of adversarial training, over the loss of the output 0; crossed out where
    most runs diverged.
    """
    attacked = dataset.isel(cell=dataset.ratio.values == dataset.ratio.values.max())
    pairs = dict.fromkeys(
        zip(attacked.optimizer.values.tolist(), attacked.unit.values.tolist(), strict=True)
    )
    figure, axes = plt.subplots(1, len(pairs), figsize=(WIDTH, 3.3), squeeze=False)
    image = None
    for place, (optimizer, unit) in zip(axes.flat, pairs, strict=True):
        own = attacked.isel(
            cell=(attacked.optimizer.values == optimizer) & (attacked.unit.values == unit)
        )
        losses = (robust_losses(own) / own.chance_loss).isel(evaluation=-1)
        image = _heat_map(place, own, losses.transpose("cell", "network"), unit)
        place.set_title(optimizer, fontsize=9)
    assert image is not None
    bar = figure.colorbar(image, ax=axes, shrink=0.9, extend="max")
    bar.set_label("robust loss at the end, over that of the output 0", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    figure.suptitle(caption, fontsize=9, x=0.01, ha="left", color="0.35")
    return figure


def plot_inner(dataset: xr.Dataset, optimizer: str, caption: str) -> Figure:
    """How the inner problem changes with training, at each scale's best rate.

    Its curvature ratio where ascent ends, the steps that ascent needs, and the share of certified
    maxima: medians (for the share means) over networks and examples with 95% intervals.
    """
    attacked = dataset.isel(
        cell=(dataset.ratio.values == dataset.ratio.values.max())
        & (dataset.optimizer.values == optimizer)
    )
    everything = np.ones(attacked.sizes["cell"], bool)
    chosen = best_cells(attacked, everything, int(attacked.evaluation[-1]))
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.1), sharex=True)
    for place, (name, title) in zip(
        axes,
        {
            "curvature_ratio": "curvature ratio at the inner end",
            "inner_steps": "steps of the inner ascent",
            "inner_certified": "share of certified maxima",
        }.items(),
        strict=True,
    ):
        values = attacked[name].transpose("cell", "network", "evaluation", "probe")
        for index, cells in enumerate(chosen):
            own = values.values[cells, np.arange(values.sizes["network"])].astype(float)
            hue = colour(index, len(chosen))
            scale = float(attacked.scale.values[cells[0]])
            means = name == "inner_certified"
            found = [_middle(own[:, step], means=means) for step in range(own.shape[1])]
            _band(place, attacked.evaluation.values, found, hue, f"{scale:g}")
        place.set_title(title, fontsize=9)
        _steps_axis(place, int(attacked.evaluation[-1]))
    axes[0].set(yscale="log")
    axes[1].set(yscale="log")
    axes[2].set(ylim=(-0.03, 1.03))
    _legend(figure, axes[0], "input scale")
    figure.suptitle(caption, fontsize=9, x=0.01, ha="left", color="0.35")
    return figure


def _title(comparison: Comparison, rate: float | None) -> str:
    return {
        "common": f"one common rate, {rate or 0:g}",
        "best": COMPARISONS["best"],
        "sharpness": f"the same lr·λ₁ = {rate or 0:g}",
    }[comparison]


def _lines(axes: Axes, values: xr.DataArray, chosen: Series) -> None:
    networks = np.arange(values.sizes["network"])
    for index, cells in enumerate(chosen.cells):
        own = values.values[cells, networks]
        found = [_middle(own[:, [step]]) for step in range(own.shape[1])]
        hue = colour(index, len(chosen.cells))
        _band(axes, values.evaluation.values, found, hue, f"{chosen.scales[index]:g}")


def _band(
    axes: Axes, steps: np.ndarray, found: Sequence[Estimate], hue: object, label: str
) -> None:
    """A line with its intervals."""
    middle, low, high = (np.array([getattr(e, n) for e in found]) for n in ("value", "low", "high"))
    finite = np.isfinite(middle)
    middle = np.where(finite, middle, math.nan)
    axes.plot(steps, middle, color=hue, lw=1.6, label=label)
    axes.fill_between(
        steps, low, np.where(np.isfinite(high), high, middle), color=hue, alpha=0.2, lw=0
    )


def _middle(values: Float[np.ndarray, "network value"], *, means: bool = False) -> Estimate:
    """The median over networks and their values, or the mean, with its interval."""
    if not means:
        return median(values)
    of_networks = np.nanmean(values, axis=1)
    weights = replicates(len(of_networks))
    every = weights @ of_networks / weights.sum(axis=1)
    low, high = np.quantile(every[1:], [0.025, 0.975])
    return Estimate(float(every[0]), float(low), float(high))


def _targets(axes: Axes, values: np.ndarray, chosen: Series, index: int, label: str) -> None:
    """Median steps to one target at each scale."""
    own = values[chosen.cells, np.arange(values.shape[1])]
    found = [median(row[:, None]) for row in own]
    known = [k for k, estimate in enumerate(found) if np.isfinite(estimate.value)]
    shift = 1.08 ** (index - 1)
    points(
        axes, chosen.scales[known] * shift, [found[k] for k in known], color=colour(index, 3),
        marker="o^s"[index], ms=5, ls="-", lw=1, label=label,
    )  # fmt: skip


def _heat_map(axes: Axes, own: xr.Dataset, losses: xr.DataArray, unit: str) -> AxesImage:
    rates, scales = np.unique(own.rate.values), np.unique(own.scale.values)
    table = np.full((len(rates), len(scales)), math.nan)
    bound = np.full(len(scales), math.nan)
    once = np.ones((1, own.sizes["network"]), int)
    for cell in range(own.sizes["cell"]):
        row = int(np.searchsorted(rates, own.rate.values[cell]))
        column = int(np.searchsorted(scales, own.scale.values[cell]))
        table[row, column] = quantiles(losses.values[cell][:, None], 0.5, once).item()
        bound[column] = STABLE / float(own.sharpness[cell].median())
        if (own.diverged_step[cell] >= 0).mean() > 0.5:
            axes.plot(column, row, "x", color="white", ms=9)
    image = axes.imshow(
        table, cmap="viridis_r", norm=LogNorm(0.1, 5), origin="lower", aspect="auto"
    )
    for (row, column), value in np.ndenumerate(table):
        if math.isfinite(value):
            pale = value > 0.6
            axes.text(
                column, row, f"{value:.2g}", ha="center", va="center", fontsize=8,
                color="white" if pale else "black",
            )  # fmt: skip
    axes.set_xticks(range(len(scales)), [f"{scale:g}" for scale in scales], fontsize=8)
    axes.set_yticks(range(len(rates)), [f"{rate:g}" for rate in rates], fontsize=8)
    axes.set_xlabel("input scale s", fontsize=9)
    axes.set_ylabel("learning rate" if unit == "absolute" else "lr·λ₁", fontsize=9)
    # Rows are rates at distances of their own: the line runs where it would between them.
    limit = bound if unit == "absolute" else np.full(len(scales), STABLE)
    height = np.interp(np.log(limit), np.log(rates), np.arange(len(rates)), left=-0.5,
                       right=len(rates) - 0.5)  # fmt: skip
    axes.plot(np.arange(len(scales)), height, color="black", lw=1.5, drawstyle="steps-mid")
    axes.spines[:].set_visible(False)
    return image


def _steps_axis(axes: Axes, last: int) -> None:
    axes.set_xscale("symlog", linthresh=LINEAR, linscale=1)
    ticks = [step for step in (0, 10, 100, 1000, 10_000) if step <= last]
    axes.set_xticks(ticks, [str(step) for step in ticks], fontsize=8)
    axes.set_xlim(0, last)
    axes.tick_params(labelsize=8)
    axes.set_xlabel("step", fontsize=9)


def _legend(figure: Figure, axes: Axes, title: str) -> None:
    lines, names = axes.get_legend_handles_labels()
    figure.legend(lines, names, title=title, loc="outside lower center", ncols=len(names),
                  fontsize=9, title_fontsize=9)  # fmt: skip
