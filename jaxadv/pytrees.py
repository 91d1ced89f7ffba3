"""Frozen dataclasses as pytrees: the one way in which jaxadv makes them.

`jax.tree_util.register_dataclass` calls ``__init__`` whenever a tree is rebuilt, with batched
arrays, tracers and placeholders in place of the fields, so run-time shape checks of the constructor
fail inside `jax.vmap`. Here rebuilding bypasses the constructor.

They can be pickled even where a field is one of JAX's compiled functions, such as `jnp.tanh`, which
pickle refuses: such a function is kept by the name under which it can be imported.
"""

import dataclasses
import importlib
from typing import Any, NamedTuple, TypeVar, cast, dataclass_transform

import jax
import jax.numpy as jnp

T = TypeVar("T")


def static(**kwargs: Any) -> Any:
    """Like `dataclasses.field`, for a field that is part of the tree's structure, not of its data.

    Its value must be hashable; a jitted function is compiled once for each value.
    """
    return dataclasses.field(metadata={"static": True}, **kwargs)


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, static))
def pytree(cls: type[T]) -> type[T]:
    """Make ``cls`` a frozen dataclass and register it as a JAX pytree.

    Example:
        >>> @pytree
        ... class Line:
        ...     slope: float
        ...     name: str = static(default="line")
        >>> jax.tree.map(lambda leaf: 2 * leaf, Line(slope=1.5))
        Line(slope=3.0, name='line')
    """
    cls = dataclasses.dataclass(frozen=True)(cls)
    fields = dataclasses.fields(cast(Any, cls))
    data = tuple(f.name for f in fields if not f.metadata.get("static"))
    meta = tuple(f.name for f in fields if f.metadata.get("static"))

    def flatten_with_keys(tree: T) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        children = [(jax.tree_util.GetAttrKey(name), getattr(tree, name)) for name in data]
        return children, tuple(getattr(tree, name) for name in meta)

    def flatten(tree: T) -> tuple[list[Any], tuple[Any, ...]]:
        return [getattr(tree, name) for name in data], tuple(getattr(tree, name) for name in meta)

    def unflatten(aux: tuple[Any, ...], children: Any) -> T:
        return _restore(cls, dict(zip((*data, *meta), (*children, *aux), strict=True)))

    def reduce(tree: T) -> tuple[Any, ...]:
        kept = {name: getattr(tree, name) for name in data}
        named = {name: _named(getattr(tree, name)) for name in meta}
        return _restore_named, (cls, kept | named)

    cls.__reduce__ = cast(Any, reduce)
    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls


def set_fields(tree: Any, **fields: Any) -> None:
    """Set fields of a frozen dataclass, for constructors that convert what they are given."""
    for name, value in fields.items():
        object.__setattr__(tree, name, value)


def cast_floats(tree: T, dtype: Any) -> T:
    """The tree with all its floats, arrays and Python's, as arrays of one precision.

    Example:
        >>> cast_floats((1.5, 2), jnp.float32)
        (Array(1.5, dtype=float32), 2)
    """

    def cast_leaf(leaf: Any) -> Any:
        is_float = jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
        return jnp.asarray(leaf, dtype) if is_float else leaf

    return jax.tree.map(cast_leaf, tree)


class _Name(NamedTuple):
    """Where a function can be imported."""

    module: str
    qualname: str


def _named(value: Any) -> Any:
    """A static value in which functions that can be imported are replaced by their names."""
    if type(value) is tuple:
        return tuple(map(_named, value))
    module, qualname = (getattr(value, name, None) for name in ("__module__", "__qualname__"))
    if not callable(value) or not isinstance(module, str) or not isinstance(qualname, str):
        return value
    name = _Name(module, qualname)
    try:
        return name if _import(name) is value else value
    except (ImportError, AttributeError):
        return value


def _import(name: _Name) -> Any:
    value = importlib.import_module(name.module)
    for part in name.qualname.split("."):
        value = getattr(value, part)
    return value


def _restore_named(cls: type[T], fields: dict[str, Any]) -> T:
    def restored(value: Any) -> Any:
        if isinstance(value, _Name):
            return _import(value)
        return tuple(map(restored, value)) if type(value) is tuple else value

    return _restore(cls, {name: restored(value) for name, value in fields.items()})


def _restore(cls: type[T], fields: dict[str, Any]) -> T:
    """An instance with these fields, past the constructor and its checks."""
    tree = object.__new__(cls)
    set_fields(tree, **fields)
    return tree
