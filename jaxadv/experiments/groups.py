"""Groups: the cells of a grid that share one compiled program."""

from dataclasses import dataclass
from typing import Protocol

from jaxadv.problems.names import Function


@dataclass(frozen=True)
class Group:
    """The cells that share one compiled program.

    Attributes:
        dim: of the inputs.
        width: of the networks.
        activation: a name, a reference, or a function.
        loss: a name, a reference, or a function.
    """

    dim: int
    width: int
    activation: Function
    loss: Function


class Grouped(Protocol):
    """A cell of any experiment."""

    @property
    def group(self) -> Group:
        """The group that the cell belongs to."""
        ...
