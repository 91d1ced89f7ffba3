"""From a survey of landscapes to numbers with intervals, and whether they rise with the scale."""

import itertools
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float, Int

from jaxadv.analysis.cells import cells, finished_networks, predictor
from jaxadv.analysis.estimates import Estimate, median, network_medians
from jaxadv.analysis.fits import paired
from jaxadv.analysis.verdicts import Verdict, sign_test

Values = Float[np.ndarray, "network example"]
CELL = ("training", "ratio", "scale")
"""The coordinates that tell the cells of a survey apart."""
NETWORKS = {
    "none": "random networks",
    "clean": "clean training",
    "adversarial": "adversarial training",
}
"""What networks are called, by their training."""


@dataclass(frozen=True)
class Quantity:
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
        found = losses[groups[groups >= 0]]
        if not found.size:
            return math.nan
        return float((found - found.max()).std() / (found.max() - centre))

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


QUANTITIES: Mapping[str, Quantity] = {
    "maxima": Quantity("distinct maxima found", True, num_maxima),
    "missed": Quantity("maxima missed (Chao1)", True, num_missed),
    "best_share": Quantity("share of starts that find the best", False, best_share),
    "loss_spread": Quantity("spread of final losses, over the gain", True, loss_spread),
    "step_cosine": Quantity(
        "cosine of the first gradient and δ*", False, lambda cell: cell.step_cosine.values
    ),
    "step_gain": Quantity(
        "share of the gain in one step", False, lambda cell: cell.step_gain.values
    ),
    "path_ratio": Quantity("length of the path over its chord", True, _middle("path_ratio")),
    "falls": Quantity(
        "share of steps that lower the loss", True, lambda cell: cell.falls.mean("start").values
    ),
    "barrier": Quantity("depth of valleys, over the gain", True, _middle("barrier")),
    "gradient_change": Quantity(
        "change of the gradient within a radius", True, lambda cell: cell.gradient_change.values
    ),
    "curvature_ratio": Quantity(
        "curvature ratio at the maxima", True,
        lambda cell: _middle("curvature_ratio")(cell.where(cell.maximum >= 0)),
    ),
    "certified": Quantity(
        "share of ascents that are certified", False,
        lambda cell: (cell.maximum >= 0).mean("start").values,
    ),
}  # fmt: skip
"""What a survey is read for, by name."""


def kappa_0(cell: xr.Dataset) -> float:
    """κ₀ of a cell's networks as they are drawn; NaN where the theory does not cover them."""
    spec = tomllib.loads(cell.attrs["landscape"])
    activation = cell.activation.item()
    return predictor(spec["network"], activation, cell.scale.item(), cell.ratio.item())


def tabulate(dataset: xr.Dataset) -> pd.DataFrame:
    """Every quantity in every cell: the median over networks and inputs, with its interval.

    Columns: the cell's settings, κ₀, the quantity, and ``value``, ``low`` and ``high``; for counts
    of maxima, whose medians are whole, the mean as well.

    Raises:
        ValueError: as `cells.finished_networks`.
    """
    rows = []
    for cell in cells(finished_networks(dataset)):
        settings = {name: cell[name].item() for name in CELL} | {"kappa_0": kappa_0(cell)}
        for name, quantity in QUANTITIES.items():
            values = quantity.of(cell)
            found = median(values)
            rows.append(
                settings
                | {"quantity": name, "value": found.value, "low": found.low, "high": found.high}
                | {"mean": float(np.nanmean(values)) if not np.isnan(values).all() else math.nan}
            )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Direction:
    """Whether a quantity tells of less regularity at the larger of two neighbouring scales.

    By the two-sided sign test at 5% of the networks' medians, on the same networks; at least
    `LEAST_NETWORKS` must differ.
    """

    training: str
    ratio: float
    smaller: float
    larger: float
    less_regular: int
    more_regular: int
    difference: Estimate
    verdict: Verdict


def directions(dataset: xr.Dataset, name: str) -> Iterator[Direction]:
    """The direction of one quantity between every two neighbouring scales."""
    dataset, quantity = finished_networks(dataset), QUANTITIES[name]
    keys = [tuple(cell[c].item() for c in CELL) for cell in cells(dataset)]
    for one, other in itertools.pairwise(sorted(range(len(keys)), key=keys.__getitem__)):
        if keys[one][:2] != keys[other][:2]:
            continue
        medians = [network_medians(quantity.of(dataset.isel(cell=row))) for row in (one, other)]
        test = paired(*medians)
        worse, better = (test.larger, test.smaller)[:: 1 if quantity.rises else -1]
        found = sign_test(test, larger=quantity.rises)
        training, ratio, scale = keys[one]
        yield Direction(
            training, ratio, scale, keys[other][2], worse, better, test.difference, found
        )
