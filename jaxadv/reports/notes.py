"""Sentences beside the tables of several reports."""

import xarray as xr

from jaxadv.stats.cells import own_functions


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
