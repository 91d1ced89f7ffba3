"""Functions by name, so that files and shells can name functions of the user.

A name is a key of a table (``"tanh"``) or a reference ``"module:function"`` to something that can
be imported, ``"__main__:f"`` in a notebook. In Python the function itself can be given as well.
"""

import difflib
import functools
import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Function = str | Callable[..., Any]  # a function, or its name


def resolve(field: str, name: Function, table: Mapping[str, Any]) -> Any:
    """The function that ``name`` means.

    Args:
        field: the name of the field in messages.
        name: a key of ``table``, ``"module:function"``, or a function, returned as it is.
        table: the built-in functions.

    Raises:
        ValueError: for an unknown name (with the nearest known one), or a reference that cannot be
            imported or is no function.

    Example:
        >>> resolve("activation", "math:tanh", {})
        <built-in function tanh>
    """
    if not isinstance(name, str):
        return name
    if name in table:
        return table[name]
    if ":" not in name:
        raise ValueError(f"{field}: unknown {name!r}{suggest(name, table)}, or 'module:function'")
    path, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(path)
    except Exception as error:  # a user's module may raise anything
        raise ValueError(f"{field}: cannot import {name!r}: {first_line(error)}") from error
    if not hasattr(module, attribute):
        near = difflib.get_close_matches(attribute, dir(module), n=1)
        hint = f"; did you mean '{path}:{near[0]}'?" if near else ""
        raise ValueError(
            f"{field}: cannot import {name!r}: module {path!r} has no {attribute!r}{hint}"
        )
    function = getattr(module, attribute)
    if not callable(function):
        raise ValueError(f"{field}: {name!r} is not a function")
    return function


def table_of(reference: str) -> Mapping[str, Any]:
    """The table of built-in functions that a reference ``"module:TABLE"`` means, imported now.

    A module that only holds the reference does not import JAX.

    Example:
        >>> sorted(table_of("jaxadv.problems.losses:LOSSES"))
        ['logistic', 'quadratic']
    """
    path, _, name = reference.partition(":")
    return getattr(importlib.import_module(path), name)


def named(field: str, function: Function, table: Mapping[str, Any]) -> Function:
    """The name by which `resolve` finds a function again; the function itself if it has none.

    Lambdas, functions within functions, partials and callable objects have no name.

    Raises:
        ValueError: for a name that `resolve` does not know.

    Example:
        >>> import math
        >>> named("activation", math.tanh, {})
        'math:tanh'
    """
    if isinstance(function, str):
        resolve(field, function, table)
        return function
    for name, built_in in table.items():
        if function is built_in:
            return name
    module = getattr(function, "__module__", None)
    name = f"{module}:{getattr(function, '__qualname__', '')}"
    try:
        is_there = resolve(field, name, table) is function
    except ValueError:
        is_there = False
    return name if is_there else function


def labels(functions: Sequence[Function], known: Iterable[str]) -> tuple[str, ...]:
    """The labels of functions in a dataset, all different; a name is its own label.

    Args:
        functions: as `named` returns them.
        known: names of other functions, which must not be labels of these.

    Example:
        >>> labels(("tanh", lambda z: z, lambda z: 2 * z), ("tanh", "sin"))
        ('tanh', '<lambda>', '<lambda> (2)')
    """
    taken = {*known, *(name for name in functions if isinstance(name, str))}
    given = []
    for function in functions:
        label = label_of(function)
        if not isinstance(function, str):
            number = 1
            while label in taken:
                number += 1
                label = f"{label_of(function)} ({number})"
            taken.add(label)
        given.append(label)
    return tuple(given)


def label_of(function: Function) -> str:
    """The name of a function in messages.

    Example:
        >>> label_of("mine:swish"), label_of(lambda z: z)
        ('mine:swish', '<lambda>')
    """
    if isinstance(function, str):
        return function
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", "") or type(function).__qualname__
    return name.rpartition(".")[2]


def suggest(name: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    """A hint for an unknown name: ``"; did you mean 'tanh'?"`` or what is allowed.

    Example:
        >>> suggest("tahn", ("tanh", "relu"))
        "; did you mean 'tanh'? Known are tanh, relu"
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"{hint} Known are {', '.join(known)}"


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its type if the message is empty.

    Example:
        >>> first_line(ValueError("one mistake")), first_line(KeyError())
        ('one mistake', 'KeyError')
    """
    return str(error).strip().partition("\n")[0] or type(error).__name__
