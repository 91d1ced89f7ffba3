"""Checks of a specification's fields; each error names the field, its value and what is allowed."""

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxadv.problems.names import Function, label_of, named, suggest

# The range of scales, ratios, step sizes and tolerances; single precision has room for it.
SMALLEST, LARGEST = 1e-20, 1e20


def grid(
    field: str, values: Any, check: Callable[[str, Any], Any], *, least: int = 1
) -> tuple[Any, ...]:
    """A grid axis: a tuple of distinct, checked values; a single value may stand for a tuple."""
    # A function is one value, also where it is an object that can be iterated over.
    many = np.iterable(values) and not isinstance(values, str) and not callable(values)
    axis = tuple(check(field, value) for value in (values if many else (values,)))
    if len(axis) < least:
        raise ValueError(f"{field}: needs at least one value")
    if len(set(axis)) < len(axis):
        raise ValueError(f"{field}: {joined(axis)} has a value twice")
    return axis


def positive(field: str, value: Any) -> float:
    """A positive number that single precision has room for."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise ValueError(f"{field}: {value!r} must be a positive number")
    if not SMALLEST <= number <= LARGEST:
        raise ValueError(f"{field}: {value!r} must lie between {SMALLEST:g} and {LARGEST:g}")
    return number


def descending(field: str, values: Any) -> tuple[float, ...]:
    """A tuple of positive numbers, each below the one before; one number may stand for a tuple."""
    axis = grid(field, values, positive)
    if any(tighter > looser for looser, tighter in itertools.pairwise(axis)):
        raise ValueError(f"{field}: {axis} must descend, each below the one before it")
    return axis


def non_negative(field: str, value: Any) -> float:
    """A number that is 0, or `positive`."""
    return 0.0 if not isinstance(value, bool | str) and value == 0 else positive(field, value)


def whole(field: str, value: Any, *, least: int, most: int = 2**31 - 1) -> int:
    """A whole number in a range."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or not least <= value <= most:
        raise ValueError(f"{field}: {value!r} must be a whole number from {least} to {most}")
    return int(value)


def count(field: str, value: Any) -> int:
    """A whole number of at least 1."""
    return whole(field, value, least=1)


def choice(field: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Refuse what is not one of the names."""
    if value not in allowed:
        raise ValueError(f"{field}: unknown {value!r}{suggest(str(value), allowed)}")


def switch(field: str, value: Any) -> bool:
    """True or false, and no number that stands for them."""
    if not isinstance(value, bool | np.bool):
        raise ValueError(f"{field}: {value!r} must be true or false")
    return bool(value)


def function(field: str, value: Any, table: Mapping[str, Any]) -> Function:
    """A function, replaced by its name where it has one."""
    if not isinstance(value, str) and not callable(value):
        built_in = type(value) in table.values()
        hint = f"; give {type(value).__name__} itself" if built_in else ""
        raise TypeError(f"{field}: {value!r} must be a name or a function{hint}")
    try:
        hash(value)
    except TypeError as error:
        raise TypeError(
            f"{field}: {label_of(value)} has no hash, by which its compiled programs are kept; "
            "put it into a function, or give its class a __hash__"
        ) from error
    return named(field, value, table)


def joined(values: tuple[Any, ...]) -> str:
    """Values as they are written on a command line."""
    return ",".join(label_of(value) if callable(value) else f"{value}" for value in values)
