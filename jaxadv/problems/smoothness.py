"""Whether a function is analytic, read from its own computation.

A critical point is certified by the second derivative there, which says nothing about a function
with kinks nearby. `kinks` follows the argument through each operation that JAX records.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.core import ShapedArray
from jax.extend.core import JaxprEqn, Literal

from jaxadv.problems.smooth_functions import is_logaddexp, shift_of
from jaxadv.problems.smooth_operations import (
    Fact,
    Sign,
    constant,
    is_analytic,
    joined,
    kinked,
    merged,
    shape_of,
)
from jaxadv.problems.smooth_signs import folded, sign_of


def kinks(function: Callable[..., Any], argument: Any, *constants: Any) -> tuple[str, ...]:
    """The operations that may make a function non-analytic in its first argument.

    Only operations that reach the result count, in exact arithmetic and at every argument: sqrt(x²)
    has a kink, sqrt(x² + 1) has none. An operation that is not known to be analytic counts as a
    kink, and so does a derivative that a user has defined. softmax, logsumexp, softplus and
    functions made of them are recognised, whatever their names.

    Args:
        function: any function of arrays that JAX can trace.
        argument: its first argument, an array or a `jax.ShapeDtypeStruct`.
        constants: its other arguments, in which it may have kinks.

    Returns:
        The names of JAX's operations, each once; empty if the function is analytic.

    Example:
        >>> import jax.numpy as jnp
        >>> kinks(lambda x: jnp.sum(jnp.tanh(x)), jnp.ones(3))
        ()
        >>> kinks(lambda x: jnp.sum(jax.nn.relu(x)), jnp.ones(3))
        ('max',)
    """
    # A new function, because JAX keeps what it traced, and a user's function may have changed.
    computation = jax.make_jaxpr(lambda *args: function(*args))(argument, *constants)  # noqa: PLW0108
    number = len(jax.tree.leaves(argument))
    operands = [Fact(depends=i < number) for i in range(len(computation.in_avals))]
    return merged(fact.kinks for fact in _results(computation, operands))


def _results(computation: Any, operands: Sequence[Fact]) -> list[Fact]:
    """Facts of a computation's results (open or closed), from the facts of its operands."""
    jaxpr = getattr(computation, "jaxpr", computation)
    consts = map(constant, getattr(computation, "consts", ()))
    facts = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *operands), strict=True))

    def fact_of(value: Any) -> Fact:
        return constant(value.val) if isinstance(value, Literal) else facts[value]

    for equation in jaxpr.eqns:
        operation = NESTED.get(equation.primitive.name, _single)
        results = operation(equation, [fact_of(value) for value in equation.invars])
        facts.update(zip(equation.outvars, results, strict=True))
    return [fact_of(value) for value in jaxpr.outvars]


def _single(equation: JaxprEqn, facts: Sequence[Fact]) -> list[Fact]:
    """An operation without a computation inside, or with one that is not followed."""
    name, results = equation.primitive.name, equation.outvars
    inherited = merged(fact.kinks for fact in facts)
    values = (*equation.invars, *results)
    if (
        equation.effects
        or name in IMPURE
        or not all(isinstance(value.aval, ShapedArray) for value in values)
    ):
        # It may read what another operation has written.
        return [kinked(merged([inherited, (name,)]), shape_of(result)) for result in results]
    number = folded(equation, facts)
    if number:
        return [number for _ in results]
    depends = any(fact.depends for fact in facts)
    sign = sign_of(equation, facts)
    if depends and not is_analytic(equation, facts):
        names = merged([inherited, (name,)])
        return [kinked(names, shape_of(result), sign) for result in results]
    return [
        Fact(depends, sign, shift=shift_of(equation, facts, i) if inherited else None)
        for i in range(len(results))
    ]


def _call(equation: JaxprEqn, facts: Sequence[Fact]) -> list[Fact]:
    """A computation that is done once, such as that of jit."""
    return _results(_inside(equation), facts)


def _custom(equation: JaxprEqn, facts: Sequence[Fact]) -> list[Fact]:
    """A function with a derivative of its own, which may differ from that of its value."""
    depends = any(fact.depends for fact in facts)
    inherited = merged(fact.kinks for fact in facts)
    if is_logaddexp(equation):
        # log(exp(a) + exp(b)) is greater than both a and b.
        sign = Sign.POSITIVE if max(fact.sign for fact in facts) else Sign.ANY
        shape = shape_of(equation.outvars[0])
        return [kinked(inherited, shape, sign) if inherited else Fact(depends, sign)]
    results = _results(_inside(equation), facts)
    if not depends:
        return results
    names = merged(fact.kinks for fact in results) or (equation.primitive.name,)
    return _kinked_results(equation, names)


