"""What all values of a store depend on, and the check that a store was made with the same."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Stores of version 0.1 do not name their experiment, but an entry of their identity tells it. A
# store with none of these entries is a sweep's.
EXPERIMENT_OF_ENTRY = {"survey": "landscape", "training": "training"}

# The coordinates of cells that older stores lack, with the values that their cells have.
FORMER_COORDINATES: Mapping[str, Any] = {"constraint": "l2-ball", "method": "gradient"}
HAVE_THEM = ("sweep", "landscape", "training")


@dataclass(frozen=True)
class Identity:
    """What all values of a store depend on, beside the cell and the replicate.

    A later version can add entries. A store that lacks an entry has its default.

    Attributes:
        experiment: what kind of experiment the store is for.
        entries: by name, as JSON has them.
        defaults: the values of entries that a store lacks.
        of_cells: entries that older stores have, and that are coordinates of cells now.

    Example:
        >>> identity = Identity("sweep", {"seed": 0, "noise": 0.1}, defaults={"noise": 0.0})
        >>> identity.differences({"seed": 0})
        ['noise 0.0, not 0.1']
    """

    experiment: str
    entries: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    of_cells: frozenset[str] = frozenset()

    def differences(self, stored: Mapping[str, Any]) -> list[str]:
        """How a store's identity differs from this one, in words."""
        # In JSON a tuple is a list.
        entries, defaults, stored = (
            json.loads(json.dumps(dict(named))) for named in (self.entries, self.defaults, stored)
        )
        stored = {name: value for name, value in stored.items() if name not in self.of_cells}
        return [
            f"{name} {stored.get(name, defaults.get(name))}, not {entries.get(name)}"
            for name in {**stored, **entries}
            if stored.get(name, defaults.get(name)) != entries.get(name)
        ]

    def check(self, store: str, attributes: Mapping[str, Any]) -> None:
        """Refuse a store of another experiment or with another identity.

        Args:
            store: its name, for the message.
            attributes: the store's.

        Raises:
            ValueError: names what differs.
        """
        experiment = experiment_of(attributes)
        if experiment != self.experiment:
            raise ValueError(
                f"store: {store!r} holds a {experiment}, not a {self.experiment}; give another "
                "folder"
            )
        differences = self.differences(attributes["identity"])
        if differences:
            reason = ", ".join(differences)
            raise ValueError(f"store: {store!r} was made with {reason}; give another folder")


def experiment_of(attributes: Mapping[str, Any]) -> str:
    """What kind of experiment a store is for, from its attributes.

    Example:
        >>> experiment_of({"experiment": "sweep"}), experiment_of({"identity": {"survey": "All"}})
        ('sweep', 'landscape')
    """
    if "experiment" in attributes:
        return attributes["experiment"]
    names = (EXPERIMENT_OF_ENTRY[n] for n in attributes["identity"] if n in EXPERIMENT_OF_ENTRY)
    return next(names, "sweep")


def former_coordinates(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The coordinates that the cells of a store may lack, with the value that all of them have.

    Where an entry of the store's identity has the name of a coordinate, the value is that entry.

    Args:
        attributes: the store's.

    Example:
        >>> former_coordinates({"experiment": "training", "identity": {"constraint": "l1-ball"}})
        {'constraint': 'l1-ball', 'method': 'gradient'}
    """
    if experiment_of(attributes) not in HAVE_THEM:
        return {}
    identity = attributes["identity"]
    return {name: identity.get(name, value) for name, value in FORMER_COORDINATES.items()}
