"""Panels side by side, one for each cell of a landscape, with the regime written over each."""

import math
from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxadv.analysis.cells import cells
from jaxadv.analysis.landscapes import kappa_0

REGULAR, ROUGH, UNKNOWN = "#0072B2", "#D55E00", "0.45"
"""Of Okabe and Ito's colours: κ₀ below 1, above 1, and where there is none."""
WIDTH = 8.0
"""In inches, 800 pixels."""
MOST_SCALES = 4


def regime(kappa: float) -> str:
    """The colour of a regime.

    Example:
        >>> regime(0.2) == REGULAR, regime(1.7) == ROUGH
        (True, True)
    """
    return UNKNOWN if math.isnan(kappa) else REGULAR if kappa < 1 else ROUGH


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
        dataset: with the dimension ``cell``.
        draw: draws one cell.
        caption: a small line above all.
        aspect: height over width of a panel.
        projection: of the axes.
        share: whether all panels have the same axes.
    """
    chosen = few_scales(dataset)
    every = list(cells(chosen))
    lines = len({(cell.training.item(), cell.ratio.item()) for cell in every})
    columns = len(every) // lines
    if lines == 1 and columns == MOST_SCALES:
        lines, columns = 2, 2
    height = WIDTH / columns * aspect * lines + 0.35
    figure, axes = plt.subplots(
        lines, columns, figsize=(WIDTH, height), squeeze=False, sharex=share, sharey=share,
        subplot_kw={"projection": projection} if projection else None,
    )  # fmt: skip
    several = len({cell.training.item() for cell in every}) > 1
    for cell, place in zip(every, axes.flat, strict=True):
        draw(place, cell)
        _banner(place, cell, training=several)
    figure.suptitle(caption, fontsize=9, x=0.01, ha="left", color="0.35")
    return figure


def _banner(axes: Axes, cell: xr.Dataset, *, training: bool) -> None:
    """The scale and the regime, in the regime's colour."""
    kappa, scale = kappa_0(cell), cell.scale.item()
    text = f"s = {scale:g}"
    if not math.isnan(kappa):
        text += f",  κ₀ = {kappa:.2g} {'<' if kappa < 1 else '>'} 1"
    if training:
        text = f"{cell.training.item()} training\n{text}" if training else text
    axes.set_title(
        text, fontsize=9.5, color="white", pad=6,
        bbox={"boxstyle": "round,pad=0.25", "fc": regime(kappa), "ec": "none"},
    )  # fmt: skip
