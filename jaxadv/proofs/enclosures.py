"""Enclosures of a network, its gradient and its layers over all of a set of perturbations.

An enclosure is a lower and an upper bound of each entry, rounding included. Over a set of one point
it says how exact a computed value is.

Source: docs/theory.md, section 9.4.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxadv.problems.constraints import Constraint
from jaxadv.proofs.activation_ranges import activation_range
from jaxadv.proofs.flat_sets import symmetric_hull
from jaxadv.proofs.readable import Readable
from jaxadv.proofs.rounding import SAFETY


class Range(NamedTuple):
    """Arrays that hold each entry of a third one between them."""

    low: Array
    high: Array

    @property
    def middle(self) -> Array:
        """The middle of each interval."""
        return (self.low + self.high) / 2

    @property
    def reach(self) -> Array:
        """How far the ends lie from the middle."""
        return (self.high - self.low) / 2

    def times(self, other: "Range") -> "Range":
        """The products of all entries of the two."""
        every = jnp.stack([one * two for one in self for two in other])
        return Range(every.min(axis=0), every.max(axis=0))


class Layers(NamedTuple):
    """Enclosures of the parts of a network over a set.

    Attributes:
        pre: the pre-activations p_l of each hidden layer.
        jacobians: their derivatives J_l by the input.
        output: the output.
    """

    pre: list[Range]
    jacobians: list[Range]
    output: Range


def gradient_range(h: Readable, x: Float[Array, " dim"], constraint: Constraint | None) -> Range:
    """The gradient ∇h over x plus a set; None is the set {0}."""
    pre = layers_of(h, x, constraint).pre
    slope = exactly(h.weights[-1])
    for layer in range(len(pre) - 1, -1, -1):
        slope = slope_before(h, layer, slope, pre[layer])
    return slope


def slope_before(h: Readable, layer: int, slope: Range, pre: Range) -> Range:
    """The derivatives of h by what a hidden layer takes, from those by what it gives."""
    return product(h.weights[layer].T, slope.times(slopes_of(h, pre)))


def slopes_of(h: Readable, pre: Range) -> Range:
    """σ' over intervals of pre-activations."""
    return Range(*activation_range(h.activation, 1, *pre))


def exactly(values: Array) -> Range:
    """Intervals of one point."""
    return Range(values, values)


def layers_of(h: Readable, x: Float[Array, " dim"], constraint: Constraint | None) -> Layers:
    """The layers of a network with one output over x plus a set; None is the set {0}."""
    value, error = x, jnp.zeros_like(x)  # of σ at δ = 0, and a bound of its rounding error
    jacobian = exactly(h.weights[0])
    pre, jacobians = [], []
    for layer, (weight, bias) in enumerate(zip(h.weights[:-1], h.biases[:-1], strict=True)):
        centre = weight @ value + bias
        sizes = jnp.abs(weight) @ jnp.abs(value) + jnp.abs(bias)
        inherited = jnp.abs(weight) @ error + (h.bias_error if layer == 0 else 0)
        if layer == 0:
            above, below = _support(constraint, weight)
        else:
            slopes = slopes_of(h, pre[-1])
            slopes = Range(slopes.low[:, None], slopes.high[:, None])
            jacobian = product(weight, jacobian.times(slopes))
            # p(x + δ) − p(x) = J δ, J a mean of the derivatives between the two.
            hull = None if constraint is None else symmetric_hull(constraint)
            above = _support(hull, jacobian.middle)[0] + _support(hull, jacobian.reach)[0]
            below = above
        eps = jnp.finfo(x.dtype).eps
        slack = inherited + SAFETY * weight.shape[1] * eps * (sizes + above + below + inherited)
        pre.append(Range(centre - below - slack, centre + above + slack))
        jacobians.append(jacobian)
        low, high = activation_range(h.activation, 0, centre - slack, centre + slack)
        value, error = (low + high) / 2, (high - low) / 2
    values = Range(*activation_range(h.activation, 0, *pre[-1]))
    shifted = product(h.weights[-1], values)
    low, high = (part + h.biases[-1] for part in shifted)
    slack = SAFETY * jnp.finfo(x.dtype).eps * jnp.abs(h.biases[-1])
    return Layers(pre, jacobians, Range(low - slack, high + slack))


def _support(constraint: Any, rows: Float[Array, "width dim"]) -> tuple[Array, Array]:
    """The largest values of ⟨w, δ⟩ and ⟨−w, δ⟩ over a set and 0, for each row w.

    The first is the Frank-Wolfe gap of the gradient w at δ = 0.
    """
    if constraint is None:
        return jnp.zeros_like(rows[:, 0]), jnp.zeros_like(rows[:, 0])
    centre = jnp.zeros(rows.shape[1], rows.dtype)
    gap = jax.vmap(lambda row: constraint.frank_wolfe_gap(centre, row))
    return jnp.maximum(gap(rows), 0), jnp.maximum(gap(-rows), 0)


def product(weight: Float[Array, "out in"], factor: Range) -> Range:
    """Bounds of W·A for all A between two bounds, rounding included."""
    middle = weight @ factor.middle
    sizes = jnp.abs(weight) @ jnp.abs(factor.middle)
    reach = jnp.abs(weight) @ factor.reach
    reach += SAFETY * weight.shape[-1] * jnp.finfo(weight.dtype).eps * (sizes + reach)
    return Range(middle - reach, middle + reach)
