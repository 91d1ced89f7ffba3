"""Checks of numbers that users give; traced values are beyond them."""

import math

from jax.core import Tracer
from jaxtyping import ScalarLike


def check_number(name: str, value: ScalarLike, *, positive: bool) -> None:
    """Refuse a number that is not finite, or is negative, or is 0 where it must be positive.

    Raises:
        ValueError: says which and why.

    Example:
        >>> check_number("radius", 0.0, positive=False)
    """
    if isinstance(value, Tracer):
        return
    number = float(value)  # pyright: ignore[reportArgumentType]
    if not math.isfinite(number) or number < 0 or (positive and number == 0):
        must = "positive" if positive else "0 or more"
        raise ValueError(f"{name}: {number} must be {must} and finite")
