"""What a variable of a dataset is: where it is found, and what it says of itself."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


@dataclass(frozen=True)
class Variable:
    """One variable of an experiment's dataset, for each cell and network.

    Attributes:
        field: its name where it is computed.
        long_name: what it is, in words.
        units: of the values.
        dtype: of the values; "float" in the precision of the experiment.
        flags: the meanings of its values, if these are flags.
        dims: its dimensions, after (cell, network).
    """

    field: str
    long_name: str
    units: str = "1"
    dtype: str = "float"
    flags: type[IntEnum] | None = None
    dims: tuple[str, ...] = ("example", "start")

    @property
    def attributes(self) -> dict[str, Any]:
        """CF attributes."""
        attributes: dict[str, Any] = {"long_name": self.long_name, "units": self.units}
        if self.flags is not None:
            attributes["flag_values"] = [flag.value for flag in self.flags]
            attributes["flag_meanings"] = " ".join(flag.name.lower() for flag in self.flags)
        return attributes
