"""Panels side by side, one for each cell of a landscape, with its κ₀ written over each."""

import math
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxadv.figures.style import WIDTH, headline
from jaxadv.stats.cells import cells, kappa_0_of
from jaxadv.stats.landscapes import NETWORKS
from jaxadv.theory import CRITICAL

# Okabe and Ito's colours for κ₀ below 2, κ₀ above 2, and cells without a prediction.
REGULAR, ROUGH, UNKNOWN = "#0072B2", "#D55E00", "0.45"
LEAST_HEIGHT = 1.5
MOST_SCALES = 4


def colour_of(kappa_0: float) -> str:
    """The colour of a cell by its κ₀: whether a regular landscape is predicted.

    Example:
        >>> colour_of(0.2) == REGULAR, colour_of(2.5) == ROUGH
        (True, True)
    """
    return UNKNOWN if math.isnan(kappa_0) else REGULAR if kappa_0 < CRITICAL else ROUGH


def few_scales(dataset: xr.Dataset, most: int = MOST_SCALES) -> xr.Dataset:
    """The cells at some scales, the ends among them, if there are more than fit side by side.

    Example:
        >>> dataset = xr.Dataset(coords={"scale": ("cell", [0.1, 0.3, 1.0, 3.0, 10.0])})
        >>> few_scales(dataset, 3).scale.values.tolist()
        [0.1, 1.0, 10.0]
    """
    scales = np.unique(dataset.scale.values)
    rows = np.unique(np.linspace(0, len(scales) - 1, min(most, len(scales))).round().astype(int))
    return dataset.isel(cell=np.isin(dataset.scale.values, scales[rows]))


def panels(
    dataset: xr.Dataset,
    draw: Callable[[Axes, xr.Dataset], Axes],
    caption: str,
    *,
    aspect: float = 0.8,
    projection: str | None = None,
    share: bool = False,
) -> Figure:
    """A figure with a panel for each cell: a row for each training and ratio, a column a scale.

    Four scales of one training stand two by two.

    Args:
        dataset: with the dimension ``cell``, of one group.
        draw: draws one cell.
        caption: a small line above all.
        aspect: height over width of a panel.
        projection: of the axes.
        share: whether all panels have the same axes, which are labelled at the edges alone.
    """
    every = list(cells(few_scales(dataset)))
    lines = len({(cell.training.item(), cell.ratio.item()) for cell in every})
    columns = len(every) // lines
    if lines == 1 and columns == MOST_SCALES:
        lines, columns = 2, 2
    each = max(WIDTH / columns * aspect, LEAST_HEIGHT)
    figure, axes = plt.subplots(
        lines, columns, figsize=(WIDTH, each * lines + 0.35), squeeze=False, sharex=share,
        sharey=share, subplot_kw={"projection": projection} if projection else None,
    )  # fmt: skip
    several = len({cell.training.item() for cell in every}) > 1
    for index, (cell, place) in enumerate(zip(every, axes.flat, strict=True)):
        draw(place, cell)
        if share:
            place.label_outer()
        if not several or index < columns:
            _banner(place, cell)
        if several and index % columns == 0:
            name = NETWORKS[cell.training.item()].replace(" ", "\n")
            place.annotate(
                name, (0, 0.5), (-44 if share else -10, 0),
                xycoords="axes fraction", textcoords="offset points", rotation=90, ha="right",
                va="center", ma="center", fontsize=9, weight="bold",
            )  # fmt: skip
    headline(figure, caption)
    return figure


def _banner(axes: Axes, cell: xr.Dataset) -> None:
    """The scale and κ₀, on the colour of κ₀."""
    kappa_0 = kappa_0_of(cell)
    text = f"s = {cell.scale.item():g}"
    if not math.isnan(kappa_0):
        text += f",  κ₀ = {kappa_0:.2g} {'<' if kappa_0 < CRITICAL else '>'} {CRITICAL:g}"
    axes.set_title(
        text, fontsize=9, color="white", pad=7,
        bbox={"boxstyle": "round,pad=0.25", "fc": colour_of(kappa_0), "ec": "none"},
    )  # fmt: skip
