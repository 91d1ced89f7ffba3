"""The sign of the result of a single operation of JAX, and its number where that is known."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jax.extend.core import JaxprEqn

from jaxadv.problems.smooth_operations import MOVING, Fact, Sign, constant, is_of, shape_of

LARGEST_EXPONENT = 80.0  # in absolute value; single precision has room for its exponential
# From an equation and the facts of its operands to the sign of its result.
SignRule = Callable[[JaxprEqn, Sequence[Fact]], Sign]


def _least(operands: slice) -> SignRule:
    return lambda _, facts: min(fact.sign for fact in facts[operands])


def _at_least(sign: Sign) -> SignRule:
    return lambda _, facts: max(sign, facts[0].sign)


def _sum(_: JaxprEqn, facts: Sequence[Fact]) -> Sign:
    signs = [fact.sign for fact in facts]
    return max(signs) if min(signs) >= Sign.NONNEGATIVE else Sign.ANY


def _vanishing(_: JaxprEqn, facts: Sequence[Fact]) -> Sign:
    """Of a constant that is not small the result may be 0, by design or by underflow."""
    number = facts[0].value
    small = facts[0].depends or (number is not None and abs(number) < LARGEST_EXPONENT)
    return Sign.POSITIVE if small else Sign.NONNEGATIVE


def _product(equation: JaxprEqn, facts: Sequence[Fact]) -> Sign:
    square = equation.invars[0] is equation.invars[1]
    return max(facts[0].sign, Sign.NONNEGATIVE) if square else min(f.sign for f in facts)


def _matrix_product(equation: JaxprEqn, facts: Sequence[Fact]) -> Sign:
    """An array's product with itself is a sum of squares if each of its axes meets itself."""
    left, right = equation.invars[:2]
    (contracted, contracted_right), (batch, batch_right) = equation.params["dimension_numbers"]
    same = left is right and (*contracted, *batch) == (*contracted_right, *batch_right)
    if same and len(contracted) + len(batch) == len(shape_of(left)):
        return Sign.NONNEGATIVE
    return min(facts[0].sign, facts[1].sign, Sign.NONNEGATIVE)


def _sum_along_axes(equation: JaxprEqn, facts: Sequence[Fact]) -> Sign:
    empty = 0 in shape_of(equation.invars[0])
    return min(facts[0].sign, Sign.NONNEGATIVE) if empty else facts[0].sign


def _window_sum(_: JaxprEqn, facts: Sequence[Fact]) -> Sign:
    return min(facts[0].sign, Sign.NONNEGATIVE)  # a window may lie in the padding


def _power(equation: JaxprEqn, facts: Sequence[Fact]) -> Sign:
    exponent = equation.params["y"] if "y" in equation.params else facts[1].value
    even = exponent is not None and exponent % 2 == 0
    return max(facts[0].sign, Sign.NONNEGATIVE) if even else facts[0].sign


def _gathered(equation: JaxprEqn, facts: Sequence[Fact]) -> Sign:
    return facts[0].sign if equation.params.get("fill_value") is None else Sign.ANY


def _scattered(equation: JaxprEqn, facts: Sequence[Fact]) -> Sign:
    custom = equation.primitive.name == "scatter" and equation.params.get("update_jaxpr")
    return Sign.ANY if custom else min(facts[0].sign, facts[2].sign)


OF_MOVED: dict[str, SignRule] = {
    **dict.fromkeys(MOVING, _least(slice(None))),
    "dynamic_slice": _least(slice(1)),
    "dynamic_update_slice": _least(slice(2)),
    "gather": _gathered,
    "select_n": _least(slice(1, None)),
}
POSITIVE_VALUED = ("cosh", "rsqrt")
# Positive, except for infinite constants and underflow.
VANISHING = ("erfc", "exp", "exp2", "logistic")
SIGN_KEEPING = (
    "asinh", "atan", "cbrt", "convert_element_type", "cumprod", "cumsum", "erf", "expm1", "log1p",
    "reduce_prod", "sign", "sinh", "sqrt", "tanh",
)  # fmt: skip
OF_COMPUTED: dict[str, SignRule] = {
    **dict.fromkeys(POSITIVE_VALUED, _at_least(Sign.POSITIVE)),
    **dict.fromkeys(VANISHING, _vanishing),
    **dict.fromkeys(SIGN_KEEPING, _at_least(Sign.ANY)),
    "abs": _at_least(Sign.NONNEGATIVE),
    "add": _sum,
    "add_any": _sum,
    "div": _least(slice(None)),
    "dot_general": _matrix_product,
    "integer_pow": _power,
    "max": lambda _, facts: max(fact.sign for fact in facts),
    "mul": _product,
    "pow": _power,
    "reduce_sum": _sum_along_axes,
    "reduce_window_sum": _window_sum,
    "scatter": _scattered,
    "scatter-add": _scattered,
    "square": _at_least(Sign.NONNEGATIVE),
}


def sign_of(equation: JaxprEqn, facts: Sequence[Fact]) -> Sign:
    """The sign of what an operation makes of operands of which these facts hold."""
    name = equation.primitive.name
    if name in OF_MOVED:
        return OF_MOVED[name](equation, facts)
    # Integers overflow, and complex numbers have no sign.
    real = is_of(equation.outvars, jnp.floating) and not any(
        is_of([operand], jnp.complexfloating) for operand in equation.invars
    )
    return OF_COMPUTED[name](equation, facts) if real and name in OF_COMPUTED else Sign.ANY


FOLDED = {
    "add": np.add,
    "convert_element_type": np.positive,
    "div": np.divide,
    "mul": np.multiply,
    "neg": np.negative,
    "sub": np.subtract,
}


def folded(equation: JaxprEqn, facts: Sequence[Fact]) -> Fact | None:
    """What an operation makes of known numbers; None where they or the operation are unknown."""
    name, numbers = equation.primitive.name, [fact.value for fact in facts]
    if not facts or None in numbers or not is_of(equation.outvars, jnp.floating):
        return None
    if name in MOVING and len(set(numbers)) == 1:
        return constant(numbers[0])
    if name not in FOLDED:
        return None
    with np.errstate(all="ignore"):
        return constant(FOLDED[name](*map(np.float64, numbers)))
