"""Constants of compiled programs: values that are compared by their contents."""

import importlib
import pickle
import types
from typing import Any

import jax
import numpy as np


class Code:
    """The code of a function, without the values that it closes over."""

    def __init__(self, function: types.FunctionType) -> None:
        # The function itself would keep its arrays alive as long as a compiled program.
        self.code, self.globals = function.__code__, function.__globals__
        self.module, self.name = function.__module__, function.__qualname__

    def __eq__(self, other: object) -> bool:
        same_kind = isinstance(other, Code)
        return same_kind and self.code == other.code and self.globals is other.globals

    def __hash__(self) -> int:
        return hash(self.code)

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            imported = _import_code(self.module, self.name)
        except (ImportError, AttributeError):
            imported = None
        if imported != self:
            raise pickle.PicklingError(f"{self.name} cannot be imported by its name")
        return _import_code, (self.module, self.name)


class Namespace:
    """The global names of a module; two are equal if they are the same dictionary."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Namespace) and self.names is other.names

    def __hash__(self) -> int:
        return id(self.names)

    def __reduce__(self) -> tuple[Any, ...]:
        return _import_namespace, (self.names["__name__"],)


class Constant:
    """A value without JAX arrays; two are equal if their contents were equal at first."""

    def __init__(self, value: Any, parts: Any) -> None:
        leaves, structure = jax.tree.flatten(parts)
        self.value, self.contents = value, (structure, *map(_content, leaves))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self.contents == other.contents

    def __hash__(self) -> int:
        return hash(self.contents)


def is_hashable(value: Any) -> bool:
    """Whether a value can be a part of a program's structure."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _content(leaf: Any) -> Any:
    """What a leaf is compared by: an array's numbers, its value, or without a hash its identity.

    The type belongs to it, because 1, 1.0 and True are equal in Python but not in JAX.
    """
    if isinstance(leaf, np.ndarray) and not leaf.dtype.hasobject:
        return leaf.shape, leaf.dtype.str, leaf.tobytes()
    return type(leaf), leaf if is_hashable(leaf) else id(leaf)


def _import_code(module: str, name: str) -> Code:
    function: Any = importlib.import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    return Code(function)


def _import_namespace(module: str) -> Namespace:
    return Namespace(vars(importlib.import_module(module)))
