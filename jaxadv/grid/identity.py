"""What all values of a store depend on, and whether a store that is there has the same."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OF_VERSION_0_1 = {"survey": "landscape", "training": "training"}
"""The experiments of stores that do not say it, by an entry of their identity; else a sweep."""


@dataclass(frozen=True)
class Identity:
    """What all values of a store depend on, beside the cell and the replicate.

    A later version can add entries: a store that lacks one means its default.

    Attributes:
        experiment: what kind of experiment the store is for.
        entries: by name, as JSON has them.
        defaults: what a store means by an entry that it lacks.
        of_cells: entries of older stores that are coordinates of the cells by now.

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
        """In what a store's identity differs from this one, in words."""
        # As JSON has them: a tuple is a list.
        entries, usual, known = (
            json.loads(json.dumps(dict(named))) for named in (self.entries, self.defaults, stored)
        )
        known = {name: value for name, value in known.items() if name not in self.of_cells}
        return [
            f"{name} {known.get(name, usual.get(name))}, not {entries.get(name)}"
            for name in {**known, **entries}
            if known.get(name, usual.get(name)) != entries.get(name)
        ]

    def check(self, store: str, attributes: Mapping[str, Any]) -> None:
        """Refuse a store that is for something else.

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
    names = (OF_VERSION_0_1[name] for name in attributes["identity"] if name in OF_VERSION_0_1)
    return next(names, "sweep")
