"""Functions by name, so that a sweep written in a file or a shell can use a user's own.

A name is a key of a table (``"tanh"``) or a reference ``"module:function"`` to something that can
be imported, ``"__main__:f"`` in a notebook.
"""

import difflib
import importlib
from collections.abc import Callable, Mapping
from typing import Any


def resolve(field: str, name: str | Callable[..., Any], table: Mapping[str, Any]) -> Any:
    """The function that ``name`` means.

    Args:
        field: what is being named, for the error message.
        name: a key of ``table``, ``"module:function"``, or a function, returned as it is.
        table: the built-in functions.

    Raises:
        ValueError: for an unknown name (with the nearest known one), or a reference that cannot be
            imported or is no function.

    Example:
        >>> resolve("activation", "math:tanh", {})
        <built-in function tanh>
    """
    if callable(name):
        return name
    if name in table:
        return table[name]
    if ":" not in name:
        raise ValueError(f"{field}: unknown {name!r}{suggest(name, table)}, or 'module:function'")
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{field}: cannot import {name!r}: {error}") from error
    if not callable(function):
        raise ValueError(f"{field}: {name!r} is not a function")
    return function


def name_of(field: str, function: str | Callable[..., Any], table: Mapping[str, Any]) -> str:
    """The name under which `resolve` finds ``function`` again.

    Raises:
        ValueError: for a function that cannot be found by a name (a lambda, or a nested one).

    Example:
        >>> import math
        >>> name_of("activation", math.tanh, {})
        'math:tanh'
    """
    if isinstance(function, str):
        resolve(field, function, table)
        return function
    for name, known in table.items():
        if function is known:
            return name
    module = getattr(function, "__module__", None)
    name = f"{module}:{getattr(function, '__qualname__', '')}"
    try:
        found = resolve(field, name, table)
    except ValueError:
        found = None
    if found is not function:
        raise ValueError(f"{field}: {function!r} has no importable name; define it with def")
    return name


def suggest(name: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    """A hint for an unknown name: ``"; did you mean 'tanh'?"`` or what is allowed.

    Example:
        >>> suggest("tahn", ("tanh", "relu"))
        "; did you mean 'tanh'? Known are tanh, relu"
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"{hint} Known are {', '.join(known)}"
