"""Figures of an attack: accuracy against the radius, loss against the step, the worst images."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxadv.figures.style import SIMULATED, WIDTH, caption, headline

MOST_IMAGES = 8
CHANNELS = (1, 3)  # of images, at the end of their shape or at its beginning


def plot_accuracy(axes: Axes, table: pd.DataFrame, what: str) -> Axes:
    """The share of inputs that stay right against the radius, with intervals over inputs.

    Args:
        axes: where it is drawn.
        table: `jaxadv.reports.attack.tabulate`, without targets.
        what: what was attacked, in words.
    """
    radii = np.concatenate([[0.0], table.radius])
    robust = np.concatenate([table.accuracy[:1], table.robust])
    axes.plot(radii, robust, "o-", color=SIMULATED, label="at most robust (not broken)")
    axes.vlines(table.radius, table.low, table.high, color=SIMULATED, lw=4, alpha=0.3)
    if "proved" in table:
        proved = np.concatenate([table.accuracy[:1], table.proved])
        axes.plot(radii, proved, "s--", color=SIMULATED, label="at least robust (proved)")
        axes.fill_between(radii, proved, robust, color=SIMULATED, alpha=0.1, lw=0)
        axes.legend()
    axes.set(xlabel="radius of the set", ylabel="share answered right", ylim=(-0.02, 1.02))
    axes.set_xlim(left=0)
    caption(axes, what)
    return axes


def plot_losses(traces: xr.Dataset, what: str) -> Figure:
    """The loss against the step, a panel for each input, a line for each start.

    Args:
        traces: `jaxadv.attacks.traces.run_traces`.
        what: what was attacked, in words.
    """
    number = traces.sizes["input"]
    columns = min(3, number)
    rows = math.ceil(number / columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(WIDTH, 2.3 * rows + 0.4), squeeze=False, sharex=True
    )
    for place in axes.flat[number:]:
        place.set_axis_off()
    for place, (index, losses) in zip(axes.flat, enumerate(traces.loss.values), strict=False):
        for path in losses:
            length = int(np.isfinite(path).sum())
            place.plot(np.arange(length), path[:length], lw=1, alpha=0.7)
            place.plot(length - 1, path[length - 1], "o", ms=3, color=place.lines[-1].get_color())
        place.set_title(f"input {index}", fontsize=9)
        place.set_xscale("symlog", linthresh=1)
        place.set_xlim(left=0)
    figure.supxlabel("step", fontsize=10)
    figure.supylabel("loss", fontsize=10)
    headline(figure, what)
    return figure


def are_images(shape: tuple[int, ...]) -> bool:
    """Whether inputs of a shape can be shown: (height, width), with 1 or 3 channels or without.

    Example:
        >>> are_images((28, 28)), are_images((3, 32, 32)), are_images((64,))
        (True, True, False)
    """
    return len(shape) == 2 or (len(shape) == 3 and (shape[0] in CHANNELS or shape[-1] in CHANNELS))


def plot_worst(
    inputs: Float[np.ndarray, "image *shape"],
    perturbations: Float[np.ndarray, "image *shape"],
    titles: Sequence[str],
    what: str,
) -> Figure:
    """Images, their worst perturbations and their sums, a column for each image.

    Args:
        inputs: the images.
        perturbations: of the same shape.
        titles: one for each image.
        what: what was attacked, in words.
    """
    number = min(MOST_IMAGES, len(inputs))
    figure, axes = plt.subplots(
        3, number, figsize=(WIDTH, 3 * WIDTH / max(number, 4) + 0.6), squeeze=False
    )
    low, high = inputs.min(), inputs.max()
    high = high if high > low else low + 1  # images of one colour
    size = np.abs(perturbations[:number]).max() or 1.0
    for column in range(number):
        x, delta = inputs[column], perturbations[column]
        for row, (picture, least, most) in enumerate(
            ((x, low, high), (delta, -size, size), (x + delta, low, high))
        ):
            place = axes[row, column]
            shown = np.clip((_as_image(picture) - least) / (most - least), 0, 1)
            place.imshow(shown, cmap="RdBu_r" if row == 1 else "gray", vmin=0, vmax=1)
            place.set(xticks=[], yticks=[])
        axes[0, column].set_title(titles[column], fontsize=8)
    for row, name in enumerate(("input", f"δ (±{size:.2g})", "sum")):
        axes[row, 0].set_ylabel(name, fontsize=9)
    headline(figure, what)
    return figure


def _as_image(picture: np.ndarray) -> np.ndarray:
    """Height, width and, for colours, channels."""
    if picture.ndim == 3 and picture.shape[-1] not in CHANNELS:
        picture = np.moveaxis(picture, 0, -1)
    return picture[..., 0] if picture.ndim == 3 and picture.shape[-1] == 1 else picture
