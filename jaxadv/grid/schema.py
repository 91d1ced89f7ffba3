"""What a dataset holds: coordinates of its cells, and variables for each cell and replicate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np

from jaxadv.grid.store import ArraySpec

CELL = "cell"  # the first dimension of every variable; the second is that of the replicates
TEXT: Any = np.dtypes.StringDType()
CHUNK_CELLS = 1024  # cells in a chunk of a coordinate, which is small
COMPLETE, CHECKSUM = "complete", "checksum"


@dataclass(frozen=True)
class Coordinate:
    """A coordinate on ``cell``, or on a dimension of its own.

    Attributes:
        long_name: what it is, in words.
        dtype: of its values.
        units: of its values.
        values: along its own dimension; empty on ``cell``.
    """

    long_name: str
    dtype: Any = "float64"
    units: str = "1"
    values: Sequence[Any] = ()

    @property
    def attributes(self) -> dict[str, Any]:
        """CF attributes."""
        return {"long_name": self.long_name, "units": self.units}


@dataclass(frozen=True)
class Variable:
    """One variable of an experiment's dataset, for each cell and replicate.

    Attributes:
        field: its name where it is computed.
        long_name: what it is, in words.
        units: of the values.
        dtype: of the values; "float" in the precision of the experiment.
        flags: the meanings of its values, if these are flags.
        dims: its dimensions, after those of cell and replicate.
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


@dataclass(frozen=True)
class Schema:
    """The arrays of a dataset.

    Attributes:
        title: of the dataset.
        columns: the coordinates on ``cell``, by name.
        variables: by name.
        sizes: of the variables' dimensions, but for cell and replicate.
        points: the coordinates on dimensions of their own, by the name of the dimension.
        float_dtype: of variables whose type is "float".
        replicate: the name of the dimension of replicates.
    """

    title: str
    columns: Mapping[str, Coordinate]
    variables: Mapping[str, Variable]
    sizes: Mapping[str, int]
    points: Mapping[str, Coordinate] = field(default_factory=dict)
    float_dtype: str = "float64"
    replicate: str = "network"

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of the dataset."""
        return {"title": self.title, "coordinates": " ".join([*self.columns, *self.points])}

    def coordinates(self, num_cells: int, former: Mapping[str, Any]) -> dict[str, ArraySpec]:
        """The arrays of the coordinates.

        Args:
            num_cells: how many cells there are.
            former: the values of coordinates that the store may lack, for its older cells.
        """
        arrays = {
            name: ArraySpec(
                (CELL,), (num_cells,), (CHUNK_CELLS,), column.dtype, column.attributes,
                fill_value=former.get(name),
            )
            for name, column in self.columns.items()
        }  # fmt: skip
        for name, point in self.points.items():
            shape = (len(point.values),)
            arrays[name] = ArraySpec((name,), shape, shape, point.dtype, point.attributes)
        return arrays

    def arrays(self, num_cells: int, replicates: int, per_block: int) -> dict[str, ArraySpec]:
        """The arrays of the variables, their checksums and, last, the flags of completeness.

        A cell's part of a block is one chunk of each array.
        """
        lengths = {CELL: num_cells, self.replicate: replicates, **self.sizes}
        chunks = {**lengths, CELL: 1, self.replicate: per_block}

        def array(dtype: Any, attributes: Mapping[str, Any], dims: tuple[str, ...]) -> ArraySpec:
            dims = (CELL, self.replicate, *dims)
            shape = tuple(lengths[dim] for dim in dims)
            return ArraySpec(dims, shape, tuple(chunks[dim] for dim in dims), dtype, attributes)

        arrays = {}
        for name, variable in self.variables.items():
            dtype = self.float_dtype if variable.dtype == "float" else variable.dtype
            arrays[name] = array(dtype, variable.attributes, variable.dims)
        meaning = {"long_name": "CRC-32 of the records, variable by variable", "units": "1"}
        arrays[CHECKSUM] = array("uint32", {**meaning, "of": sorted(self.variables)}, ())
        meaning = {"long_name": f"whether this cell and {self.replicate} are done", "units": "1"}
        arrays[COMPLETE] = array("bool", meaning, ())
        return arrays
