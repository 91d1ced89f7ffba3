"""Functions that are computed with kinks and have none: softmax, logsumexp, softplus and others.

For the sake of range, exp(a) / Σ exp(a) is computed as exp(a - m) / Σ exp(a - m), with m the
greatest entry of a. This m has kinks, but the quotient is the same for any m. `shift_of` follows
how m enters each value until it cancels; axes, keepdims and batches make no difference to it.

The function logaddexp, and so softplus, brings a derivative of its own. `is_logaddexp` compares its
computation and its derivative with those of JAX.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, JaxprEqn, jaxpr_as_fun

from jaxadv.problems.smooth_operations import (
    Fact,
    Shift,
    is_of,
    kinked,
    merged,
    shape_of,
)

# A quantity must be finite to cancel: log(x) - log(x) is NaN at 0. It is finite if its kinks come
# from these operations alone.
FINITE = {"is_finite", "max", "reduce_max", "select_n", "stop_gradient"}
UNCHANGED = {"abs", "convert_element_type", "copy", "name", "optimization_barrier"}
# For each operation: whether m must be in a factor, and the sign that it gives to the second power.
COMBINING = {
    "add": (False, 1),
    "add_any": (False, 1),
    "sub": (False, -1),
    "mul": (True, 1),
    "div": (True, -1),
}


def shift_of(equation: JaxprEqn, facts: Sequence[Fact], index: int) -> Shift | None:
    """How a quantity with kinks enters result `index` of an operation that is analytic itself.

    Returns:
        None where the quantity cancels. A quantity of its own where the operation is not one of
        those that softmax and logsumexp consist of.
    """
    name, shape = equation.primitive.name, shape_of(equation.outvars[index])
    kinks = merged(fact.kinks for fact in facts)
    opaque = kinked(kinks, shape).shift
    if not FINITE.issuperset(kinks):
        return opaque
    if name in UNCHANGED:
        return facts[index].shift
    if name in COMBINING:
        return _combined(name, [_aligned(fact.shift, len(shape)) for fact in facts], opaque)
    shift = facts[0].shift
    carried = _carried(equation, shift) if shift and len(facts) == 1 else None
    return carried or opaque


def _carried(equation: JaxprEqn, shift: Shift) -> Shift | None:
    """How the quantity enters a function of one operand; None where that is not known."""
    match equation.primitive.name, shift.factor:
        case "neg", factor:
            return shift if factor else replace(shift, power=-shift.power)
        case "exp", False:
            return replace(shift, factor=True)
        case "log", True:
            return replace(shift, factor=False)
    axes = _moved_axes(equation, shift)
    return None if axes is None else replace(shift, axes=axes)


def _aligned(shift: Shift | None, rank: int) -> Shift | None:
    """A number meets all entries of an array alike."""
    return replace(shift, axes=(None,) * rank) if shift and not shift.axes else shift


def _combined(name: str, shifts: Sequence[Shift | None], opaque: Shift | None) -> Shift | None:
    """The powers of one quantity add up; two quantities make a third."""
    factor, sign = COMBINING[name]
    present = [shift for shift in shifts if shift]
    if len({(shift.symbol, shift.axes) for shift in present}) > 1 or any(
        shift.factor != factor for shift in present
    ):
        return opaque
    powers = [shift.power if shift else 0 for shift in shifts]
    power = powers[0] + sign * powers[1]
    return replace(present[0], power=power) if power else None


def _moved_axes(equation: JaxprEqn, shift: Shift) -> tuple[int | None, ...] | None:
    """The axes of a sum or of moved entries; None after any other operation."""
    params, axes = equation.params, shift.axes
    shape, new_shape = shape_of(equation.invars[0]), shape_of(equation.outvars[0])
    match equation.primitive.name:
        case "broadcast_in_dim":
            places = dict(zip(params["broadcast_dimensions"], axes, strict=True))
            return tuple(places.get(i) for i in range(len(new_shape)))
        case "transpose":
            return tuple(axes[i] for i in params["permutation"])
        case "reshape" if params.get("dimensions") is not None:
            return None  # the axes are exchanged before
        case "squeeze" | "reshape" if _without_ones(shape) == _without_ones(new_shape):
            rest = iter([axis for axis, size in zip(axes, shape, strict=True) if size != 1])
            return tuple(next(rest) if size != 1 else None for size in new_shape)
        case "reduce_sum" if shift.factor and all(axes[i] is None for i in params["axes"]):
            return tuple(axis for i, axis in enumerate(axes) if i not in params["axes"])
    return None


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]


def is_logaddexp(equation: JaxprEqn) -> bool:
    """Whether a function with a rule for its derivative is `jax.numpy.logaddexp`, or a batch of it.

    Its computation and its first two derivatives must be those of JAX to the last operation.
    """
    operands = equation.invars
    return (
        equation.primitive.name == "custom_jvp_call"
        and len(operands) == 2
        and is_of(operands, jnp.floating, bits=32)
        and any(_is_same(reference, equation, orders=2) for reference in _logaddexps(operands))
    )


def _is_same(reference: JaxprEqn, equation: JaxprEqn, orders: int) -> bool:
    """Whether two functions agree up to a derivative: so they do if they are the same in print."""
    both = (reference, equation)
    bodies, settings = (
        [str(one.params.get(part)) for one in both] for part in ("call_jaxpr", "symbolic_zeros")
    )
    if bodies[0] != bodies[1] or settings[0] != settings[1]:
        return False
    rules = [_rule(one) for one in both]
    if str(rules[0]) != str(rules[1]):
        return False
    # Of a rule within the rule, the print has nothing but the name.
    inner = [[e for e in rule.eqns if e.primitive.name == "custom_jvp_call"] for rule in rules]
    return orders == 1 or all(
        _is_same(one, other, orders - 1) for one, other in zip(*inner, strict=True)
    )


def _logaddexps(operands: Sequence[Any]) -> Iterator[JaxprEqn]:
    """JAX's own on such operands, and under one vmap over any of their axes."""
    left, right = (_blank(operand) for operand in operands)
    axes = product(*([None, *range(len(array.shape))] for array in (left, right)))
    for in_axes in axes:
        function = jnp.logaddexp
        if in_axes != (None, None):
            function = jax.vmap(function, in_axes)
        try:
            with jax.numpy_rank_promotion("allow"):
                traced = jax.make_jaxpr(function)(left, right)
        except (TypeError, ValueError):  # these axes do not fit
            continue
        yield from (e for e in traced.eqns if e.primitive.name == "custom_jvp_call")


def _rule(equation: JaxprEqn) -> ClosedJaxpr:
    """The computation of an equation's derivative."""
    body = equation.params["call_jaxpr"].jaxpr
    equation = equation.replace(invars=body.invars)
    alone = body.replace(eqns=[equation], outvars=equation.outvars)
    function = jaxpr_as_fun(ClosedJaxpr(alone, ()))
    operands = [_blank(operand) for operand in body.invars]
    return jax.make_jaxpr(lambda x, dx: jax.jvp(function, x, dx))(operands, operands)


def _blank(value: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(value.aval.shape, value.aval.dtype)
