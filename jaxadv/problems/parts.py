"""Users' objects taken apart, so that their arrays are leaves of a pytree, and assembled again.

Functions are taken apart with the values that they close over and the global names that they use.
Arrays among these are data; where another one has changed, a program is compiled anew. Installed
code is left whole, unless it closes over arrays or over functions of the user.
"""

import functools
import types
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from jaxadv.problems.constants import Code, Constant, Namespace, is_hashable
from jaxadv.pytrees import pytree, static

_HEAP_TYPE = 1 << 9  # the flag of types that are defined in Python, not in C
_JITTED: Any = type(jax.jit(lambda: None))
_INSTALLED = ("site-packages", "dist-packages")
_DATA = (jax.Array, jax.ShapeDtypeStruct)
Ancestors = frozenset[int]


@pytree
class Partial:
    """A `functools.partial`, taken apart."""

    func: Any
    args: Any
    keywords: Any


@pytree
class Method:
    """A bound method, taken apart."""

    func: Any
    instance: Any


@pytree
class Function:
    """A function, taken apart, without the global names that it uses."""

    cells: Any
    defaults: Any
    keyword_defaults: Any
    code: Code = static()


@pytree
class Instance:
    """An object of a class that JAX does not know, taken apart."""

    attributes: dict[str, Any]
    kind: type = static()


@pytree
class Scope:
    """The global names of one module that are used, and what they mean, taken apart."""

    names: dict[str, Any]
    namespace: Namespace = static()


@pytree
class Apart:
    """An object, taken apart, with the scopes of its functions."""

    parts: Any
    scopes: tuple[Scope, ...]

    def assembled(self) -> Any:
        """The object that was taken apart."""
        spaces = {id(scope.namespace.names): dict(scope.namespace.names) for scope in self.scopes}
        for scope in self.scopes:
            space = spaces[id(scope.namespace.names)]
            space.update({name: _assembled(part, spaces) for name, part in scope.names.items()})
        return _assembled(self.parts, spaces)


def taken_apart(value: Any) -> Apart:
    """The object as a pytree whose leaves are arrays, functions, and other constants."""
    walk = _Walk()
    parts = walk.apart(value, frozenset())
    scopes = [Scope(names, Namespace(space)) for space, names in walk.scopes.values()]
    return Apart(parts, tuple(scopes))


def is_array(leaf: Any) -> bool:
    """Whether a leaf is an array of numbers, or stands for one."""
    is_known = isinstance(leaf, jax.Array | np.ndarray | np.generic | jax.ShapeDtypeStruct)
    return is_known and not (isinstance(leaf, np.ndarray) and leaf.dtype.hasobject)


