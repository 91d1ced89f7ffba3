"""A sweep's dataset in one table, a row per cell."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from jaxadv.analysis.survival import quantile, step_counts
from jaxadv.ascent.certificate import MAXIMA
from jaxadv.ascent.pga import Status

SHARED = ("dim", "width", "activation", "loss", "step_rule", "step_size", "ratio")
SETTINGS = (*SHARED, "scale")
"""The coordinates of a cell; the scale, which the claims are about, comes last."""
ENDS = {
    "out_of_budget": Status.MAX_STEPS,
    "stalled": Status.STALLED,
    "nonfinite": Status.NONFINITE,
}
"""The table's columns for trials that did not converge."""


def finished_networks(dataset: xr.Dataset) -> xr.Dataset:
    """The networks that were run in every cell: all of them, unless a run was interrupted.

    Raises:
        ValueError: if there are none.
    """
    finished = dataset.complete.all("cell").values
    if not finished.any():
        raise ValueError("dataset: no network was run in every cell yet; run the sweep again")
    return dataset.isel(network=finished)


def families(dataset: xr.Dataset) -> Iterator[tuple[dict[str, object], xr.Dataset]]:
    """The cells that differ in scale alone, in its order, and what tells them from the others."""
    cells = [
        {name: dataset[name].isel(cell=index).item() for name in SETTINGS}
        for index in range(dataset.sizes["cell"])
    ]
    varying = [name for name in SHARED if len({cell[name] for cell in cells}) > 1]
    members: dict[tuple[object, ...], list[int]] = {}
    for index in sorted(range(len(cells)), key=lambda index: cells[index]["scale"]):
        members.setdefault(tuple(cells[index][name] for name in SHARED), []).append(index)
    for indices in members.values():
        yield {name: cells[indices[0]][name] for name in varying}, dataset.isel(cell=indices)


def summarize(dataset: xr.Dataset) -> pd.DataFrame:
    """What became of the trials of each cell.

    Columns: the settings; the number of trials; the shares that were certified a strict local
    maximum, that ran out of budget, that stalled and that became non-finite; the median, 90% and
    99% quantile of the steps to the tightest tolerance (inf: beyond the budget); the median of the
    curvature ratio and of the distance to the polished maximum over the certified trials.

    Raises:
        ValueError: as `finished_networks`.
    """
    rows = []
    dataset = finished_networks(dataset)
    counts = step_counts(dataset.isel(tolerance=-1))
    for index in range(dataset.sizes["cell"]):
        cell = counts.isel(cell=index)
        steps, reached = cell.num_steps.values.ravel(), cell.reached.values.ravel()
        certified = is_maximum(cell)
        row = {name: cell[name].item() for name in SETTINGS}
        row |= {"trials": steps.size, "certified": float(certified.mean())}
        row |= {name: float((cell.status == status).mean()) for name, status in ENDS.items()}
        row |= {f"steps_{int(100 * p)}%": quantile(steps, reached, p) for p in (0.5, 0.9, 0.99)}
        for name in ("curvature_ratio", "distance"):
            values = cell[name].where(certified).values
            known = values[~np.isnan(values)]
            row[name] = float(np.median(known)) if known.size else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def is_maximum(dataset: xr.Dataset) -> xr.DataArray:
    """Which trials ended in a certified strict local maximum."""
    return dataset.kind.isin(MAXIMA)


def as_text(table: pd.DataFrame, max_steps: int) -> str:
    """The table for a terminal: settings that do not vary left out, censored quantiles as "> n".

    Example:
        >>> print(as_text(pd.DataFrame({"scale": [1.0, 10.0], "steps_50%": [7, np.inf]}), 100))
        scale steps_50%
            1         7
           10     > 100
    """
    constant = [name for name in SHARED if name in table and len(set(table[name])) == 1]
    shown = table.drop(columns=constant)

    def show(name: str, value: object) -> str:
        if not isinstance(value, float):
            return str(value)
        if name.startswith("steps_"):
            return f"> {max_steps}" if np.isinf(value) else f"{value:.0f}"
        return f"{value:.1%}" if name in ("certified", *ENDS) else f"{value:.3g}"

    text = shown.apply(lambda column: [show(str(column.name), value) for value in column])
    return text.to_string(index=False)
