"""Checks of numbers and objects that users give; a traced value has only a shape and a type."""

import inspect
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


def check_number(name: str, value: Any, *, positive: bool) -> None:
    """Refuse a value that is not one real number, not finite, or negative; also 0 if ``positive``.

    Args:
        name: the name of the value in messages.
        value: a Python number or an array of shape (); only the shape of a tracer is checked.
        positive: whether 0 is refused.

    Raises:
        TypeError: for what is no number.
        ValueError: for an array of several numbers, and for a number out of range.

    Example:
        >>> check_number("radius", 0.0, positive=False)
        >>> check_number("radius", [1, 2], positive=False)
        Traceback (most recent call last):
        ValueError: radius: [1, 2] has shape (2,) and must be one number; jax.vmap goes over many
    """
    check_scalar(name, value)
    if isinstance(value, Tracer) or not hasattr(value, "__float__"):
        return
    number = float(value)
    if not math.isfinite(number) or number < 0 or (positive and number == 0):
        must = "positive" if positive else "0 or more"
        raise ValueError(f"{name}: {number} must be {must} and finite")


def offers(value: Any, protocol: type) -> bool:
    """Whether an object has all methods of a protocol."""
    return not missing_methods(value, protocol)


def missing_methods(value: Any, protocol: type) -> list[str]:
    """The methods of a protocol that an object lacks.

    From Python 3.12 on `isinstance` looks only at the class, but a `Foreign` object has the methods
    of the object that it stands for.

    Args:
        value: the object. A class lacks all of them, because its methods need an instance.
        protocol: a class; its public methods, and those of its bases, are looked for.
    """
    names = {
        name
        for base in protocol.__mro__
        for name, part in vars(base).items()
        if inspect.isfunction(part) and not name.startswith("_")
    }
    return sorted(n for n in names if isinstance(value, type) or not hasattr(value, n))


def check_scalar(name: str, value: Any) -> None:
    """Refuse a value that is not one real number, of shape () and a type of integers or floats.

    Raises:
        TypeError: for what is no number.
        ValueError: for an array of several numbers.
    """
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None or dtype is None:
        try:
            # A list of tracers cannot become an array, and is refused below.
            array = np.asarray(value)
        except Exception:  # noqa: BLE001  objects may raise anything here
            array = np.empty((), object)
        shape, dtype = array.shape, array.dtype
    if not jnp.issubdtype(dtype, jnp.number) or jnp.issubdtype(dtype, jnp.complexfloating):
        raise TypeError(f"{name}: {value!r} must be a number")
    if shape != ():
        shown = f"{value!r} has" if isinstance(value, list | tuple) else "has"
        raise ValueError(
            f"{name}: {shown} shape {shape} and must be one number; jax.vmap goes over many"
        )
