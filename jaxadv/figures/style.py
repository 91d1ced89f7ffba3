"""How all figures look."""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxadv.grid.places import Place
from jaxadv.stats.intervals import Estimate

# In inches; 800 pixels.
WIDTH = 8.0
# matplotlib's settings for all figures.
STYLE: dict[Any, Any] = {
    "figure.figsize": (WIDTH, 4.6),
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
SIMULATED = "black"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LABELS = {
    "dim": "input dimension d",
    "width": "width m",
    "scale": "input scale s",
    "tolerance": "1/tolerance",
    "ratio": "perturbation ratio ρ",
}


def save(path: Place, draw: Callable[[], Figure]) -> None:
    """Draw a figure in `STYLE` and write it, whole, to a folder or an address."""
    with mpl.rc_context(STYLE):
        figure = draw()
        picture = io.BytesIO()
        figure.savefig(picture)
        plt.close(figure)
    path.write_bytes(picture.getvalue())


def alone(draw: Callable[[Axes], Axes]) -> Callable[[], Figure]:
    """A function that draws a figure of one panel."""

    def figure() -> Figure:
        figure, axes = plt.subplots()
        draw(axes)
        return figure

    return figure


def colour(index: int, number: int) -> tuple[float, float, float, float]:
    """Colours in the order of the scales: viridis, safe for colour-blind eyes, less its yellow."""
    return mpl.colormaps["viridis"](0.75 * index / max(number - 1, 1))


def caption(axes: Axes, text: str) -> None:
    """A small line above the axes: what was run, and how often."""
    axes.set_title(text, fontsize=9, loc="left", color="0.35")


def in_legend(value: Any) -> str:
    """A setting as a legend has it.

    Example:
        >>> in_legend(0.1), in_legend(64), in_legend("tanh")
        ('0.1', '64', 'tanh')
    """
    return value if isinstance(value, str) else f"{value:g}"


def legend_below(figure: Figure, handles: Mapping[str, Any], title: str | None = None) -> None:
    """A legend in one row below all axes of a figure, by label."""
    figure.legend(
        list(handles.values()), list(handles), title=title, loc="outside lower center",
        ncols=len(handles), fontsize=9, title_fontsize=9,
    )  # fmt: skip


def labelled(axes: Axes) -> dict[str, Any]:
    """What is drawn in axes with a label, by the label."""
    handles, labels = axes.get_legend_handles_labels()
    return dict(zip(labels, handles, strict=True))


def headline(figure: Figure, text: str) -> None:
    """A small line above all axes of a figure."""
    figure.suptitle(text, fontsize=9, x=0.01, ha="left", color="0.35")


def empty(axes: Axes, why: str) -> Axes:
    """Say that there is nothing to draw."""
    axes.text(0.5, 0.5, why, ha="center", color="0.35", transform=axes.transAxes)
    axes.set_axis_off()
    return axes


def points(axes: Axes, x: Iterable[float], estimates: list[Estimate], **look: Any) -> None:
    """Estimates with their intervals; an arrow where one has no upper end."""
    middle, low, high = np.array([(e.value, e.low, e.high) for e in estimates]).reshape(-1, 3).T
    endless = np.isinf(high)
    above = np.where(endless, middle, high - middle)
    bars = np.maximum(0, np.nan_to_num([middle - low, above]))
    look = {"ls": "none", "capsize": 0, "elinewidth": 1.5} | look
    axes.errorbar(np.asarray(list(x)), middle, yerr=bars, lolims=endless, **look)


def ticks_at(axes: Axes, values: Sequence[int] | Sequence[float]) -> None:
    """Label the values that were run, and no others."""
    axes.set_xticks(list(values), [f"{value:g}" for value in values])
    axes.set_xticks([], minor=True)
