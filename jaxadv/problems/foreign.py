"""Users' objects as pytrees: their arrays become data, all other parts become structure.

A jitted function takes pytrees of arrays. Users' networks are often something else: a plain
function, perhaps one that closes over weights, a bound method, a `functools.partial`, a module
whose leaves include activation functions, or an object of a class that JAX does not know.
`as_pytree` turns each of them into a pytree. Two objects of the same structure then share a
compiled program.
"""

import operator
import re
from collections.abc import Hashable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import keystr, tree_flatten_with_path

from jaxadv.problems.parts import is_array, taken_apart
from jaxadv.pytrees import pytree, static


@pytree
class Foreign:
    """A user's object, taken apart; `assemble` puts it together, and it has the same attributes.

    Attributes:
        arrays: the leaves that are arrays, in their order.
        structure: how to put the object together again.
        constants: the leaves that are no arrays, as (index, type, leaf), which are part of the
            structure. The types tell 1, 1.0 and True apart.
    """

    arrays: tuple[Any, ...]
    structure: Any = static()
    constants: tuple[tuple[int, type, Hashable], ...] = static()

    def assemble(self) -> Any:
        """The user's object, with the arrays that are leaves here."""
        arrays = iter(self.arrays)
        constants = {index: leaf for index, _, leaf in self.constants}
        number = len(self.arrays) + len(constants)
        leaves = [constants[i] if i in constants else next(arrays) for i in range(number)]
        return jax.tree.unflatten(self.structure, leaves).assembled()

    def __call__(self, *args: Any) -> Any:
        """Call the object.

        Raises:
            ValueError: if the call changes the object: the change would be lost.
        """
        assembled = self.assemble()
        before = _arrays_of(assembled)
        result = assembled(*args)
        after = _arrays_of(assembled)
        if len(before) != len(after) or any(map(operator.is_not, before, after)):
            raise ValueError(
                f"{_name(assembled)} changes its own arrays when it is called (dropout? batch "
                "statistics?); put it in evaluation mode first, for example with .eval()"
            )
        return result

    @property
    def __name__(self) -> str:
        """The name of the object in messages."""
        return _name(self.assemble())

    def __getattr__(self, name: str) -> Any:
        # Special names are looked up by copy, pickle and NumPy before there are fields.
        if name.startswith("__") or name in {"arrays", "structure", "constants"}:
            raise AttributeError(name)
        return getattr(self.assemble(), name)

    def __repr__(self) -> str:
        return f"Foreign({self.__name__})"


def as_pytree(field: str, value: Any) -> Any:
    """The object itself if it is a frozen pytree of arrays, else a `Foreign` one that acts like it.

    Args:
        field: the name of the object's field in messages.
        value: the object.

    Raises:
        TypeError: if a part of the object that is no array cannot be hashed; names its path.

    Example:
        >>> import functools
        >>> as_pytree("network", functools.partial(jnp.dot, jnp.ones(2)))(jnp.ones(2)).item()
        2.0
    """
    leaves, structure = jax.tree.flatten(value)
    if all(is_array(leaf) or isinstance(leaf, int | float) for leaf in leaves) and _is_frozen(
        value
    ):
        _check_hashable(field, value, structure)
        return value
    paths, structure = tree_flatten_with_path(taken_apart(value))
    constants = []
    for index, (path, leaf) in enumerate(paths):
        if not is_array(leaf):
            attribute = re.sub(r"\.attributes\['(\w+)'\]", r".\1", keystr(path[1:]))
            _check_hashable(field + attribute, leaf, leaf)
            constants.append((index, type(leaf), leaf))
    _check_hashable(field, value, structure)
    # NumPy arrays are data as well; as they are, JAX would take them for constants.
    arrays = [leaf for _, leaf in paths if is_array(leaf)]
    as_jax = [jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in arrays]
    return Foreign(tuple(as_jax), structure, tuple(constants))


def _arrays_of(value: Any) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(taken_apart(value)) if is_array(leaf)]


def _is_frozen(value: Any) -> bool:
    """Whether a call cannot change an object; other objects are watched when they are called."""
    parameters = getattr(type(value), "__dataclass_params__", None)
    return isinstance(value, jax.tree_util.Partial) or getattr(parameters, "frozen", False)


def _check_hashable(path: str, part: Any, key: Any) -> None:
    try:
        hash(key)
    except TypeError as error:
        reason = str(error).partition("\n")[0]
        raise TypeError(
            f"{path}: {_name(part)} cannot be part of a compiled program ({reason}); a part that "
            "is no array must be hashable, such as a tuple instead of a list in a static field"
        ) from error


def _name(value: Any) -> str:
    return getattr(value, "__qualname__", None) or type(value).__qualname__
