"""Checks of numbers and objects that users give; a traced value has only a shape and a type."""

import inspect
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike

Floats = ArrayLike | Sequence[Any] | jax.ShapeDtypeStruct  # what `as_floats` takes


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


def as_floats(field: str, value: Any) -> Any:
    """An array of floats; integers become floats.

    Args:
        field: the name of the value in messages.
        value: an array of JAX or NumPy, a number, or a list of them.

    Raises:
        TypeError: for a value that is no array of real numbers.

    Example:
        >>> as_floats("x", [1, 2])
        Array([1., 2.], dtype=float32)
    """
    if isinstance(value, jax.ShapeDtypeStruct):
        return value
    try:
        array: Any = value if isinstance(value, jax.Array) else np.asarray(value)
    except jax.errors.TracerArrayConversionError:
        # A list that holds tracers.
        array = jnp.asarray(value)
    except (TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise TypeError(f"{field}: must be an array of numbers: {reason}") from error
    if not any(jnp.issubdtype(array.dtype, kind) for kind in (jnp.integer, jnp.floating)):
        kind = type(value).__name__ if array.dtype == object else array.dtype
        raise TypeError(f"{field}: must be an array of numbers, not of type {kind}")
    is_whole = jnp.issubdtype(array.dtype, jnp.integer)
    return jnp.asarray(array.astype(float) if is_whole else array)
