"""Upper bounds of margins: how far another answer can get ahead of the right one.

Source: docs/theory.md, section 9.9.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, ScalarLike

from jaxadv.proofs.box_poles import pole_in_box
from jaxadv.proofs.curvature_bound import CurvatureBound
from jaxadv.proofs.flat_sets import bounds_of, flattened, is_box, is_round
from jaxadv.proofs.hessian_bound import hessian_bound
from jaxadv.proofs.poles import Scalar, Vector, bound_on_set, curvature_needed
from jaxadv.proofs.readable import Readable
from jaxadv.proofs.round_poles import find_pole, multiplier_at, pole_at


def margin_bounds(
    network: Readable,
    x: Float[Array, "*shape"],
    label: Any,
    constraint: Any,
    *,
    absent: ScalarLike = -jnp.inf,
    target: ScalarLike | None = None,
) -> Float[Array, " classes"]:
    """Upper bounds of f_j − f_y over x plus a set, for all classes j.

    Args:
        network: a network with an output for each class.
        x: the input.
        label: y, its class.
        constraint: the set.
        absent: what stands in the place of y itself.
        target: the number that the bounds will be compared with; None for tight bounds.
    """
    limits, point = flattened(constraint, x.shape), x.ravel()
    label = jnp.asarray(label).astype(int)

    def bound(other: Array) -> Scalar:
        return _upper_bound(network.difference(other, label), point, limits, target)

    classes = jnp.arange(network.num_outputs)
    return jnp.where(classes == label, absent, jax.vmap(bound)(classes))


def is_proved(
    network: Readable, x: Float[Array, "*shape"], label: Any, constraint: Any, *, targeted: bool
) -> Bool[Array, ""]:
    """Whether no perturbation of a set makes an attack on the answer succeed.

    Args:
        network: a network with an output for each class, or with one whose sign is the answer.
        x: the input.
        label: y: the right answer, or the one to be reached.
        constraint: the set.
        targeted: whether the label is to be reached.
    """
    if network.num_outputs is None:
        sign = 1.0 if targeted else -1.0
        limits = flattened(constraint, x.shape)
        return _upper_bound(network.times(sign * label), x.ravel(), limits, 0.0) < 0
    if targeted:
        # Some other class stays ahead of the target.
        ahead = margin_bounds(network.times(-1.0), x, label, constraint, absent=jnp.inf, target=0.0)
        return jnp.any(ahead < 0)
    return jnp.all(margin_bounds(network, x, label, constraint, target=0.0) < 0)


def _upper_bound(h: Readable, x: Vector, constraint: Any, target: ScalarLike | None) -> Scalar:
    """An upper bound of h on x plus a set; ``target`` as of `margin_bounds`."""
    if is_box(constraint):
        return pole_in_box(h, x, *bounds_of(constraint, x), target=target).bound
    limits = None if target is None else [curvature_needed(h, x, constraint, target)]
    bounded = hessian_bound(h, x, constraint)
    if not is_round(constraint):
        return bound_on_set(h, x, constraint, bounded.largest_eigenvalue(limits))
    tight = target is None
    delta = find_pole(h, x, jnp.asarray(constraint.radius, x.dtype), tight=tight)
    if limits is not None:
        limits.append(multiplier_at(h, x, delta))
    curvature = bounded.largest_eigenvalue(limits)
    # The curvature of −h, which is not known, matters for the distance to the pole alone.
    unknown = jnp.full_like(curvature, jnp.inf)
    pole = pole_at(h, x, constraint, delta, CurvatureBound(curvature, unknown))
    return jnp.minimum(pole.bound, bound_on_set(h, x, constraint, curvature))
