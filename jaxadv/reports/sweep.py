"""A sweep's dataset in one table, a row per cell."""

import numpy as np
import pandas as pd
import xarray as xr

from jaxadv.ascent.kinds import Kind
from jaxadv.ascent.solution import Status
from jaxadv.reports.notes import note_on_own_functions
from jaxadv.stats.cells import (
    SETTINGS,
    by_network,
    cells,
    finished_networks,
    is_maximum,
    settings_of,
)
from jaxadv.stats.survival import step_counts, steps_quantiles

# The table's columns for trials that did not converge.
ENDS = {
    "out_of_budget": Status.MAX_STEPS,
    "stalled": Status.STALLED,
    "cycling": Status.CYCLING,
    "nonfinite": Status.NONFINITE,
}
# The kinds that are explained below the table.
EXPLAINED = (Kind.NOT_SMOOTH, Kind.UNCONFIRMED, Kind.DEGENERATE, Kind.NOT_MAX)


def summarize(dataset: xr.Dataset) -> pd.DataFrame:
    """What became of the trials of each cell.

    Columns: the settings; the number of trials; the share whose end is certified, that is confirmed
    to be a strict local maximum; the share that meets the conditions of one, but of which Newton's
    method confirmed none; the shares that ran out of budget, stalled, went round in a cycle, or
    became non-finite; the
    median and the 90% quantile of the steps to the tightest tolerance (inf: beyond the budget);
    the median of the curvature ratio and of the distance to the maximum over the certified trials.

    Raises:
        ValueError: as `cells.finished_networks`.
    """
    rows = []
    counts = step_counts(finished_networks(dataset).isel(tolerance=-1))
    for cell in cells(counts):
        steps, reached = by_network(cell.num_steps), by_network(cell.reached)
        certified, once = is_maximum(cell), np.ones((1, len(steps)), int)
        row = settings_of(cell) | {"trials": steps.size, "certified": float(certified.mean())}
        row["unconfirmed"] = float((cell.kind == Kind.UNCONFIRMED).mean())
        row |= {name: float((cell.status == status).mean()) for name, status in ENDS.items()}
        row |= {
            f"steps_{100 * p:.0f}%": steps_quantiles(steps, reached, p, once).item()
            for p in (0.5, 0.9)
        }
        for name in ("curvature_ratio", "distance"):
            values = cell[name].where(certified).values
            known = values[~np.isnan(values)]
            row[name] = float(np.median(known)) if known.size else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def notes(dataset: xr.Dataset) -> list[str]:
    """What the table does not say, in a sentence each.

    They are on ends that are no maxima though trials converged, and on predictions that are left
    out of figures.

    Example:
        >>> sweep = xr.Dataset({"kind": ("start", [1, 5, 5, 5])}, attrs={"sweep": ""})
        >>> notes(sweep)[0][:42]
        '3 of 4 ends are NOT_SMOOTH: the network or'
    """
    counts = {kind: int((dataset.kind == kind).sum()) for kind in EXPLAINED}
    of_ends = [
        f"{count} of {dataset.kind.size} ends are {kind.name}: {kind.meaning}"
        for kind, count in counts.items()
        if count
    ]
    of_functions = note_on_own_functions(dataset, "The sweep")
    return [*of_ends, of_functions] if of_functions else of_ends


def as_text(table: pd.DataFrame, max_steps: int) -> str:
    """The table for a terminal: censored quantiles as "> n", and no columns that tell nothing.

    These are settings that do not vary, and ways to end in which no trial ended.

    Example:
        >>> print(as_text(pd.DataFrame({"scale": [1.0, 10.0], "steps_50%": [7, np.inf]}), 100))
        scale steps_50%
            1         7
           10     > 100
    """
    shared = [name for name in SETTINGS if name in table and name != "scale"]
    constant = [name for name in shared if len(set(table[name])) == 1]
    unseen = [name for name in ("unconfirmed", *ENDS) if name in table and not np.any(table[name])]
    shown = table.drop(columns=[*constant, *unseen])

    def show(name: str, value: object) -> str:
        if not isinstance(value, float):
            return str(value)
        if name.startswith("steps_"):
            return f"> {max_steps}" if np.isinf(value) else f"{value:.0f}"
        return f"{value:.1%}" if name in ("certified", "unconfirmed", *ENDS) else f"{value:.3g}"

    text = shown.apply(lambda column: [show(str(column.name), value) for value in column])
    return text.to_string(index=False)
