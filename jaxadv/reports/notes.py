"""Sentences beside the tables of several reports."""

from typing import Any

import numpy as np
import xarray as xr

from jaxadv.ascent.kinds import Kind
from jaxadv.stats.cells import own_functions

# The kinds of ends that are explained where they occur.
EXPLAINED = (Kind.NOT_SMOOTH, Kind.UNCONFIRMED, Kind.DEGENERATE, Kind.NOT_MAX)


def notes_on_kinds(kinds: Any) -> list[str]:
    """A sentence on each kind of ends that are no maxima although the trials converged.

    Args:
        kinds: the kinds of all ends.

    Example:
        >>> notes_on_kinds(np.array([1, 5, 5, 5]))[0][:42]
        '3 of 4 ends are NOT_SMOOTH: the network or'
    """
    values = np.asarray(kinds)
    counts = {kind: int((values == kind).sum()) for kind in EXPLAINED}
    return [
        f"{count} of {values.size} ends are {kind.name}: {kind.meaning}"
        for kind, count in counts.items()
        if count
    ]


def note_on_own_functions(dataset: xr.Dataset, what: str) -> str:
    """One sentence on what is left out because it would need users' functions; or nothing.

    Args:
        dataset: of a sweep or a landscape.
        what: how the report calls it.

    Example:
        >>> sweep = xr.Dataset(attrs={"sweep": 'losses = ["mine:loss"]'})
        >>> note_on_own_functions(sweep, "Sweep a")[:42]
        'Sweep a names mine:loss, not built in, and'
    """
    names = ", ".join(own_functions(dataset))
    if not names:
        return ""
    return (
        f"{what} names {names}, not built in, and a report imports nothing that a dataset names: "
        f"predictions and paths that need it are left out."
    )
