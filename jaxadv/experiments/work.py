"""What the grids of all experiments have in common: an identity and cells from a specification."""

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from jaxadv.experiments.draws import random_mark
from jaxadv.experiments.former_names import SINGULAR
from jaxadv.experiments.specification import Specification
from jaxadv.grid.identity import Identity
from jaxadv.grid.schema import TEXT, Coordinate

# The coordinates on ``cell`` that all cells of a group share.
OF_GROUPS: Mapping[str, Coordinate] = {
    "dim": Coordinate("input dimension", "int64"),
    "width": Coordinate("hidden width", "int64"),
    "activation": Coordinate("activation", TEXT),
    "loss": Coordinate("loss", TEXT),
    "constraint": Coordinate("set of perturbations", TEXT),
    "method": Coordinate("method of ascent", TEXT),
}

S = TypeVar("S", bound=Specification)


@dataclasses.dataclass(frozen=True)
class SpecifiedWork(Generic[S]):
    """The part of a `jaxadv.grid.work.Work` that follows from a specification.

    Attributes:
        columns: the coordinates on ``cell``, by name: fields of cells, and of their groups.
        labels: the columns whose values are functions, with the field that each is an axis of.
        of_cells: the fields that cells are made of, under present and former names.
        of_runs: the fields that change no value which a store has already.
        before: the values of fields before there were these fields, where the defaults differ.
        spec: the specification.
    """

    columns: ClassVar[Mapping[str, Coordinate]]
    labels: ClassVar[Mapping[str, str]] = {
        "activation": "activations",
        "loss": "losses",
        "constraint": "constraints",
        "method": "methods",
    }
    of_cells: ClassVar[frozenset[str]] = frozenset(
        {"scales", "ratios", *SINGULAR, *SINGULAR.values(), "methods"}
    )
    of_runs: ClassVar[frozenset[str]] = frozenset({"networks", "data_dir", "save"})
    before: ClassVar[Mapping[str, Any]] = {}
    spec: S

    @property
    def text(self) -> str:
        """The specification as a TOML document."""
        return self.spec.text

    @property
    def more_identity(self) -> Mapping[str, Any]:
        """Entries of the identity beside the fields of the specification."""
        return {}

    @property
    def identity(self) -> Identity:
        """All fields but those of the cells and of runs."""
        outside = self.of_cells | self.of_runs
        fields = {n: value for n, value in self.spec.labelled().items() if n not in outside}
        defaults = {
            field.name: field.default
            for field in dataclasses.fields(self.spec)  # pyright: ignore[reportArgumentType]
            if field.name in fields
        }
        real = self.spec.real_examples
        data = self.spec.data if real is None else real.digest
        drawn = {"data": data, "random numbers": random_mark()}
        if (stored := self.spec.stored_network) is not None:
            fields["network"] = stored.digest
        entries = {**fields, **self.more_identity, **drawn}
        return Identity(self.spec.experiment, entries, {**defaults, **self.before}, self.of_cells)

    @property
    def replicates(self) -> int:
        """Networks in each cell."""
        return self.spec.networks

    @property
    def options(self) -> Mapping[str, Any]:
        """None beside the devices."""
        return {}

    def values_of(self, cell: Any) -> tuple[Any, ...]:
        """The values of a cell's coordinates, in the order of the columns."""
        values = []
        for name in self.columns:
            value = getattr(cell if hasattr(cell, name) else cell.group, name)
            field = self.labels.get(name)
            values.append(value if field is None else self.spec.label(field, value))
        return tuple(values)

    def rate(self, counts: Counter[str], seconds: float) -> str:
        """No rate beside that of the progress bar."""
        del counts, seconds
        return ""

    def check(self, *, stored: bool) -> None:
        """Refuse functions without a name where the work is stored."""
        if stored:
            self.spec.check_names()
