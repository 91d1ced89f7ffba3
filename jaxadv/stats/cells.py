"""Choosing from a dataset: finished networks, cells, groups and families of them, what is known.

Nothing here imports what a dataset names: names are looked up among the built-in ones alone.
"""

import math
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Shaped

from jaxadv.ascent.kinds import MAXIMA
from jaxadv.landscape.spec import Landscape
from jaxadv.proofs.ends import Proved
from jaxadv.sweeps.spec import Sweep
from jaxadv.theory import kappa_0

# The coordinates of a sweep's cell; the scale, which the claims are about, comes last.
SETTINGS = (
    "dim", "width", "activation", "loss", "constraint", "method", "step_rule", "step_size", "ratio",
    "scale",
)  # fmt: skip
# The coordinates that the cells of a group have in common: those of their networks and the loss.
OF_GROUP = ("dim", "width", "activation", "loss", "constraint", "method")
# The values that are shown where there is room for one, if the sweep has them.
TYPICAL = {
    "dim": 64,
    "activation": "tanh",
    "loss": "quadratic",
    "constraint": "l2-ball",
    "method": "gradient",
    "ratio": 0.1,
    "scale": 1.0,
}
# The sets that the predictions are about.
ROUND = ("l2-ball", "l2-sphere")
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
        dataset: a sweep's or a landscape's.
        along: the setting in which the cells of a family differ.
    """
    ordered = dataset.isel(cell=np.argsort(dataset[along].values, kind="stable"))
    names = [name for name in ("training", *SETTINGS) if name in dataset.coords and name != along]
    return _alike(ordered, names)


def groups(dataset: xr.Dataset) -> Iterator[tuple[dict[str, Any], xr.Dataset]]:
    """The cells of each group, and what tells the group from others: nothing where there is one.

    Cells of different groups have different networks or losses, and are not to be compared.

    Args:
        dataset: of any experiment.

    Example:
        >>> names = {"dim": [8, 8], "width": [4, 16], "activation": ["tanh"] * 2, "loss": ["a"] * 2}
        >>> coords = {name: ("cell", values) for name, values in names.items()}
        >>> [settings for settings, _ in groups(xr.Dataset(coords=coords))]
        [{'width': 4}, {'width': 16}]
    """
    return _alike(dataset, [name for name in OF_GROUP if name in dataset.coords])


def in_words(settings: Mapping[str, Any]) -> str:
    """What tells a group from others, as text.

    Example:
        >>> in_words({"width": 16, "loss": "logistic"})
        'width 16, loss logistic'
    """
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def rows_of(table: pd.DataFrame, group: xr.Dataset) -> pd.DataFrame:
    """The rows of a table that are about the cells of a group.

    Args:
        table: has columns for the coordinates in which groups differ.
        group: cells of one group.
    """
    keep = np.ones(len(table), bool)
    for name in (name for name in OF_GROUP if name in table):
        keep &= (table[name] == group[name].values[0]).to_numpy()
    return table.loc[keep]


def cells_where(dataset: xr.Dataset, settings: Mapping[str, Any]) -> xr.Dataset:
    """The cells with some settings."""
    keep = xr.ones_like(dataset.scale, bool)
    for name, value in settings.items():
        keep &= dataset[name] == value
    return dataset.isel(cell=keep.values)


def _alike(
    dataset: xr.Dataset, names: Sequence[str]
) -> Iterator[tuple[dict[str, Any], xr.Dataset]]:
    """The cells that have some coordinates in common, and those of them that others have not."""
    every = list(zip(*(dataset[name].values.tolist() for name in names), strict=True))
    telling = telling_settings({name: dataset[name].values.tolist() for name in names})
    varying = [k for k, name in enumerate(names) if name in telling]
    for values in dict.fromkeys(every):
        indices = [index for index, other in enumerate(every) if other == values]
        yield {names[k]: values[k] for k in varying}, dataset.isel(cell=indices)


def telling_settings(columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """The settings that vary, without a step rule or a step size that follows from the method.

    Args:
        columns: the values of each setting in all cells.

    Example:
        >>> telling_settings({"method": ["sign", "apgd"], "step_size": [0.1, 2], "loss": "aa"})
        ['method']
        >>> telling_settings({"step_size": [0.1, 2]})
        ['step_size']
    """
    methods = columns.get("method", ())

    def follows(name: str, values: Sequence[Any]) -> bool:
        if not methods or name not in {"step_rule", "step_size"}:
            return False
        return len(set(zip(methods, values, strict=True))) == len(set(methods))

    return [
        name
        for name, values in columns.items()
        if len(set(values)) > 1 and not follows(name, values)
    ]


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


def is_proved(dataset: xr.Dataset, least: Proved = Proved.GLOBAL) -> xr.DataArray:
    """Which trials ended in a point that is proved to be the global maximum, or more than that.

    Nowhere, if no proof was tried.
    """
    # An older store has no such variable.
    return dataset.proof >= least if "proof" in dataset else xr.zeros_like(dataset.kind, bool)


def proofs_were_tried(dataset: xr.Dataset) -> bool:
    """Whether a proof of any trial was tried."""
    return "proof" in dataset and bool((dataset.proof != Proved.NOT_TRIED).any())


def in_boxes(dataset: xr.Dataset) -> bool:
    """Whether the perturbations of a sweep are bounded entry by entry."""
    # A store of version 0.1 has no such variable.
    return "num_free" in dataset and bool(dataset.num_free.notnull().any())


def kappa_0_of(cell: xr.Dataset) -> float:
    """κ₀ of a cell of a sweep or a landscape; NaN where the theory has no prediction.

    It has one for two-layer networks with a built-in activation without kinks, and for sets whose
    radius is ρ‖x‖. In landscapes κ₀ is that of the networks as they are drawn, before any training.
    """
    return kappa_0_of_setting(cell) if cell.constraint.item() in ROUND else math.nan


def kappa_0_of_setting(cell: xr.Dataset) -> float:
    """κ₀ at the scale and the ratio of a cell, whatever its set is; otherwise as `kappa_0_of`."""
    if _specification(cell)["network"] != "two-layer":
        return math.nan
    try:
        return kappa_0(cell.activation.item(), cell.scale.item(), cell.ratio.item())
    except ValueError:
        return math.nan


def own_functions(dataset: xr.Dataset) -> list[str]:
    """The functions that a sweep or a landscape names and that are not built in.

    They are users' own. Whoever reads the dataset need not have them, and may not trust them.

    Example:
        >>> own_functions(xr.Dataset(attrs={"sweep": 'losses = ["quadratic", "mine:loss"]'}))
        ['mine:loss']
    """
    experiment = Sweep if "sweep" in dataset.attrs else Landscape
    built_in = {name for field in experiment.functions for name in experiment.table(field)}
    spec = _specification(dataset)
    named = [
        name
        for field in experiment.functions
        for name in np.atleast_1d(spec.get(field, [])).tolist()
    ]
    # Those of cells that an earlier run added are coordinates alone.
    for coordinate in ("activation", "loss", "constraint", "method", "step_rule"):
        if coordinate in dataset.coords:
            named += np.atleast_1d(dataset[coordinate].values).tolist()
    return [name for name in dict.fromkeys(named) if name not in built_in]


def _specification(dataset: xr.Dataset) -> dict[str, Any]:
    kind = "sweep" if "sweep" in dataset.attrs else "landscape"
    return tomllib.loads(dataset.attrs[kind])


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
