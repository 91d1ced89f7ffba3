"""What is proved of the maximum of a scalar network on a set, and the bound that holds anywhere.

Source: docs/theory.md, section 9.3.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, ScalarLike

from jaxadv.problems.norms import l2_norm, over
from jaxadv.proofs.enclosures import gradient_range, layers_of
from jaxadv.proofs.flat_sets import symmetric_hull
from jaxadv.proofs.readable import Readable
from jaxadv.proofs.rounding import sum_error
from jaxadv.pytrees import pytree

Scalar = Float[Array, ""]
Vector = Float[Array, " dim"]


@pytree
class Pole:
    """What is proved of the *pole* of a scalar network h on a set: its maximum there.

    Attributes:
        point: a point of the set, close to the pole if ``is_global``.
        value: a lower bound of h at a point of the set that is as close as rounding allows.
        multiplier: λ at the point, in units of h over δ².
        curvature: K, an upper bound of the curvature of h, in the same units: on the set, or, in a
            box, along the entries that are not proved to be monotone, on what they leave of it.
        margin: 1 − K/λ, or what takes its place in a box; −inf where λ ≤ 0.
        is_global: whether the global maximum is proved to lie within ``distance`` of the point, and
            to be the only one.
        is_unique: whether h is also proved to have no other local maximum.
        distance: an upper bound of the distance between the two; inf without a proof.
        bound: no point of the set has a larger h.
    """

    point: Vector
    value: Scalar
    multiplier: Scalar
    curvature: Scalar
    margin: Scalar
    is_global: Bool[Array, ""]
    is_unique: Bool[Array, ""]
    distance: Scalar
    bound: Scalar


class Evaluated(NamedTuple):
    """A network at a point, and how exact that is.

    Attributes:
        value: h(z).
        gradient: ∇h(z).
        value_error: an upper bound of the rounding error of the value.
        gradient_error: the same of each entry of the gradient.
    """

    value: Scalar
    gradient: Vector
    value_error: Scalar
    gradient_error: Vector


def evaluate(h: Readable, z: Vector) -> Evaluated:
    """A network and its gradient at a point, from enclosures over that point alone."""
    value, gradient = layers_of(h, z, None).output, gradient_range(h, z, None)
    return Evaluated(value.middle, gradient.middle, value.reach, gradient.reach)


def curvature_needed(h: Readable, x: Vector, constraint: Any, target: ScalarLike) -> Scalar:
    """The curvature below which `bound_on_set` is below a target; −inf if none is low enough."""
    linear = bound_on_set(h, x, constraint, jnp.zeros((), x.dtype))
    room = 2 * over(target - linear, _largest_norm(constraint, x) ** 2)
    return jnp.where(linear < target, room * (1 - sum_error(x)), -jnp.inf)


def bound_on_set(h: Readable, x: Vector, constraint: Any, curvature: Scalar) -> Scalar:
    """An upper bound of h on x plus any set.

    The smaller one of the enclosure of h and of Taylor's formula at x,
    h(x) + max ⟨∇h(x), δ⟩ + ½ max(K, 0) R², R the largest norm of a point of the set.
    """
    at = evaluate(h, x)
    linear = constraint.frank_wolfe_gap(jnp.zeros_like(x), at.gradient)
    largest_norm = _largest_norm(constraint, x)
    quadratic = 0.5 * jnp.maximum(curvature, 0) * largest_norm**2
    slack = at.value_error + largest_norm * l2_norm(at.gradient_error)
    slack += sum_error(x) * (jnp.abs(at.value) + jnp.abs(linear) + quadratic)
    return jnp.minimum(
        at.value + linear + quadratic + slack, layers_of(h, x, constraint).output.high
    )


def _largest_norm(constraint: Any, x: Vector) -> Scalar:
    """An upper bound of the norm of all points of a set."""
    return jnp.asarray(symmetric_hull(constraint).circumradius(x.size), x.dtype)
