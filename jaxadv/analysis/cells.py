"""What is picked from a sweep's dataset: finished networks, cells, and families of cells."""

import math
import tomllib
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Shaped

from jaxadv.analysis.meanfield import regularity
from jaxadv.ascent.certificate import MAXIMA

SETTINGS = (
    "dim", "width", "activation", "loss", "step_rule", "step_size", "ratio", "scale",
)  # fmt: skip
"""The coordinates of a cell; the scale, which the claims are about, comes last."""
TYPICAL = {"dim": 64, "activation": "tanh", "loss": "quadratic", "ratio": 0.1, "scale": 1.0}
"""What stands for all where there is room for one setting only, if the sweep has it."""
TRIAL_DIMS = ("network", "example", "start")


def finished_networks(dataset: xr.Dataset) -> xr.Dataset:
    """The networks that were run in every cell: all of them, unless a run was interrupted.

    Raises:
        ValueError: if there are none.
    """
    finished = dataset.complete.all("cell").values
    if not finished.any():
        raise ValueError("dataset: no network was run in every cell yet; run the sweep again")
    return dataset.isel(network=finished)


def settings_of(cell: xr.Dataset) -> dict[str, Any]:
    """The coordinates of one cell."""
    return {name: cell[name].item() for name in SETTINGS}


def cells(dataset: xr.Dataset) -> Iterator[xr.Dataset]:
    """The cells, one by one."""
    return (dataset.isel(cell=index) for index in range(dataset.sizes["cell"]))


def families(
    dataset: xr.Dataset, along: str = "scale"
) -> Iterator[tuple[dict[str, Any], xr.Dataset]]:
    """The cells that differ in one setting alone, in its order, and what tells them from others.

    Args:
        dataset: a sweep's.
        along: the setting in which the cells of a family differ.
    """
    every = [settings_of(cell) for cell in cells(dataset)]
    shared = [name for name in SETTINGS if name != along]
    varying = [name for name in shared if len({cell[name] for cell in every}) > 1]
    members: dict[tuple[object, ...], list[int]] = {}
    for index in sorted(range(len(every)), key=lambda index: every[index][along]):
        members.setdefault(tuple(every[index][name] for name in shared), []).append(index)
    for indices in members.values():
        yield {name: every[indices[0]][name] for name in varying}, dataset.isel(cell=indices)


def typical(dataset: xr.Dataset, free: Collection[str]) -> xr.Dataset:
    """The finished networks of the cells with typical settings but for those that are free."""
    dataset = finished_networks(dataset)
    for name in SETTINGS:
        if name not in free:
            values = dataset[name].values
            usual = TYPICAL.get(name)
            chosen = usual if usual in values else values[0]
            dataset = dataset.isel(cell=values == chosen)
    return dataset


def by_network(values: xr.DataArray) -> Shaped[np.ndarray, "network trial"]:
    """A variable of one cell as a matrix, a row for each network."""
    return values.transpose(*TRIAL_DIMS).values.reshape(values.sizes["network"], -1)


def is_maximum(dataset: xr.Dataset) -> xr.DataArray:
    """Which trials ended in a certified strict local maximum."""
    return dataset.kind.isin(MAXIMA)


def kappa_0(dataset: xr.Dataset, cell: xr.Dataset) -> float:
    """κ₀ of a cell; NaN for networks and activations that the theory does not cover."""
    if tomllib.loads(dataset.attrs["sweep"])["network"] != "two-layer":
        return math.nan
    try:
        return regularity(cell.activation.item(), cell.scale.item(), cell.ratio.item())
    except ValueError:  # an activation with kinks, or a user's that is not here any more
        return math.nan
