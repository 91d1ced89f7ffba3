"""What ascents find in boxes: kinds of ends, losses of methods, the law of free coordinates."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Bool, Float

from jaxadv.ascent.kinds import Kind
from jaxadv.ascent.solution import Status
from jaxadv.stats.cells import by_network, cells, finished_networks, is_maximum, kappa_0_of_setting
from jaxadv.stats.intervals import Estimate, estimate, mean, means

# The heuristic's factor in |F| = factor·κ₀ √d (docs/theory.md, section 6.7).
HEURISTIC = 3**0.5 / (2 * np.pi)
# The law is fitted to cells with these, and held against the larger dimensions.
LARGEST_FITTED_DIM = 64
LEAST_FREE = 0.5
LARGEST_KAPPA_0 = 2.0


def tabulate_methods(dataset: xr.Dataset) -> pd.DataFrame:
    """A row for each set, scale and method.

    Columns: the shares of ends that are certified, vertices, and cycles; the means of the free
    coordinates and of κ₀; the median of the steps at which trials ended; ``relative``, the median
    over inputs of the largest loss from all starts over the largest one of all methods; and
    ``low``, its 10% quantile.

    Args:
        dataset: of a sweep over methods.
    """
    dataset = finished_networks(dataset)
    best = _best_losses(dataset)
    rows = []
    for index, cell in enumerate(cells(dataset)):
        certified = is_maximum(cell)
        free = cell.num_free.where(certified)
        losses = cell.loss_end.max("start").values / best[index]
        rows.append({
            "constraint": cell.constraint.item(),
            "scale": cell.scale.item(),
            "method": cell.method.item(),
            "kappa_0": kappa_0_of_setting(cell),
            "certified": float(certified.mean()),
            "vertex": float((cell.kind == Kind.VERTEX_MAX).mean()),
            "face": float((cell.kind == Kind.FACE_MAX).mean()),
            "cycling": float((cell.status == Status.CYCLING).mean()),
            "free": float(free.mean()),
            "steps": float(np.median(cell.num_steps.isel(tolerance=-1))),
            "relative": float(np.median(losses)),
            "low": float(np.quantile(losses, 0.1)),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _best_losses(dataset: xr.Dataset) -> Float[np.ndarray, "cell network example"]:
    """The largest loss of all methods and starts, in each cell's set and scale, at each input."""
    largest = dataset.loss_end.max("start").values
    settings = list(zip(dataset.constraint.values, dataset.scale.values, strict=True))
    return np.stack([
        largest[[other == setting for other in settings]].max(axis=0) for setting in settings
    ])  # fmt: skip


def free_coordinates(dataset: xr.Dataset) -> pd.DataFrame:
    """The mean number of free coordinates at certified maxima, a row for each cell.

    Args:
        dataset: of a sweep in boxes.
    """
    rows = []
    for cell in cells(finished_networks(dataset)):
        found = mean(_free(cell))
        rows.append({
            "dim": cell.dim.item(),
            "scale": cell.scale.item(),
            "kappa_0": kappa_0_of_setting(cell),
            "free": found.value,
            "low": found.low,
            "high": found.high,
            "certified": float(is_maximum(cell).mean()),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _free(cell: xr.Dataset) -> Float[np.ndarray, "network trial"]:
    return by_network(cell.num_free.where(is_maximum(cell)))


@dataclass(frozen=True)
class FreeLaw:
    """|F| = factor·κ₀^in_kappa·d^in_dim, fitted by least squares in logarithms.

    Attributes:
        factor: with its interval over networks.
        in_kappa: the power of κ₀, likewise.
        in_dim: the power of d, likewise.
    """

    factor: Estimate
    in_kappa: Estimate
    in_dim: Estimate

    def __call__(self, kappa_0: float, dim: int) -> float:
        """The number of free coordinates."""
        return self.factor.value * kappa_0**self.in_kappa.value * dim**self.in_dim.value


def fit_free_law(dataset: xr.Dataset) -> FreeLaw:
    """The law of free coordinates, from the smaller dimensions of a sweep.

    Cells count whose mean is at least `LEAST_FREE` and whose κ₀ is at most `LARGEST_KAPPA_0`.

    Args:
        dataset: of a sweep in boxes.
    """
    dataset = finished_networks(dataset)
    every = list(cells(dataset))
    dims = np.array([cell.dim.item() for cell in every])
    kappas = np.array([kappa_0_of_setting(cell) for cell in every])
    numbers = np.stack([means(_free(cell)) for cell in every], axis=1)
    counts = (numbers[0] >= LEAST_FREE) & (kappas <= LARGEST_KAPPA_0)
    coefficients = _fit(kappas, dims, numbers, counts & (dims <= LARGEST_FITTED_DIM))
    factor, in_kappa, in_dim = (estimate(column) for column in coefficients.T)
    factor = Estimate(*(float(np.exp(v)) for v in (factor.value, factor.low, factor.high)))
    return FreeLaw(factor, in_kappa, in_dim)


def free_law_errors(law: FreeLaw, table: pd.DataFrame) -> dict[int, float]:
    """By dimension, the median of |law/measured − 1| over the cells that count in `fit_free_law`.

    Args:
        law: the law.
        table: `free_coordinates`.
    """
    errors: dict[int, list[float]] = {}
    for dim, kappa, free in zip(table.dim, table.kappa_0, table.free, strict=True):
        of_dim = errors.setdefault(int(dim), [])
        if free >= LEAST_FREE and kappa <= LARGEST_KAPPA_0:
            of_dim.append(abs(law(kappa, int(dim)) / free - 1))
    return {dim: float(np.median(of_dim)) for dim, of_dim in errors.items() if of_dim}


def _fit(
    kappas: Float[np.ndarray, " cell"],
    dims: np.ndarray,
    numbers: Float[np.ndarray, "replicate cell"],
    keep: Bool[np.ndarray, " cell"],
) -> Float[np.ndarray, "replicate 3"]:
    """The logarithm of the factor, and the two powers, in each replicate."""
    design = np.stack([np.ones(keep.sum()), np.log(kappas[keep]), np.log(dims[keep])], axis=1)
    logs = np.log(np.maximum(numbers[:, keep], 1e-3))
    return np.linalg.lstsq(design, logs.T, rcond=None)[0].T
