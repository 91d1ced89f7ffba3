"""The map of learning rates by scales."""

import math

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from jaxadv.figures.style import WIDTH, headline
from jaxadv.stats.intervals import quantiles
from jaxadv.stats.trainings import robust_losses
from jaxadv.training.spec import OF_SHARPNESS

# The lr·λ₁ beyond which gradient descent on the clean loss is not stable.
STABLE = 2.0
# Larger losses have dark ground.
DARK = 0.6


def plot_rates(dataset: xr.Dataset, caption: str) -> Figure:
    """The robust loss at the end by learning rate and scale, in both units; line: lr·λ₁ = 2.

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
        part = attacked.isel(
            cell=(attacked.optimizer.values == optimizer) & (attacked.unit.values == unit)
        )
        image = _heat_map(place, part, "learning rate" if unit == "absolute" else "lr·λ₁")
        if optimizer == OF_SHARPNESS:
            scales = np.unique(part.scale.values)
            sharp = [float(part.sharpness[part.scale.values == s].median()) for s in scales]
            limit = STABLE / np.array(sharp) if unit == "absolute" else np.full(len(scales), STABLE)
            place.plot(scales, limit, color="black", lw=1.5)
        place.set_title(optimizer, fontsize=9)
    assert image is not None
    bar = figure.colorbar(image, ax=axes, shrink=0.9, extend="max", ticks=[0.1, 0.3, 1, 3])
    bar.ax.set_yticklabels(["0.1", "0.3", "1", "3"], fontsize=8)
    bar.set_label("robust loss at the end", fontsize=9)
    headline(figure, caption)
    return figure


def _heat_map(axes: Axes, part: xr.Dataset, label: str) -> QuadMesh:
    rates, scales = np.unique(part.rate.values), np.unique(part.scale.values)
    losses = (robust_losses(part) / part.chance_loss).isel(evaluation=-1)
    once = np.ones((1, part.sizes["network"]), int)
    table = np.full((len(rates), len(scales)), math.nan)
    axes.set(xscale="log", yscale="log")
    for cell, values in enumerate(losses.transpose("cell", "network").values):
        rate, scale = part.rate.values[cell], part.scale.values[cell]
        loss = quantiles(values[:, None], 0.5, once).item()
        table[np.searchsorted(rates, rate), np.searchsorted(scales, scale)] = loss
        diverged = (part.diverged_step[cell] >= 0).mean() > 0.5
        axes.text(
            scale, rate, "×" if diverged else f"{loss:.2g}", ha="center", va="center", fontsize=8,
            color="white" if loss > DARK else "black",
        )  # fmt: skip
    image = axes.pcolormesh(
        _edges(scales), _edges(rates), table, cmap="viridis_r", norm=LogNorm(0.1, 5)
    )
    axes.set_xticks(scales, [f"{scale:g}" for scale in scales], fontsize=8)
    axes.set_yticks(rates, [f"{rate:g}" for rate in rates], fontsize=8)
    axes.minorticks_off()
    axes.set_xlabel("input scale s", fontsize=9)
    axes.set_ylabel(label, fontsize=9)
    axes.set_ylim(*_edges(rates)[[0, -1]])
    axes.spines[:].set_visible(False)
    return image


def _edges(centres: Float[np.ndarray, " value"]) -> Float[np.ndarray, " edge"]:
    """The edges of boxes around values on a logarithmic axis."""
    logs = np.log(centres)
    if len(logs) == 1:
        return np.exp(logs + np.array([-0.5, 0.5]))
    between = (logs[1:] + logs[:-1]) / 2
    return np.exp([2 * logs[0] - between[0], *between, 2 * logs[-1] - between[-1]])
