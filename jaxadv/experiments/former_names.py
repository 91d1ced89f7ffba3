"""Fields of specifications under the names of an earlier version, taken for one more release."""

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
# Fields of `Landscape` and `Training` in version 0.1, which are axes of their grids now.
SINGULAR = {
    "dim": "dims",
    "width": "widths",
    "activation": "activations",
    "loss": "losses",
    "constraint": "constraints",
}


def takes_former_names(names: Mapping[str, str]) -> Callable[[type[T]], type[T]]:
    """A class decorator: the constructor takes fields by their former names as well.

    Args:
        names: the present names, by former name.

    Example:
        >>> from dataclasses import dataclass
        >>> @takes_former_names({"width": "widths"})
        ... @dataclass
        ... class Grid:
        ...     widths: int = 8
        >>> Grid(width=4, widths=8)
        Traceback (most recent call last):
        ValueError: width: is now named widths; give widths alone
    """

    def decorate(cls: type[T]) -> type[T]:
        constructor = cls.__init__

        @functools.wraps(constructor)
        def init(self: T, *args: Any, **fields: Any) -> None:
            constructor(self, *args, **with_names_of_now(fields, names, stacklevel=3))

        cls.__init__ = init
        return cls

    return decorate


def with_names_of_now(
    fields: Mapping[str, Any], names: Mapping[str, str], *, stacklevel: int
) -> dict[str, Any]:
    """The fields with former names replaced, each with a `DeprecationWarning`.

    Args:
        fields: by name.
        names: the present names, by former name.
        stacklevel: of the warnings, as `warnings.warn` counts it from here.

    Raises:
        ValueError: if a field is given under both of its names.
    """
    renamed = dict(fields)
    for former, now in names.items():
        if former not in fields:
            continue
        if now in fields:
            raise ValueError(f"{former}: is now named {now}; give {now} alone")
        warnings.warn(
            f"{former}: is now named {now}; the former name goes in the next release",
            DeprecationWarning,
            stacklevel=stacklevel,
        )
        value = renamed.pop(former)
        # In version 0.1 None meant the dimension of the data.
        renamed[now] = () if value is None else value
    return renamed
