"""Objects of the user's as pytrees: their arrays become data, all other parts become structure.

A jitted function takes pytrees of arrays. What people have as a network is often something else: a
plain function, perhaps one that closes over weights, a bound method, a `functools.partial`, a
module whose leaves include activation functions, an object of a class that JAX knows nothing of.
`as_pytree` turns each into a pytree. Two objects of the same structure then share one compiled
program.
"""

import functools
import operator
import re
import types
from collections.abc import Callable, Hashable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr, tree_flatten_with_path

from jaxadv.pytrees import pytree, static

_HEAP_TYPE = 1 << 9
"""The flag of types that are defined in Python, not in C."""
_JITTED: Any = type(jax.jit(lambda: None))


@pytree
class Foreign:
    """A user's object, taken apart: `assemble` gives it back, and attributes are those of it.

    Attributes:
        arrays: the leaves that are arrays, in their order.
        structure: how to put the object together again.
        constants: the leaves that are no arrays, with their places; they are part of the structure.
    """

    arrays: tuple[Any, ...]
    structure: Any = static()
    constants: tuple[tuple[int, Hashable], ...] = static()

    def assemble(self) -> Any:
        """The user's object, with the arrays that are leaves here."""
        arrays, constants = iter(self.arrays), dict(self.constants)
        number = len(self.arrays) + len(constants)
        leaves = [constants[i] if i in constants else next(arrays) for i in range(number)]
        return _assembled(jax.tree.unflatten(self.structure, leaves))

    def __call__(self, *args: Any) -> Any:
        """What the object gives when it is called.

        Raises:
            ValueError: if the call changes the object: the change would be lost.
        """
        known = self.assemble()
        before = _arrays_of(known)
        result = known(*args)
        after = _arrays_of(known)
        if len(before) != len(after) or any(map(operator.is_not, before, after)):
            raise ValueError(
                f"{_name(known)} changes its own arrays when it is called (dropout? batch "
                "statistics?); put it in evaluation mode first, for example with .eval()"
            )
        return result

    def __getattr__(self, name: str) -> Any:
        # Special names are looked up by copy, pickle and NumPy before there are fields.
        if name.startswith("__") or name in {"arrays", "structure", "constants"}:
            raise AttributeError(name)
        return getattr(self.assemble(), name)

    def __repr__(self) -> str:
        return f"Foreign({_name(self.assemble())})"


def as_pytree(field: str, value: Any) -> Any:
    """The object itself if it is a frozen pytree of arrays, else a `Foreign` one that acts like it.

    Args:
        field: what the object is, for the error messages.
        value: the object.

    Raises:
        TypeError: if a part of the object that is no array cannot be hashed; names its path.

    Example:
        >>> as_pytree("network", functools.partial(jnp.dot, jnp.ones(2)))(jnp.ones(2)).item()
        2.0
    """
    leaves, structure = jax.tree.flatten(value)
    if all(_is_array(leaf) or isinstance(leaf, int | float) for leaf in leaves) and _is_frozen(
        value
    ):
        _check_hashable(field, value, structure)
        return value
    paths, structure = tree_flatten_with_path(_taken_apart(value))
    constants = []
    for index, (path, leaf) in enumerate(paths):
        if not _is_array(leaf):
            place = re.sub(r"\.attributes\['(\w+)'\]", r".\1", keystr(path))
            _check_hashable(field + place, leaf, leaf)
            constants.append((index, leaf))
    _check_hashable(field, value, structure)
    # NumPy's arrays are data as well, and so would be compared as constants.
    arrays = [leaf for _, leaf in paths if _is_array(leaf)]
    as_jax = [jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in arrays]
    return Foreign(tuple(as_jax), structure, tuple(constants))


@pytree
class _Partial:
    """A `functools.partial`, taken apart."""

    func: Any
    args: Any
    keywords: Any


@pytree
class _Method:
    """A bound method, taken apart."""

    func: Any
    instance: Any


