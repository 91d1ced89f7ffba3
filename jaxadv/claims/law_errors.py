"""How far the two laws of the curvature are from the simulation, cell by cell.

Source: docs/theory.md, section 6.3.
"""

import itertools
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from jaxadv.ascent.kinds import Kind
from jaxadv.claims.mean_field import LEAST_CONVERGED
from jaxadv.stats.cells import by_network, cells, kappa_0_of
from jaxadv.stats.intervals import quantiles
from jaxadv.theory import CRITICAL, curvature_ratio, earlier_curvature_ratio

LAWS = ("law", "rival")
COLUMNS = ["dim", "width", "activation", "kappa_0", "converged", *LAWS]
# The ends of the ranges of κ₀ over which errors are summed up.
RANGES = (0.0, 0.1, 0.3, 1.0, 1.5, CRITICAL, 3.0)
LEAST_VALUES = 3  # of shapes, scales and activations


def law_errors(dataset: xr.Dataset) -> pd.DataFrame:
    """A row for each cell that has a κ₀: its shape, and both laws' errors.

    Columns: dim, width, activation, kappa_0, law and rival: the median curvature ratio at confirmed
    maxima on the boundary over the law's, less 1; converged: the share of trials that did.

    Args:
        dataset: a sweep's, of finished networks.
    """
    rows, once = [], np.ones((1, dataset.sizes["network"]), int)
    for cell in cells(dataset.isel(tolerance=-1)):
        kappa_0 = kappa_0_of(cell)
        known = cell.curvature_ratio.where(cell.kind == Kind.BOUNDARY_MAX)
        measured = quantiles(by_network(known), 0.5, once).item()
        if math.isnan(measured) or not kappa_0 > 0:
            continue
        dim = cell.dim.item()
        rows.append({
            "dim": dim, "width": cell.width.item(), "activation": cell.activation.item(),
            "kappa_0": kappa_0, "converged": float(cell.reached.mean()),
            "law": measured / float(curvature_ratio(kappa_0, dim)) - 1,
            "rival": measured / float(earlier_curvature_ratio(kappa_0)) - 1,
        })  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def errors_by_range(errors: pd.DataFrame) -> pd.DataFrame:
    """The median errors over the cells of each shape in each range of κ₀, where trials converged.

    Columns: dim, width, then for each range and law, as (range, law), the median over activations
    and scales of the error.

    Args:
        errors: `law_errors`.
    """
    columns = {}
    for low, high in itertools.pairwise(RANGES):
        inside = errors.loc[
            (errors.kappa_0 > low)
            & (errors.kappa_0 <= high)
            & (errors.converged >= LEAST_CONVERGED)
        ]
        for law in LAWS:
            columns[(f"{low:g} to {high:g}", law)] = inside.groupby(["dim", "width"])[law].median()
    return pd.DataFrame(columns)


def richest_in_shapes(datasets: Mapping[str, xr.Dataset]) -> str | None:
    """The sweep of the most shapes, if there is one with several shapes, scales and activations."""
    numbers = {
        name: len(set(zip(dataset.dim.values, dataset.width.values, strict=True)))
        for name, dataset in datasets.items()
        if len(np.unique(dataset.scale.values)) >= LEAST_VALUES
        and len(np.unique(dataset.activation.values)) >= LEAST_VALUES
    }
    best = max(numbers, key=lambda name: numbers[name], default=None)
    return best if best is not None and numbers[best] >= LEAST_VALUES else None
