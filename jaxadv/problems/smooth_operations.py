"""Where a single operation of JAX is analytic, and what sign its result has.

An operation that is not listed here counts as one with a kink.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import ShapedArray, Tracer
from jax.extend.core import JaxprEqn


class Sign(IntEnum):
    """What is known of the sign of all entries, in exact arithmetic.

    Two sorts of constants count as if they were not there: NaN, and an infinity of which an
    exponential is taken, such as that of a mask before softmax.
    """

    ANY = 0
    NONNEGATIVE = 1
    POSITIVE = 2


@dataclass(frozen=True)
class Shift:
    """How a quantity m with kinks enters a value that is otherwise analytic.

    The value is a + power·m, or a · exp(power·m) where `factor` is set, with a analytic. A value
    with a kink of its own is 0 + m.

    Attributes:
        symbol: stands for m; another quantity has another symbol.
        axes: for each axis of the value, the axis of m along it; None where m is constant.
        power: the coefficient of m.
        factor: whether m is in a factor, not in a term.
        kinks: the operations that gave m its kinks.
    """

    symbol: object
    axes: tuple[int | None, ...]
    power: int
    factor: bool
    kinks: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """What is known of one value of a computation.

    Attributes:
        depends: whether it may depend on the argument.
        sign: the sign of all its entries.
        value: the number that all its entries equal, where one is known.
        shift: how a quantity with kinks enters; None for an analytic value.
    """

    depends: bool
    sign: Sign = Sign.ANY
    value: float | None = None
    shift: Shift | None = None

    @property
    def kinks(self) -> tuple[str, ...]:
        """The operations that give this value its kinks."""
        return self.shift.kinks if self.shift else ()


def merged(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """All names, each once, in their order."""
    return tuple(dict.fromkeys(name for group in names for name in group))


def kinked(kinks: tuple[str, ...], shape: Sequence[int], sign: Sign = Sign.ANY) -> Fact:
    """A value of which nothing is known but its sign and where its kinks come from."""
    axes = tuple(axis if size != 1 else None for axis, size in enumerate(shape))
    return Fact(depends=True, sign=sign, shift=Shift(object(), axes, 1, factor=False, kinks=kinks))


def joined(facts: Sequence[Fact], shape: Sequence[int]) -> Fact:
    """What is known of a value that may be any of several, or is put together from them."""
    sign = min(fact.sign for fact in facts)
    kinks = merged(fact.kinks for fact in facts)
    if kinks:
        return kinked(kinks, shape, sign)
    values = {fact.value for fact in facts}
    value = values.pop() if len(values) == 1 else None
    return Fact(any(fact.depends for fact in facts), sign, value)


def constant(array: Any) -> Fact:
    """What is known of an array that does not depend on the argument."""
    kind = jax.typeof(array)
    if (
        isinstance(array, Tracer)
        or not isinstance(kind, ShapedArray)
        or not any(jnp.issubdtype(kind.dtype, t) for t in (np.bool_, jnp.integer, jnp.floating))
        or not getattr(array, "is_fully_addressable", True)
    ):
        return Fact(depends=False)
    numbers = np.asarray(array)
    if numbers.dtype not in (np.float32, np.float64):
        numbers = numbers.astype(np.float64)
    if not numbers.size or np.isinf(numbers).any():
        return Fact(depends=False)
    least = float(np.min(numbers, initial=np.inf, where=~np.isnan(numbers)))
    sign = Sign(int(least >= 0) + int(least > 0))
    return Fact(depends=False, sign=sign, value=least if (numbers == least).all() else None)


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of a variable or literal of a computation."""
    return getattr(value.aval, "shape", ())


def is_of(values: Iterable[Any], kind: Any, bits: int = 0) -> bool:
    """Whether all these variables or literals are numbers of a kind, with so many bits or more."""
    dtypes = [value.aval.dtype for value in values]
    return all(jnp.issubdtype(dtype, kind) and 8 * dtype.itemsize >= bits for dtype in dtypes)


# A condition of an operation, on what is known of its operands.
Condition = Callable[[JaxprEqn, Sequence[Fact]], bool]
# Operations that put entries elsewhere, and change none.
MOVING = {
    "broadcast_in_dim", "concatenate", "copy", "copy_p", "device_put", "expand_dims", "name",
    "optimization_barrier", "pad", "reshape", "rev", "sharding_constraint", "slice", "split",
    "squeeze", "stack", "tile", "transpose", "unstack",
}  # fmt: skip
SUMS_AND_PRODUCTS = {
    "add", "add_any", "complex", "conj", "cumprod", "cumsum",
    "fft", "imag", "mul", "neg", "real", "reduce_prod", "reduce_sum", "reduce_window_sum", "square",
    "sub",
}  # fmt: skip
# Functions that are analytic on the whole real line.
ANALYTIC = {
    "asinh", "atan", "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1", "logistic", "sin",
    "sinh", "tanh",
}  # fmt: skip