class _Code:
    """The code of a function, without the values that it closes over."""

    def __init__(self, function: types.FunctionType) -> None:
        # Not the function itself: it would keep its arrays alive as long as a compiled program.
        self.code, self.globals, self.name = (
            function.__code__, function.__globals__, function.__qualname__,
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        same_kind = isinstance(other, _Code)
        return same_kind and self.code == other.code and self.globals is other.globals

    def __hash__(self) -> int:
        return hash(self.code)


@pytree
class _Closure:
    """A function that closes over arrays, or has them as defaults, taken apart."""

    cells: Any
    defaults: Any
    keyword_defaults: Any
    code: _Code = static()


@pytree
class _Instance:
    """An object of a class that JAX does not know, taken apart."""

    attributes: dict[str, Any]
    kind: type = static()


def _taken_apart(value: Any, ancestors: frozenset[int] = frozenset()) -> Any:
    """The object as a pytree whose leaves are arrays, functions, and other constants."""
    return jax.tree.map(functools.partial(_parts_of, ancestors=ancestors), value)


def _parts_of(leaf: Any, ancestors: frozenset[int]) -> Any:
    # What refers to itself is left whole.
    if _is_array(leaf) or id(leaf) in ancestors:
        return leaf
    take = functools.partial(_taken_apart, ancestors=ancestors | {id(leaf)})
    match leaf:
        case functools.partial():
            return _Partial(take(leaf.func), take(leaf.args), take(leaf.keywords))
        case types.MethodType():
            return _Method(leaf.__func__, take(leaf.__self__))
        case types.FunctionType():
            parts = _closure(leaf, take)
        case _ if isinstance(leaf, _JITTED):
            parts = take(leaf.__wrapped__)
        case _ if _is_instance(leaf):
            parts = _Instance(take(dict(vars(leaf))), type(leaf))
        case _:
            return leaf
    # An object without arrays is a constant, which its class knows how to compare.
    return parts if any(map(_is_array, jax.tree.leaves(parts))) else leaf


def _closure(function: types.FunctionType, take: Callable[[Any], Any]) -> Any:
    try:
        cells = tuple(cell.cell_contents for cell in function.__closure__ or ())
    except ValueError:  # a cell that is not filled yet
        return function
    defaults = (function.__defaults__, function.__kwdefaults__)
    return _Closure(take(cells), *map(take, defaults), code=_Code(function))


def _is_instance(leaf: Any) -> bool:
    """Whether a leaf is an object of a class in Python, other than a function or a type.

    What wraps a function, as JAX's compiled functions do, counts as a function.
    """
    is_function = isinstance(leaf, type | types.FunctionType | types.ModuleType)
    is_python = bool(type(leaf).__flags__ & _HEAP_TYPE) and hasattr(leaf, "__dict__")
    return is_python and not is_function and not hasattr(leaf, "__wrapped__")


def _assembled(parts: Any) -> Any:
    """The object that was taken apart."""

    def assemble(part: Any) -> Any:
        if isinstance(part, _Partial):
            args, keywords = _assembled(part.args), _assembled(part.keywords)
            return functools.partial(_assembled(part.func), *args, **keywords)
        if isinstance(part, _Method):
            return types.MethodType(part.func, _assembled(part.instance))
        if isinstance(part, _Closure):
            cells = tuple(map(types.CellType, _assembled(part.cells)))
            code, defaults = part.code, _assembled(part.defaults)
            function = types.FunctionType(code.code, code.globals, code.name, defaults, cells)
            function.__kwdefaults__ = _assembled(part.keyword_defaults)
            return function
        if isinstance(part, _Instance):
            instance = object.__new__(part.kind)
            vars(instance).update(_assembled(part.attributes))
            return instance
        return part

    kinds = _Partial | _Method | _Closure | _Instance
    return jax.tree.map(assemble, parts, is_leaf=lambda part: isinstance(part, kinds))


def _arrays_of(value: Any) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(_taken_apart(value)) if _is_array(leaf)]


def _is_array(leaf: Any) -> bool:
    is_known = isinstance(leaf, jax.Array | np.ndarray | np.generic | jax.ShapeDtypeStruct)
    return is_known and not (isinstance(leaf, np.ndarray) and leaf.dtype.hasobject)


def _is_frozen(value: Any) -> bool:
    """Whether a call cannot change an object: other pytrees are watched when they are called."""
    parameters = getattr(type(value), "__dataclass_params__", None)
    return isinstance(value, jax.tree_util.Partial) or getattr(parameters, "frozen", False)


def _check_hashable(place: str, part: Any, key: Any) -> None:
    try:
        hash(key)
    except TypeError as error:
        reason = str(error).partition("\n")[0]
        raise TypeError(
            f"{place}: {_name(part)} cannot be part of a compiled program ({reason}); a part that "
            "is no array must be hashable, such as a tuple instead of a list in a static field"
        ) from error


def _name(value: Any) -> str:
    return getattr(value, "__qualname__", None) or type(value).__qualname__
