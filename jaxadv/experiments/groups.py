"""Groups: the cells of a grid that share one compiled program."""

import math
import re
from dataclasses import dataclass
from typing import Any, Protocol

from jaxadv.experiments.fields import count
from jaxadv.problems.names import Function

# A number of hidden neurons, or a power of the dimension, as "d" or "d^1.5".
Width = int | str
MOST_NEURONS = 2**31 - 1
POWER = re.compile(r"d(?:\^(\d+(?:\.\d+)?))?")


def check_width(field: str, value: Any) -> Width:
    """A number of neurons, or a power of the dimension.

    Example:
        >>> check_width("widths", "1e3"), check_width("widths", "d^1.5")
        (1000, 'd^1.5')
    """
    if isinstance(value, str):
        if POWER.fullmatch(value):
            return value
        try:
            number = float(value)
        except ValueError:
            number = 0.5
        value = int(number) if number.is_integer() else value
    if isinstance(value, str):
        raise ValueError(
            f"{field}: {value!r} must be a whole number, or a power of the dimension such as d^1.5"
        )
    return count(field, value)


def width_at(width: Width, dim: int) -> int:
    """The number of neurons in a dimension.

    Raises:
        ValueError: for a power that is too large.

    Example:
        >>> width_at(512, 16), width_at("d^1.5", 16)
        (512, 64)
    """
    if isinstance(width, int):
        return width
    power = POWER.fullmatch(width)
    assert power, width
    exponent = float(power[1] or 1)
    if exponent * math.log(dim) > math.log(MOST_NEURONS):
        raise ValueError(f"widths: {width!r} is too large in dimension {dim}")
    return round(dim**exponent)


@dataclass(frozen=True)
class Group:
    """The cells that share one compiled program.

    Attributes:
        dim: of the inputs.
        width: of the networks.
        activation: a name, a reference, or a function.
        loss: a name, a reference, or a function.
        constraint: the set of perturbations: a name, a reference, or a function.
        method: of ascent: a name, a reference, or a function.
    """

    dim: int
    width: int
    activation: Function
    loss: Function
    constraint: Function
    method: Function


class Grouped(Protocol):
    """A cell of any experiment."""

    @property
    def group(self) -> Group:
        """The group that the cell belongs to."""
        ...