class _Walk:
    """A walk through an object, which meets each global name once."""

    def __init__(self) -> None:
        self.scopes: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}

    def apart(self, value: Any, ancestors: Ancestors) -> Any:
        return jax.tree.map(functools.partial(self._parts_of, ancestors=ancestors), value)

    def _parts_of(self, leaf: Any, ancestors: Ancestors) -> Any:
        # A part that refers to itself is left whole.
        if is_array(leaf) or id(leaf) in ancestors:
            return leaf
        take = functools.partial(self.apart, ancestors=ancestors | {id(leaf)})
        parts = leaf
        match leaf:
            case functools.partial():
                parts = Partial(take(leaf.func), take(leaf.args), take(leaf.keywords))
            case types.MethodType():
                parts = Method(take(leaf.__func__), take(leaf.__self__))
            case types.FunctionType():
                parts = self._function(leaf, ancestors)
            case _ if isinstance(leaf, _JITTED):
                # Compiled functions of JAX are left whole; those of users are their functions.
                inside = take(leaf.__wrapped__)
                parts = inside if isinstance(inside, Function) else leaf
            case _ if _is_instance(leaf):
                parts = self._instance(leaf, ancestors)
        return parts

    def _function(self, function: types.FunctionType, ancestors: Ancestors) -> Any:
        try:
            cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
        except ValueError:  # a cell that is not filled yet
            return function
        take = functools.partial(self._value, ancestors=ancestors | {id(function)})
        defaults = (function.__defaults__, function.__kwdefaults__)
        parts = [tuple(map(take, cells)), *map(take, defaults)]
        is_installed = any(part in function.__code__.co_filename for part in _INSTALLED)
        if is_installed and not _is_changeable(parts):
            return function
        if not is_installed:
            self._note_names(function)
        return Function(*parts, code=Code(function))

    def _note_names(self, function: types.FunctionType) -> None:
        """Take apart the values of the global names that a function uses, except modules."""
        space = function.__globals__
        _, names = self.scopes.setdefault(id(space), (space, {}))
        for name in sorted(set(_names_in(function.__code__)) & set(space)):
            if name not in names and not isinstance(space[name], types.ModuleType):
                names[name] = None  # for now, because a function may use itself
                names[name] = self._value(space[name], frozenset())

    def _value(self, value: Any, ancestors: Ancestors) -> Any:
        """A value that a function closes over or finds by a global name.

        NumPy arrays stay NumPy arrays, because functions may compute with them by NumPy. A value
        without JAX arrays stays whole, because functions may write into it.
        """
        parts = self.apart(value, ancestors)
        if not _is_changeable(parts):
            return Constant(value, parts)
        return jax.tree.map(
            lambda leaf: leaf if isinstance(leaf, (*_DATA, Constant)) else Constant(leaf, leaf),
            parts,
        )

    def _instance(self, instance: Any, ancestors: Ancestors) -> Any:
        attributes = self.apart(_attributes(instance), ancestors | {id(instance)})
        leaves = jax.tree.leaves(attributes)
        if any(map(is_array, leaves)):
            return Instance(attributes, type(instance))
        # Without arrays it is a constant. If its class cannot compare it, its attributes do.
        by_identity = type(instance).__hash__ is object.__hash__ or not is_hashable(instance)
        return Constant(instance, (type(instance), attributes)) if by_identity else instance


def _is_changeable(parts: Any) -> bool:
    """Whether parts hold JAX arrays, or functions of the user, which may use some."""
    leaves = jax.tree.leaves(parts, is_leaf=lambda part: isinstance(part, Function))
    return any(isinstance(leaf, (Function, *_DATA)) for leaf in leaves)


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)


def _is_instance(leaf: Any) -> bool:
    """Whether a leaf is an object of a class in Python, other than a type.

    An object that wraps a function, as JAX's compiled functions do, counts as a function.
    """
    is_special = isinstance(leaf, type | types.ModuleType | Code | Namespace | Constant)
    is_python = bool(type(leaf).__flags__ & _HEAP_TYPE)
    return is_python and not is_special and not hasattr(leaf, "__wrapped__")


def _attributes(instance: Any) -> dict[str, Any]:
    """The attributes of an object, whether in its dictionary or in slots."""
    slots: list[str] = []
    for base in type(instance).__mro__:
        named = vars(base).get("__slots__", ())
        slots += [named] if isinstance(named, str) else list(named)
    in_slots = {
        name: getattr(instance, name)
        for name in slots
        if name not in {"__dict__", "__weakref__"} and hasattr(instance, name)
    }
    return {**in_slots, **getattr(instance, "__dict__", {})}


def _assembled(parts: Any, spaces: dict[int, dict[str, Any]]) -> Any:
    """The object that was taken apart; its functions use ``spaces`` as their global names."""
    assemble = functools.partial(_assembled, spaces=spaces)

    def of_part(part: Any) -> Any:
        match part:
            case Partial():
                args, keywords = assemble(part.args), assemble(part.keywords)
                return functools.partial(assemble(part.func), *args, **keywords)
            case Method():
                return types.MethodType(assemble(part.func), assemble(part.instance))
            case Function(code=code):
                cells = tuple(map(types.CellType, assemble(part.cells)))
                space = spaces.get(id(code.globals), code.globals)
                made = types.FunctionType(
                    code.code, space, code.name, assemble(part.defaults), cells
                )
                made.__kwdefaults__ = assemble(part.keyword_defaults)
                return made
            case Instance():
                instance = object.__new__(part.kind)
                for name, value in assemble(part.attributes).items():
                    object.__setattr__(instance, name, value)
                return instance
            case Constant():
                return part.value
        return part

    kinds = Partial | Method | Function | Instance | Constant
    return jax.tree.map(of_part, parts, is_leaf=lambda part: isinstance(part, kinds))
