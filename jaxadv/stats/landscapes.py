"""From a survey of landscapes to numbers with intervals."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float, Int

from jaxadv.stats.cells import cells, finished_networks, groups, kappa_0_of
from jaxadv.stats.intervals import median, network_medians

Values = Float[np.ndarray, "network example"]
# The coordinates that tell the cells of a survey apart; the scale comes last.
SURVEYED = ("training", "ratio", "scale")
# What networks are called, by their training.
NETWORKS = {
    "none": "random networks",
    "clean": "clean training",
    "adversarial": "adversarial training",
}


@dataclasses.dataclass(frozen=True)
class Measure:
    """A number for each network and input.

    Attributes:
        title: what it is, as an axis has it.
        rises: whether more of it means a less regular landscape; else less of it does.
        of: from one cell to the values, NaN where there is none.
    """

    title: str
    rises: bool
    of: Callable[[xr.Dataset], Values]


def num_maxima(cell: xr.Dataset) -> Values:
    """How many distinct certified maxima were found."""
    return _over_starts(cell.maximum, lambda groups: len(_sizes(groups)))


def num_missed(cell: xr.Dataset) -> Values:
    """Chao's estimate of how many more maxima there are: f₁(f₁ − 1)/(2(f₂ + 1)).

    f₁ and f₂ are the numbers of maxima that one and two starts found (bias-corrected Chao1, a
    lower bound if some maxima are found much more rarely than others).
    """

    def missed(groups: Int[np.ndarray, " start"]) -> float:
        sizes = _sizes(groups)
        once, twice = (sizes == 1).sum(), (sizes == 2).sum()
        return once * (once - 1) / (2 * (twice + 1))

    return _over_starts(cell.maximum, missed)


def best_share(cell: xr.Dataset) -> Values:
    """The share of all starts that find the best maximum."""

    def share(groups: Int[np.ndarray, " start"], losses: Float[np.ndarray, " start"]) -> float:
        if (groups < 0).all():
            return math.nan
        best = groups[np.where(groups >= 0, losses, -np.inf).argmax()]
        return float((groups == best).mean())

    return _over_starts((cell.maximum, cell.loss_maximum), share)


def loss_spread(cell: xr.Dataset) -> Values:
    """The standard deviation of the maxima's losses over the starts, in units of the best gain."""

    def spread(
        groups: Int[np.ndarray, " start"], losses: Float[np.ndarray, " start"], centre: float
    ) -> float:
        # Of the first start in each maximum, so that one maximum has no spread at all.
        ends = losses[groups[groups >= 0]]
        if not ends.size:
            return math.nan
        return float((ends - ends.max()).std() / (ends.max() - centre))

    return _over_starts((cell.maximum, cell.loss_maximum, cell.loss_centre), spread)


def _over_starts(
    arrays: xr.DataArray | tuple[xr.DataArray, ...], function: Callable[..., float]
) -> Values:
    """A function of the values of all starts at one input, for every network and input."""
    arrays = arrays if isinstance(arrays, tuple) else (arrays,)
    columns = [array.values for array in arrays]
    places = np.ndindex(columns[0].shape[:2])
    values = [function(*(column[place] for column in columns)) for place in places]
    return np.array(values, float).reshape(columns[0].shape[:2])


def _sizes(groups: Int[np.ndarray, " start"]) -> Int[np.ndarray, " maximum"]:
    """How many starts found each maximum."""
    return np.unique(groups[groups >= 0], return_counts=True)[1]


def _middle(name: str) -> Callable[[xr.Dataset], Values]:
    """The median of a variable over its last dimension, NaN left out."""

    def middle(cell: xr.Dataset) -> Values:
        values = cell[name].values
        rows = network_medians(values.reshape(-1, values.shape[-1]))
        return rows.reshape(values.shape[:2])

    return middle


# What a survey is read for, by name.
MEASURES: Mapping[str, Measure] = {
    "maxima": Measure("distinct maxima found", True, num_maxima),
    "missed": Measure("maxima missed (Chao1)", True, num_missed),
    "best_share": Measure("share of starts that find the best", False, best_share),
    "loss_spread": Measure("spread of final losses, over the gain", True, loss_spread),
    "step_cosine": Measure(
        "cosine of the first gradient and δ*", False, lambda cell: cell.step_cosine.values
    ),
    "step_gain": Measure(
        "share of the gain in one step", False, lambda cell: cell.step_gain.values
    ),
    "path_ratio": Measure("length of the path over its chord", True, _middle("path_ratio")),
    "falls": Measure(
        "share of steps that lower the loss", True, lambda cell: cell.falls.mean("start").values
    ),
    "barrier": Measure("depth of valleys, over the gain", True, _middle("barrier")),
    "gradient_change": Measure(
        "change of the gradient within a radius", True, lambda cell: cell.gradient_change.values
    ),
    "curvature_ratio": Measure(
        "curvature ratio at the maxima", True,
        lambda cell: _middle("curvature_ratio")(cell.where(cell.maximum >= 0)),
    ),
    "certified": Measure(
        "share of ascents that are certified", False,
        lambda cell: (cell.maximum >= 0).mean("start").values,
    ),
}  # fmt: skip


def tabulate(dataset: xr.Dataset) -> pd.DataFrame:
    """Every measure in every cell: the median over networks and inputs, with its interval.

    Columns: what tells groups apart, if there are several; the cell's settings, κ₀, the quantity (a
    name of `MEASURES`), and ``value``, ``low`` and ``high``; for counts of maxima, whose medians
    are whole, the mean as well.

    Raises:
        ValueError: as `cells.finished_networks`.
    """
    return pd.DataFrame(
        [
            settings | row
            for settings, group in groups(finished_networks(dataset))
            for cell in cells(group)
            for row in _rows(cell)
        ]
    )


def _rows(cell: xr.Dataset) -> Iterator[dict[str, Any]]:
    """The rows of one cell."""
    settings = {name: cell[name].item() for name in SURVEYED} | {"kappa_0": kappa_0_of(cell)}
    for name, measure in MEASURES.items():
        values = measure.of(cell)
        yield (
            settings
            | {"quantity": name, **dataclasses.asdict(median(values))}
            | {"mean": float(np.nanmean(values)) if not np.isnan(values).all() else math.nan}
        )