def _scan(equation: JaxprEqn, facts: Sequence[Fact]) -> list[Fact]:
    body = _inside(equation)
    # Versions of JAX keep these numbers differently. Scanned and stacked arrays have one axis more.
    num_carry = sum(
        len(shape_of(result)) == len(aval.shape)
        for result, aval in zip(equation.outvars, body.out_avals, strict=True)
    )
    num_scanned = sum(
        len(shape_of(operand)) > len(aval.shape)
        for operand, aval in zip(equation.invars, body.in_avals, strict=True)
    )
    num_consts = len(facts) - num_carry - num_scanned
    consts, carry = facts[:num_consts], facts[num_consts : num_consts + num_carry]
    inputs = body.in_avals[num_consts + num_carry :]
    slices = [
        joined([fact], aval.shape)
        for fact, aval in zip(facts[num_consts + num_carry :], inputs, strict=True)
    ]
    carry = _settled(
        lambda carry: _results(body, [*consts, *carry, *slices])[:num_carry],
        carry,
        body.out_avals,
    )
    results = _results(body, [*consts, *carry, *slices])
    return carry + [
        joined([fact], shape_of(result))
        for fact, result in zip(results[num_carry:], equation.outvars[num_carry:], strict=True)
    ]


def _while(equation: JaxprEqn, facts: Sequence[Fact]) -> list[Fact]:
    params = equation.params
    condition, body = params["cond_jaxpr"], params["body_jaxpr"]
    for_condition = facts[: params["cond_nconsts"]]
    for_body = facts[params["cond_nconsts"] :][: params["body_nconsts"]]
    carry = _settled(
        lambda carry: _results(body, [*for_body, *carry]),
        facts[len(for_condition) + len(for_body) :],
        body.out_avals,
    )
    (goes_on,) = _results(condition, [*for_condition, *carry])
    if goes_on.depends:  # the number of turns jumps with the argument
        names = merged([*(fact.kinks for fact in carry), goes_on.kinks, ("while",)])
        return _kinked_results(equation, names)
    return carry


def _settled(
    turn: Callable[[list[Fact]], list[Fact]], start: Sequence[Fact], avals: Sequence[Any]
) -> list[Fact]:
    """Facts of a loop's carry that hold before each turn and after the last."""
    carry = [joined([fact], aval.shape) for fact, aval in zip(start, avals, strict=False)]
    while True:
        before = carry
        carry = [
            joined(pair, aval.shape)
            for *pair, aval in zip(before, turn(before), avals, strict=False)
        ]
        if [_lasting(fact) for fact in carry] == [_lasting(fact) for fact in before]:
            return before


def _lasting(fact: Fact) -> tuple[bool, Sign, float | None, set[str]]:
    return fact.depends, fact.sign, fact.value, set(fact.kinks)


def _cond(equation: JaxprEqn, facts: Sequence[Fact]) -> list[Fact]:
    choice, *operands = facts
    branches = [_results(branch, operands) for branch in equation.params["branches"]]
    results = [
        joined(facts, shape_of(result))
        for *facts, result in zip(*branches, equation.outvars, strict=True)
    ]
    if choice.depends:
        names = merged([choice.kinks, *(fact.kinks for fact in results), ("cond",)])
        return _kinked_results(equation, names)
    return results


def _kinked_results(equation: JaxprEqn, names: tuple[str, ...]) -> list[Fact]:
    return [kinked(names, shape_of(result)) for result in equation.outvars]


def _inside(equation: JaxprEqn) -> Any:
    params = equation.params
    return params["jaxpr"] if "jaxpr" in params else params["call_jaxpr"]


# Results of these operations may depend on what was computed elsewhere.
IMPURE = {"pure_callback", "io_callback", "rng_uniform"}
# Operations with computations inside that are followed.
NESTED = {
    "checkpoint": _call,
    "closed_call": _call,
    "cond": _cond,
    "core_call": _call,
    "custom_jvp_call": _custom,
    "custom_vjp_call": _custom,
    "custom_vjp_call_jaxpr": _custom,
    "jit": _call,
    "pjit": _call,
    "remat": _call,
    "remat2": _call,
    "scan": _scan,
    "while": _while,
}
