"""Optimisers by name: those of optax that need no more than a learning rate, and users' own."""

import inspect
from collections.abc import Callable, Mapping

import optax
from jaxtyping import ScalarLike

from jaxadv.problems.names import Function, resolve

# From a learning rate, which may be traced, to an optimiser.
Optimizer = Callable[[ScalarLike], optax.GradientTransformation]


def _known() -> Mapping[str, Optimizer]:
    """The functions of optax whose first parameter is a learning rate."""
    optimizers = {}
    for name, function in inspect.getmembers(optax, inspect.isfunction):
        parameters = list(inspect.signature(function).parameters)
        is_public = not name.startswith(("_", "scale_by"))
        if is_public and parameters[:1] == ["learning_rate"]:
            optimizers[name] = function
    return optimizers


OPTIMIZERS = _known()  # by name


def optimizer_of(name: Function, learning_rate: ScalarLike) -> optax.GradientTransformation:
    """The optimiser of a name, of a reference "module:function(learning_rate)", or of a function.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> optimizer_of("adam", 0.01).init(1.0)[0].count
        Array(0, dtype=int32)
    """
    return resolve("optimizers", name, OPTIMIZERS)(learning_rate)
