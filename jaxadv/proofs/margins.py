"""Upper bounds of margins: how far another answer can get ahead of the right one.

Source: docs/theory.md, section 9.9.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxadv.problems.mlp import MLP
from jaxadv.problems.norms import l2_norm, over
from jaxadv.problems.round_sets import L2Ball, L2Sphere
from jaxadv.proofs.curvature_bound import CurvatureBound
from jaxadv.proofs.flat_sets import flattened, symmetric_hull
from jaxadv.proofs.hessian_bound import hessian_bound
from jaxadv.proofs.poles import Scalar, Vector, bound_on_set, evaluate
from jaxadv.proofs.readable import difference
from jaxadv.proofs.round_poles import find_pole, multiplier_at, pole_at


def margin_bounds(
    mlp: MLP, x: Float[Array, "*shape"], label: Any, constraint: Any
) -> Float[Array, " classes"]:
    """Upper bounds of f_j − f_y over x plus a set, for all classes j; −inf for y itself.

    The class is proved where all are negative.

    Args:
        mlp: a network with an output for each class.
        x: the input.
        label: y, its class.
        constraint: the set.
    """
    limits, point = flattened(constraint, x.shape), x.ravel()
    label = jnp.asarray(label).astype(int)

    def bound(other: Array) -> Scalar:
        return _upper_bound(difference(mlp, other, label), point, limits)

    classes = jnp.arange(mlp.weights[-1].shape[0])
    return jnp.where(classes == label, -jnp.inf, jax.vmap(bound)(classes))


def _upper_bound(h: MLP, x: Vector, constraint: Any) -> Scalar:
    """An upper bound of h, whose sign is what matters."""
    linear = bound_on_set(h, x, constraint, jnp.zeros((), x.dtype))
    radius = jnp.asarray(symmetric_hull(constraint).circumradius(x.size), x.dtype)
    # With less curvature than this, Taylor's formula shows that h is negative.
    needed = over(-2 * linear, radius**2)
    enough = jnp.where(linear < 0, 0.99 * needed, -jnp.inf)
    bounded = hessian_bound(h, x, constraint)
    if not isinstance(constraint, L2Ball | L2Sphere):
        curvature = bounded.largest_eigenvalue(enough=enough, useless=needed)
        return bound_on_set(h, x, constraint, curvature)
    gradient = evaluate(h, x).gradient
    delta = find_pole(h, x, radius, over(radius * gradient, l2_norm(gradient)))
    useless = jnp.maximum(needed, multiplier_at(h, x, delta))
    curvature = bounded.largest_eigenvalue(enough=enough, useless=useless)
    return pole_at(h, x, constraint, delta, CurvatureBound(curvature, curvature)).bound
