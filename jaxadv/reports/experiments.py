"""The experiments of a folder, opened for a report on claims."""

from pathlib import Path

import xarray as xr

from jaxadv.grid import opening
from jaxadv.grid.places import DATA
from jaxadv.stats.cells import finished_networks


def open_experiments(folder: Path) -> tuple[dict[str, xr.Dataset], list[str]]:
    """The sweeps, trainings and surveys of landscapes of a folder, and what is left out.

    Args:
        folder: the store of one experiment, or a folder with the stores of several.

    Returns:
        The finished networks of each experiment, in memory, by the name of its folder; and a line
        for each store that is left out, which says why.

    Raises:
        ValueError: if there is no experiment, or none with finished networks.
    """
    places = [folder, *sorted(path for path in folder.glob("*") if path.is_dir())]
    datasets, left_out = {}, []
    for path in (path for path in places if (path / DATA).exists()):
        name = path.resolve().name
        dataset = opening.open(path)
        if "landscape" in dataset.attrs and "maximum" not in dataset:
            left_out.append(f"{name}, critical points, on which there are no claims")
        elif "attack" in dataset.attrs:
            left_out.append(f"{name}, an attack, on which there are no claims")
        else:
            datasets[name] = dataset
    if not datasets:
        others = f" ({'; '.join(left_out)})" if left_out else ""
        raise ValueError(
            f"folder: no experiment in {str(folder)!r}{others}; --run scripts/configs runs some"
        )
    begun = [name for name, dataset in datasets.items() if dataset.complete.all("cell").any()]
    left_out += [
        f"{name}, of which no network was run in every cell yet"
        for name in datasets
        if name not in begun
    ]
    if not begun:
        raise ValueError(f"folder: no finished networks in {str(folder)!r}; run the sweeps again")
    return {name: finished_networks(datasets[name]).load() for name in begun}, left_out
