"""What the commands of the three experiments print and write."""

import xarray as xr

from jaxadv.cli.sharing import reports
from jaxadv.grid.places import Place


def is_to_be_reported(dataset: xr.Dataset) -> bool:
    """Whether this process reports on a dataset now; says what is left to other shards."""
    left = int((~dataset.complete).sum())
    if left and reports():
        print(f"{left} of {dataset.complete.size} networks (cell by cell) are left to other shards")
    return reports() and not left


def write(path: Place, text: str) -> None:
    """Write a text, and say where."""
    path.write_text(text, encoding="utf-8")
    print(path, flush=True)
