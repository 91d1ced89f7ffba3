"""A sweep's dataset in one table, a row per cell."""

import numpy as np
import pandas as pd
import xarray as xr

from jaxadv.ascent.kinds import Kind
from jaxadv.ascent.solution import Status
from jaxadv.proofs.ends import Proved
from jaxadv.reports.notes import note_on_own_functions, notes_on_kinds
from jaxadv.reports.terminal import OF_TRIALS, explained
from jaxadv.stats.cells import (
    SETTINGS,
    by_network,
    cells,
    finished_networks,
    is_maximum,
    is_proved,
    proofs_were_tried,
    settings_of,
    telling_settings,
)
from jaxadv.stats.intervals import share
from jaxadv.stats.survival import step_counts, steps_quantiles

# The table's columns for trials that did not converge.
ENDS = {
    "out_of_budget": Status.MAX_STEPS,
    "stalled": Status.STALLED,
    "cycling": Status.CYCLING,
    "nonfinite": Status.NONFINITE,
}
# Its columns that are left out where no trial counts in them.
SHARES = ("vertex", "unconfirmed", *ENDS)
# Its columns of proofs, left out where none was tried, and those of them that are intervals.
PROVED = ("proved", "unique", "networks_proved")
INTERVAL = ("networks_proved_low", "networks_proved_high")
# Its columns of medians over the certified trials.
MEDIANS = ("num_free", "curvature_ratio", "distance")
LEGEND = {
    **OF_TRIALS,
    "proved": "trials whose end is proved to be the global maximum",
    "unique": "proved trials whose end is also the only local maximum on its side of the label",
    "networks_proved": "networks all of whose trials are proved, with its 95% interval (Clopper-"
    "Pearson)",
    "unconfirmed": "trials that meet the conditions of a maximum, but none was found close by",
    "stalled": "trials whose step did not change the perturbation any more",
    "nonfinite": "trials whose loss became infinite or NaN",
    "steps_50%": "half of the trials needed at most so many steps",
    "steps_90%": "90% of the trials needed at most so many steps",
    "num_free": "median number of coordinates at no bound of the box",
    "curvature_ratio": "median of the largest tangent curvature over the multiplier; above 1 it "
    "would be no maximum",
    "distance": "median distance to the maximum, in radii",
}


def summarize(dataset: xr.Dataset) -> pd.DataFrame:
    """What became of the trials of each cell, a row each; `LEGEND` says what the columns are.

    Steps beyond the budget are inf, and what does not exist is NaN.

    Raises:
        ValueError: as `cells.finished_networks`.
    """
    rows = []
    counts = step_counts(finished_networks(dataset).isel(tolerance=-1))
    for cell in cells(counts):
        steps, reached = by_network(cell.num_steps), by_network(cell.reached)
        certified, once = is_maximum(cell), np.ones((1, len(steps)), int)
        row = settings_of(cell) | {"trials": steps.size, "certified": float(certified.mean())}
        row |= _proved(cell)
        row["vertex"] = float((cell.kind == Kind.VERTEX_MAX).mean())
        row["unconfirmed"] = float((cell.kind == Kind.UNCONFIRMED).mean())
        row |= {name: float((cell.status == status).mean()) for name, status in ENDS.items()}
        row |= {
            f"steps_{100 * p:.0f}%": steps_quantiles(steps, reached, p, once).item()
            for p in (0.5, 0.9)
        }
        for name in MEDIANS:
            # A store of version 0.1 has no free coordinates.
            values = cell[name].where(certified).values if name in cell else np.array([])
            known = values[~np.isnan(values)]
            row[name] = float(np.median(known)) if known.size else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _proved(cell: xr.Dataset) -> dict[str, float]:
    """What is proved of the trials of a cell; NaN if no proof was tried."""
    if not proofs_were_tried(cell):
        return dict.fromkeys((*PROVED, *INTERVAL), np.nan)
    proved, unique = is_proved(cell), is_proved(cell, Proved.UNIQUE)
    networks = share(np.asarray(by_network(proved).all(axis=1)))
    values = float(proved.mean()), float(unique.mean()), networks.value, networks.low, networks.high
    return dict(zip((*PROVED, *INTERVAL), values, strict=True))


def notes(dataset: xr.Dataset) -> list[str]:
    """What the table does not say, in a sentence each.

    They are on ends that are no maxima though trials converged, and on predictions that are left
    out of figures.

    Example:
        >>> sweep = xr.Dataset({"kind": ("start", [1, 5, 5, 5])}, attrs={"sweep": ""})
        >>> notes(sweep)[0][:42]
        '3 of 4 ends are NOT_SMOOTH: the network or'
    """
    of_functions = note_on_own_functions(dataset, "The sweep")
    return [*notes_on_kinds(dataset.kind), *([of_functions] if of_functions else [])]


def as_text(table: pd.DataFrame, max_steps: int) -> str:
    """The table for a terminal, with a line on each column that needs one.

    Quantiles beyond the budget are "> n", and what does not exist is "-". Columns that tell nothing
    are left out: settings that do not vary or follow from the method, ways to end in which no trial
    ended, and medians that do not exist.

    Example:
        >>> print(as_text(pd.DataFrame({"scale": [1.0, 10.0], "steps_50%": [7, np.inf]}), 100))
        scale steps_50%
            1         7
           10     > 100
        steps_50%: half of the trials needed at most so many steps
    """
    settings = {name: table[name].tolist() for name in SETTINGS if name in table}
    kept = {"scale", *telling_settings(settings)}
    silent = [name for name in settings if name not in kept]
    silent += [name for name in SHARES if name in table and not np.any(table[name])]
    silent += [name for name in MEDIANS if name in table and np.isnan(table[name]).all()]
    silent += [name for name in PROVED if name in table and np.isnan(table[name]).all()]
    shown = table.drop(columns=silent)
    if set(INTERVAL) <= set(shown):
        low, high = (shown.pop(name) for name in INTERVAL)
        if "networks_proved" in shown:
            estimates = zip(shown.networks_proved, low, high, strict=True)
            shown["networks_proved"] = [_percentages(*ends) for ends in estimates]

    def show(name: str, value: object) -> str:
        if not isinstance(value, float):
            return str(value)
        if np.isnan(value):
            return "-"
        if name.startswith("steps_"):
            return f"> {max_steps}" if np.isinf(value) else f"{value:.0f}"
        is_share = name in ("certified", *PROVED, *SHARES)
        return f"{value:.1%}" if is_share else f"{value:.3g}"

    return explained(shown, show, LEGEND)


def _percentages(value: float, low: float, high: float) -> str:
    """A share with its interval; "-" for NaN.

    Example:
        >>> _percentages(0.5, 0.25, 1.0)
        '50% [25%, 100%]'
    """
    return "-" if np.isnan(value) else f"{value:.0%} [{low:.0%}, {high:.0%}]"
