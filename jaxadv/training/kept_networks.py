"""The trained networks that a store keeps: a safetensors file for each network of a cell."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax

from jaxadv.grid.places import Place
from jaxadv.grid.states import States
from jaxadv.problems.network_files import SUFFIX, network_bytes
from jaxadv.training.spec import Cell, Training

FOLDER = "networks"  # in a store


def settings_of(spec: Training, cell: Cell) -> dict[str, Any]:
    """What tells a cell from all others, in words and numbers."""
    return {
        **spec.labels_of(cell.group),
        "optimizer": spec.label("optimizers", cell.optimizer),
        "unit": cell.unit,
        "rate": cell.rate,
        "ratio": cell.ratio,
        "scale": cell.scale,
    }


def file_of(spec: Training, cell: Cell, network: int) -> str:
    """The name of a network's file in the store.

    Example:
        >>> spec = Training(scales=1, ratios=0, optimizers="adam", rates=0.1, widths=8)
        >>> file_of(spec, spec.cells[0], 3)[:46]
        'networks/dim=32-width=8-activation=tanh-loss=q'
    """
    settings = {**settings_of(spec, cell), "network": network}
    name = "-".join(f"{name}={value}" for name, value in settings.items())
    # A reference to a function of the user's has a colon, which not every file system takes.
    return f"{FOLDER}/{name.replace(':', '.')}{SUFFIX}"


def keep(spec: Training, cells: Sequence[Cell], number: int, networks: Any, states: States) -> None:
    """Write the files of one network, trained in some cells.

    Args:
        spec: the specification.
        cells: of one group.
        number: of the network.
        networks: what was trained, with the axis (cell,).
        states: of the store.
    """
    for index, cell in enumerate(cells):
        about = {**settings_of(spec, cell), "network": number, "training": spec.text}
        network = jax.tree.map(lambda leaf, index=index: leaf[index], networks)
        states.keep_file(file_of(spec, cell, number), network_bytes(network, about))


def missing(spec: Training, folder: Place) -> Iterator[str]:
    """The names of the files that a store does not have.

    Args:
        spec: the specification.
        folder: of the store.
    """
    for cell in spec.cells:
        for network in range(spec.networks):
            name = file_of(spec, cell, network)
            if not (folder / name).exists():
                yield name
