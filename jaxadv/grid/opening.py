"""Opening the store of any experiment, which is data: nothing that it names is run."""

from pathlib import Path

import xarray as xr

from jaxadv.grid import places
from jaxadv.grid.identity import experiment_of, former_coordinates
from jaxadv.grid.manifest import as_attributes, manifest_of
from jaxadv.grid.schema import CELL
from jaxadv.grid.store import Store
from jaxadv.grid.stored import whole_dataset


def open(store: str | Path, experiment: str | None = None) -> xr.Dataset:  # noqa: A001
    """All cells and replicates that a store holds; values are read when they are used.

    Cells stand in the order in which they were added; ``complete`` says what was run. Nothing that
    the store names is imported or run.

    Args:
        store: a folder or an fsspec address.
        experiment: what the store must hold; None for any experiment.

    Raises:
        ValueError: if there is no such store, or it cannot be read.

    Example:
        >>> open("results/nothing")
        Traceback (most recent call last):
        ValueError: store: there is none in 'results/nothing'
    """
    opened = Store.open(places.place(store))
    stored = experiment_of(opened.attributes)
    if experiment not in (None, stored):
        raise ValueError(f"store: {str(store)!r} holds a {stored}, not a {experiment}")
    dataset = whole_dataset(opened)
    for name, value in former_coordinates(opened.attributes).items():
        if name not in dataset.coords:
            dataset.coords[name] = (CELL, [value] * dataset.sizes[CELL])
    dataset.attrs = as_attributes(manifest_of(opened))
    return dataset
