"""Frozen dataclasses as pytrees: the one way in which jaxadv makes them.

`jax.tree_util.register_dataclass` calls ``__init__`` whenever a tree is rebuilt, with batched
arrays, tracers and placeholders in place of the fields, so run-time shape checks of the constructor
fail inside `jax.vmap`. Here rebuilding bypasses the constructor.
"""

import dataclasses
from typing import Any, TypeVar, cast, dataclass_transform

import jax

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
        tree = object.__new__(cls)
        for name, value in (*zip(data, children, strict=True), *zip(meta, aux, strict=True)):
            object.__setattr__(tree, name, value)
        return tree

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls
