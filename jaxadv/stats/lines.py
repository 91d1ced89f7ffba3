"""Quantiles of the step counts along one setting, in every replicate: what is fitted and drawn."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxadv.stats.cells import by_network, cells, families, settings_of
from jaxadv.stats.intervals import Estimate, estimate, replicates
from jaxadv.stats.survival import step_counts, steps_quantiles

Along = Literal["dim", "width", "scale", "tolerance"]
# Each value of these settings has networks of its own; along the others networks are the same.
INDEPENDENT = ("dim", "width")


@dataclass(frozen=True)
class Line:
    """A quantile of the steps against a size.

    Attributes:
        settings: those that all points share.
        sizes: ascending: the setting's values, and 1/tol for tolerances.
        values: the quantile, inf where it is censored.
    """

    settings: dict[str, Any]
    sizes: Float[np.ndarray, " size"]
    values: Float[np.ndarray, "replicate size"]

    @property
    def estimates(self) -> list[Estimate]:
        """The quantile at each size with its interval."""
        return [estimate(column) for column in self.values.T]

    def where(self, keep: np.ndarray) -> "Line":
        """Some of the points."""
        return Line(self.settings, self.sizes[keep], self.values[:, keep])


def lines(
    dataset: xr.Dataset, along: Along, probability: float, least_sizes: int = 1
) -> Iterator[Line]:
    """One line for each family of cells that differ in a setting alone, or each cell.

    Args:
        dataset: a sweep's, of finished networks.
        along: the setting, at the tightest tolerance; or ``"tolerance"``, a line for each cell.
        probability: of the quantile.
        least_sizes: shorter lines are left out.
    """
    counts = step_counts(dataset)
    if along == "tolerance":
        if dataset.sizes["tolerance"] < least_sizes:
            return
        for cell in cells(counts):
            sizes = 1 / cell.tolerance.values.astype(float)
            points = [cell.isel(tolerance=index) for index in range(len(sizes))]
            yield _line(settings_of(cell), sizes, points, probability, seeds=[0] * len(sizes))
        return
    for _, family in families(counts.isel(tolerance=-1), along):
        points = list(cells(family))
        if len(points) < least_sizes:
            continue
        shared = settings_of(points[0])
        del shared[along]
        seeds = list(range(len(points))) if along in INDEPENDENT else [0] * len(points)
        yield _line(shared, family[along].values.astype(float), points, probability, seeds)


def _line(
    settings: dict[str, Any],
    sizes: Float[np.ndarray, " size"],
    points: list[xr.Dataset],
    probability: float,
    seeds: list[int],
) -> Line:
    columns = [
        steps_quantiles(
            by_network(point.num_steps),
            by_network(point.reached),
            probability,
            replicates(point.sizes["network"], seed=seed),
        )
        for point, seed in zip(points, seeds, strict=True)
    ]
    return Line(settings, sizes, np.stack(columns, axis=1))
