"""What is picked from a sweep's dataset: finished networks, cells, and families of cells."""

import math
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Shaped

from jaxadv.analysis.meanfield import regularity
from jaxadv.ascent.kinds import MAXIMA

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


def one_value(dataset: xr.Dataset, name: str) -> Any:
    """The value of a coordinate that all cells share.

    Raises:
        ValueError: if there are several.

    Example:
        >>> one_value(xr.Dataset(coords={"width": ("cell", [8, 8])}), "width")
        8
    """
    values = list(dict.fromkeys(np.ravel(dataset[name].values).tolist()))
    if len(values) > 1:
        several = ", ".join(map(str, values))
        raise ValueError(f"{name}: {several} in one dataset; give the cells of one, by isel")
    return values[0]


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
    network = tomllib.loads(dataset.attrs["sweep"])["network"]
    return predictor(network, cell.activation.item(), cell.scale.item(), cell.ratio.item())


def predictor(network: str, activation: str, scale: float, ratio: float) -> float:
    """κ₀ of `regularity`; NaN for networks and activations that the theory does not cover."""
    if network != "two-layer":
        return math.nan
    try:
        return regularity(activation, scale, ratio)
    except ValueError:  # an activation with kinks, or a user's that is not here any more
        return math.nan


@dataclass(frozen=True)
class Domain:
    """The cells that a claim is about.

    Attributes:
        least_dim: d at least.
        least_aspect: m/d at least.
        least_kappa_0: κ₀ above.
        most_kappa_0: κ₀ at most.
    """

    least_dim: int = 1
    least_aspect: int = 0
    least_kappa_0: float = -math.inf
    most_kappa_0: float = math.inf

    @property
    def text(self) -> str:
        """The domain in words, to follow "every cell".

        Example:
            >>> Domain(64, most_kappa_0=1.0).text
            ' with d ≥ 64, κ₀ ≤ 1'
        """
        words = []
        if self.least_dim > 1:
            words.append(f"d ≥ {self.least_dim}")
        if self.least_aspect > 0:
            words.append(f"m ≥ {self.least_aspect} d")
        if self.least_kappa_0 > 0:
            words.append(f"κ₀ > {self.least_kappa_0:g}")
        if math.isfinite(self.most_kappa_0):
            words.append(f"κ₀ ≤ {self.most_kappa_0:g}")
        return f" with {', '.join(words)}" * bool(words)

    def has(self, cell: xr.Dataset, kappa_0: float) -> bool:
        """Whether a cell is in it; with bounds on κ₀, not where that is NaN."""
        dim, width = cell.dim.item(), cell.width.item()
        unbounded = math.isinf(self.least_kappa_0) and math.isinf(self.most_kappa_0)
        bounded = unbounded or self.least_kappa_0 < kappa_0 <= self.most_kappa_0
        return dim >= self.least_dim and width >= self.least_aspect * dim and bounded


EVERYWHERE = Domain()
