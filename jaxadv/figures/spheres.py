"""Whole circles and spheres: the loss, its critical points, and ascents; one cell on its axes."""

import matplotlib as mpl
import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patheffects import Normal, Stroke

from jaxadv.landscape.critical import Critical

LOOK = {
    Critical.MAXIMUM: {"marker": "^", "mfc": "white", "ms": 8},
    Critical.SADDLE: {"marker": "X", "mfc": "0.75", "ms": 6},
    Critical.MINIMUM: {"marker": "v", "mfc": "black", "ms": 7},
}
# For white lines, which lie on all colours of a map.
OUTLINED = [Stroke(linewidth=2.4, foreground="black", alpha=0.6), Normal()]


def draw_circle(axes: Axes, cell: xr.Dataset) -> Axes:
    """The loss around the circle, over its range; below, by colour, where ascents end."""
    low, high = cell.loss.values.min(), cell.loss.values.max()
    degrees = np.degrees(cell.angle.values)
    known = np.flatnonzero(~np.isnan(cell.critical_kind.values))
    maxima = known[cell.critical_kind.values[known] == Critical.MAXIMUM]
    tops = cell.critical_angle.values[maxima]
    hues = mpl.colormaps["viridis"](np.linspace(0, 0.9, max(len(tops), 2)))
    ends = cell.top.values
    gaps = np.abs(np.angle(np.exp(1j * (ends[:, None] - tops))))
    nearest = np.where(np.isnan(ends), -1, np.nan_to_num(gaps, nan=np.inf).argmin(axis=1))
    for index, hue in enumerate(hues[: len(tops)]):
        inside = nearest == index
        axes.fill_between(
            degrees, -0.16, -0.06, where=inside, color=hue, lw=0, step="mid", clip_on=False
        )
        axes.fill_between(
            degrees, 0, (cell.loss.values - low) / (high - low), where=inside, color=hue,
            alpha=0.25, lw=0, step="mid",
        )  # fmt: skip
    axes.plot(degrees, (cell.loss.values - low) / (high - low), color="black", lw=1.2)
    for row in known:
        kind = Critical(int(cell.critical_kind.values[row]))
        place = np.degrees(cell.critical_angle.values[row]) % 360
        height = (cell.critical_loss.values[row] - low) / (high - low)
        axes.plot(place, height, color="none", mec="black", clip_on=False, **LOOK[kind])
    axes.set(xlim=(0, 360), ylim=(-0.18, 1.06), yticks=(0, 1), xticks=(0, 90, 180, 270, 360))
    axes.set_yticklabels(["lowest", "highest"])
    axes.tick_params(labelsize=8)
    axes.set_xlabel("angle in degrees", fontsize=9)
    axes.text(
        0.98, 0.2, _number(len(tops)), transform=axes.transAxes, fontsize=9, ha="right",
        bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.8},
    )  # fmt: skip
    return axes


def draw_sphere(axes: Axes, cell: xr.Dataset) -> Axes:
    """The loss over its range all over the sphere, with critical points and ascents."""
    loss = cell.loss.values
    loss = (loss - loss.min()) / (loss.max() - loss.min())
    around, up = cell.longitude.values, cell.latitude.values
    axes.pcolormesh(around, up, loss, cmap="viridis", vmin=0, vmax=1, rasterized=True)
    axes.contour(
        around, up, loss, levels=np.linspace(0.1, 0.9, 9), colors="black", linewidths=0.3, alpha=0.5
    )
    for longitude, latitude in zip(
        cell.path_longitude.values, cell.path_latitude.values, strict=True
    ):
        way = unwound(longitude, latitude)
        axes.plot(*way, color="white", lw=1, path_effects=OUTLINED)
        axes.plot(longitude[0], latitude[0], "o", color="white", mec="black", mew=0.5, ms=3)
    kinds = cell.critical_kind.values
    for kind, look in LOOK.items():
        places = kinds == kind
        axes.plot(
            cell.critical_longitude.values[places], cell.critical_latitude.values[places],
            ls="none", mec="black", zorder=5, **look,
        )  # fmt: skip
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel(_number(int(cell.num_maxima)), fontsize=9)
    return axes


def unwound(
    longitude: Float[np.ndarray, " point"], latitude: Float[np.ndarray, " point"]
) -> tuple[Float[np.ndarray, " place"], Float[np.ndarray, " place"]]:
    """A path with gaps where it leaves the map on one side and comes back on the other.

    Example:
        >>> unwound(np.array([3.0, -3.0]), np.zeros(2))[0]
        array([ 3., nan, -3.])
    """
    jumps = np.flatnonzero(np.abs(np.diff(longitude)) > np.pi) + 1
    return np.insert(longitude, jumps, np.nan), np.insert(latitude, jumps, np.nan)


def _number(maxima: int) -> str:
    return f"{maxima} maxim{'um' if maxima == 1 else 'a'}"