def _has_sign(sign: Sign, operand: int = 0) -> Condition:
    return lambda _, facts: facts[operand].sign >= sign


def _is_fixed(indices: slice) -> Condition:
    return lambda _, facts: not any(fact.depends for fact in facts[indices])


def _is_overwritten(equation: JaxprEqn, facts: Sequence[Fact]) -> bool:
    """Entries may also be changed by any function: x.at[0].apply(abs)."""
    return equation.params.get("update_jaxpr") is None and not facts[1].depends


def _is_divisor(_: JaxprEqn, facts: Sequence[Fact]) -> bool:
    return not facts[1].depends or facts[1].sign == Sign.POSITIVE


def _is_power(_: JaxprEqn, facts: Sequence[Fact]) -> bool:
    exponent = facts[1].value
    natural = exponent is not None and exponent >= 0 and exponent.is_integer()
    return natural or facts[0].sign == Sign.POSITIVE


def _is_integer_power(equation: JaxprEqn, facts: Sequence[Fact]) -> bool:
    return equation.params["y"] >= 0 or facts[0].sign == Sign.POSITIVE


def _is_idle(_: JaxprEqn, facts: Sequence[Fact]) -> bool:
    """The greater of a number and of what is known to be above it.

    Where 0 meets what may be 0 as well, such as a variance, JAX halves the derivative.
    """

    def is_above(fact: Fact, bound: float | None) -> bool:
        if bound is None or bound > 0:
            return False
        return fact.sign == Sign.POSITIVE or (bound < 0 and fact.sign == Sign.NONNEGATIVE)

    return is_above(facts[0], facts[1].value) or is_above(facts[1], facts[0].value)


def _is_precise(equation: JaxprEqn, _: Sequence[Fact]) -> bool:
    """Products can be asked for in half precision though their operands have more bits."""
    asked = str(equation.params.get("precision"))
    return not any(half in asked for half in ("F16", "TF32", "F8"))


def _keeps_precision(equation: JaxprEqn, _: Sequence[Fact]) -> bool:
    return is_of((*equation.invars, *equation.outvars), jnp.inexact, bits=32)


def _always(*_: Any) -> bool:
    return True


# Where each operation is analytic. Entries that move to fixed places make a linear function. On
# numbers of the sign that is asked for, abs is linear and sign is constant.
OF_COMPLEX: dict[str, Condition] = {
    **dict.fromkeys(MOVING | SUMS_AND_PRODUCTS, _always),
    "conv_general_dilated": _is_precise,
    "convert_element_type": _keeps_precision,
    "div": _is_fixed(slice(1, 2)),
    "dot_general": _is_precise,
    "dynamic_slice": _is_fixed(slice(1, None)),
    "dynamic_update_slice": _is_fixed(slice(2, None)),
    "gather": _is_fixed(slice(1, 2)),
    "integer_pow": _is_integer_power,
    "scatter": _is_overwritten,
    "scatter-add": _is_fixed(slice(1, 2)),
    "select_n": _is_fixed(slice(0, 1)),
}
OF_REAL: dict[str, Condition] = OF_COMPLEX | {
    **dict.fromkeys(ANALYTIC, _always),
    "abs": _has_sign(Sign.NONNEGATIVE),
    "cbrt": _has_sign(Sign.POSITIVE),
    "div": _is_divisor,
    "log": _has_sign(Sign.POSITIVE),
    "log1p": _has_sign(Sign.NONNEGATIVE),
    "max": _is_idle,
    "pow": _is_power,
    "rsqrt": _has_sign(Sign.POSITIVE),
    "sqrt": _has_sign(Sign.POSITIVE),
}


def is_analytic(equation: JaxprEqn, facts: Sequence[Fact]) -> bool:
    """Whether an operation is analytic at all operands of which these facts hold."""
    is_complex = any(is_of([value], jnp.complexfloating) for value in equation.invars)
    condition = (OF_COMPLEX if is_complex else OF_REAL).get(equation.primitive.name)
    # Numbers of fewer bits are so coarse that they make steps.
    fine = all(
        is_of([value], jnp.floating, bits=32)
        for value in equation.outvars
        if is_of([value], jnp.floating)
    )
    return fine and condition is not None and condition(equation, facts)
