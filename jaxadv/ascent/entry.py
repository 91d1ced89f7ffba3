"""Checks at the entry of `ascend`, `certify` and `polish`, with messages in the user's words."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float

from jaxadv.ascent.methods import Point
from jaxadv.problems.losses import LABELLED, check_label, cross_entropy, logistic, quadratic
from jaxadv.problems.problem import Problem

FEWEST_BITS = 32  # of a float; residuals of 1e-3 have no meaning in half precision


def check_trial(problem: Problem, point: Float[Array, "*shape"], name: str = "start") -> None:
    """Refuse shapes and types for which no ascent is defined; works while JAX is tracing.

    Args:
        problem: what is to be maximised.
        point: a perturbation.
        name: the name of the perturbation in messages.

    Raises:
        TypeError: if the perturbation is in half precision, or the network or loss cannot be
            called, or returns something of another kind than it should.
        ValueError: if x and the perturbation differ in shape.
    """
    x = problem.x
    _check_precision(name, point.dtype)
    if x.shape != point.shape:
        raise ValueError(f"{name}: shape {point.shape} is not that of x, {x.shape}")
    if x.size == 0:
        raise ValueError(f"x: shape {x.shape} has no entries")
    given = jax.ShapeDtypeStruct(x.shape, point.dtype)
    output = _shape_of(f"network: cannot be called on x of shape {x.shape}", problem.network, given)
    if not isinstance(output, jax.ShapeDtypeStruct) or output.ndim > 1:
        raise TypeError(
            f"network: must give a number or a vector of logits for one input, not {output}; it "
            f"was called on x of shape {x.shape}, without a batch axis"
        )
    if not jnp.issubdtype(output.dtype, jnp.floating):
        raise TypeError(f"network: must give floats, not {output.dtype}")
    _check_precision("network", output.dtype)
    _check_loss(problem, output)
    for method, args in {
        "project": (given,), "tangent": (given, given), "frank_wolfe_gap": (given, given),
    }.items():  # fmt: skip
        shape = () if method == "frank_wolfe_gap" else x.shape
        what = f"constraint: {method} cannot be called on a perturbation of shape {x.shape}"
        value = _shape_of(what, getattr(problem.constraint, method), *args)
        if getattr(value, "shape", None) != shape:
            raise TypeError(f"constraint: {method} must give shape {shape}, and gives {value}")


def _check_loss(problem: Problem, output: jax.ShapeDtypeStruct) -> None:
    loss = getattr(problem.loss, "__name__", repr(problem.loss))
    if problem.loss in (quadratic, logistic) and output.ndim == 1:
        hint = "a network with one output gives a number if it ends in [0]"
        if output.size > 1:
            hint = "for logits give loss='cross-entropy'"
        raise TypeError(
            f"loss: {loss} takes a number, and the network gives shape {output.shape}; {hint}"
        )
    if problem.loss is cross_entropy and output.ndim == 0:
        raise TypeError(f"loss: {loss} takes a vector of logits, and the network gives a number")
    called = (
        f"the network's output of shape {output.shape} and the label, whose value is not known "
        "while a program is compiled"
    )
    value = _shape_of(f"loss: {loss} cannot be called on {called}", problem.loss, output, problem.y)
    if getattr(value, "shape", None) != ():
        raise TypeError(f"loss: {loss} must give a scalar, and gives {value}")


def check_moves(problem: Problem, start: Float[Array, "*shape"], method: Any) -> None:
    """Refuse a method, or the step rule of one, that cannot be called; works while JAX traces.

    Raises:
        TypeError: says what fails, and why.
    """
    given: Any = jax.ShapeDtypeStruct(start.shape, start.dtype)
    number: Any = jax.ShapeDtypeStruct((), start.dtype)
    steps = jax.ShapeDtypeStruct((), jnp.int32)
    rule = getattr(method, "step", None)
    if rule is not None:
        state = _shape_of("step: init cannot be called", rule.init, problem, given)
        _shape_of("step: size cannot be called", rule.size, state, problem, given, steps)
    memory = _shape_of("method: init cannot be called", method.init, problem, given)
    point = Point(given, number, given)
    moved = _shape_of("method: move cannot be called", method.move, problem, point, memory, steps)
    if jax.tree.structure(moved) != jax.tree.structure((given, memory)):
        raise TypeError("method: move must give a perturbation, and a memory as that of init")


def check_problem(problem: Any) -> None:
    """Refuse anything that is not a problem.

    Raises:
        TypeError: for anything but a `Problem`.
    """
    if not isinstance(problem, Problem):
        kind = type(problem).__name__
        raise TypeError(f"problem: must be a ja.Problem, not of type {kind}")


def check_values(problem: Problem, point: Float[Array, "*shape"]) -> None:
    """Refuse a label that the loss is not defined for, where its value is known.

    Raises:
        ValueError: says what the label must be.
    """
    is_known = not isinstance(problem.y, Tracer) and isinstance(problem.x, jax.Array)
    if problem.loss not in LABELLED or not is_known:
        return
    given = jax.ShapeDtypeStruct(problem.x.shape, point.dtype)
    try:
        output = jax.eval_shape(problem.network, given)
    except Exception:  # noqa: BLE001  `check_trial` says what is wrong
        return
    shape = getattr(output, "shape", ())
    check_label(problem.loss, problem.y, shape[0] if len(shape) == 1 else None)


def _check_precision(name: str, dtype: Any) -> None:
    if jnp.finfo(dtype).bits < FEWEST_BITS:
        raise TypeError(
            f"{name}: {jnp.dtype(dtype)} has too few digits to tell when an ascent has converged; "
            "compute in float32 or float64"
        )


def _shape_of(failure: str, function: Any, *args: Any) -> Any:
    """The shape of what a function returns."""
    try:
        return jax.eval_shape(function, *args)
    except Exception as error:  # a user's function may raise anything
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise TypeError(f"{failure}: {reason}") from error
