"""A figure of the number of maxima against the dimension, on both sides of κ₀ = 2."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from jaxadv.figures.style import LABELS, caption, colour, empty, points, ticks_at
from jaxadv.stats.cells import cells, families, kappa_0_of
from jaxadv.stats.intervals import mean
from jaxadv.stats.landscapes import num_maxima, num_missed

LEAST_DIMS = 3


def plot_maxima(axes: Axes, dataset: xr.Dataset) -> Axes:
    """The mean number of distinct confirmed maxima against the dimension, a line for each κ₀.

    Filled: found, with 95% intervals over networks. Open: with Chao's estimate of those that were
    missed.

    Args:
        axes: where to draw.
        dataset: a survey's, of finished networks.
    """
    every = [
        family
        for _, family in families(dataset, "dim")
        if family.sizes["cell"] >= LEAST_DIMS and not np.isnan(kappa_0_of(family.isel(cell=0)))
    ]
    if not every:
        return empty(axes, "no landscapes of several dimensions")
    every.sort(key=lambda family: kappa_0_of(family.isel(cell=0)))
    for index, family in enumerate(every):
        hue = colour(index, len(every))
        dims, kappa_0 = family.dim.values.astype(float), kappa_0_of(family.isel(cell=0))
        counts = [num_maxima(cell) for cell in cells(family)]
        points(
            axes, dims, [mean(count) for count in counts], color=hue, marker="o", ms=5, ls="-",
            lw=1.2, label=f"{kappa_0:.2g}",
        )  # fmt: skip
        missed = [num_missed(cell) for cell in cells(family)]
        whole = [np.mean(c + m) for c, m in zip(counts, missed, strict=True)]
        axes.plot(dims, whole, "o", color=hue, mfc="none", ms=8, alpha=0.6)
    axes.set(xscale="log", yscale="log", xlabel=LABELS["dim"])
    axes.set_ylabel("distinct maxima, mean")
    ticks_at(axes, sorted(set(dataset.dim.values.tolist())))
    axes.legend(title="κ₀ (regularity is lost at 2)", fontsize=9, title_fontsize=9)
    sizes, first = dataset.sizes, dataset.isel(cell=0)
    caption(
        axes,
        f"{first.activation.item()}, m = {first.width.item()}, {sizes['start']} starts; n = "
        f"{sizes['network']} networks × {sizes['example']} inputs; open: with those missed (Chao)",
    )
    return axes
