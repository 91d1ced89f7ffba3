"""The maxima of a scalar network f and of −f on a set of perturbations.

Source: docs/theory.md, sections 9.3 and 9.4.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxadv.problems.norms import l2_norm
from jaxadv.problems.round_sets import L2Ball, L2Sphere
from jaxadv.proofs.box_poles import is_nearest_vertex, pole_in_box
from jaxadv.proofs.curvature_bound import CurvatureBound
from jaxadv.proofs.flat_sets import bounds_of, is_box, is_round
from jaxadv.proofs.hessian_bound import hessian_bound
from jaxadv.proofs.poles import Pole, Scalar, Vector, bound_on_set, evaluate
from jaxadv.proofs.readable import Readable
from jaxadv.proofs.round_poles import find_pole, multiplier_at, pole_at
from jaxadv.proofs.scalar_problems import ScalarProblem


def extremes_of(f: Readable, x: Vector, constraint: Any, *, tight: bool) -> Pole:
    """The poles of f and of −f on a set, from the input alone; all fields have an axis of two.

    Args:
        f: a network with one output.
        x: the input.
        constraint: the set. Only in L2 balls, L2 spheres and boxes is a maximum ever proved; in
            others there are bounds of f.
        tight: whether bounds have to be tight where nothing is proved, which takes more time.
    """
    signs = jnp.array([1, -1], x.dtype)
    if is_round(constraint):
        return _round_extremes(f, x, constraint, signs, tight=tight)
    if is_box(constraint):
        limits = bounds_of(constraint, x)
        target = None if tight else -jnp.inf
        return jax.vmap(lambda sign: pole_in_box(f.times(sign), x, *limits, target=target))(signs)
    return jax.vmap(lambda sign: _bounded(f.times(sign), x, constraint, tight=tight))(signs)


def at_end(pole: Pole, below: Scalar, question: ScalarProblem, sign: Scalar, delta: Vector) -> Pole:
    """What the pole of h = ±f says of the end of an ascent on h.

    Args:
        pole: the pole of h.
        below: an upper bound of the curvature of −h.
        question: the problem, with the network f.
        sign: 1 for f, −1 for −f.
        delta: the end.
    """
    x, constraint = question.x, question.constraint
    if is_round(constraint):
        curved = CurvatureBound(pole.curvature, below)
        here = pole_at(question.network.times(sign), x, constraint, delta, curved)
        return dataclasses.replace(here, bound=jnp.minimum(here.bound, pole.bound))
    if is_box(constraint):
        is_near = is_nearest_vertex(delta, pole.point, *bounds_of(constraint, x))
        distance = l2_norm(delta - pole.point)
        return dataclasses.replace(
            pole,
            is_global=pole.is_global & is_near,
            is_unique=pole.is_unique & is_near,
            distance=jnp.where(is_near, pole.distance + distance, jnp.inf),
        )
    return pole


def _round_extremes(
    f: Readable,
    x: Vector,
    constraint: L2Ball | L2Sphere,
    signs: Float[Array, " 2"],
    *,
    tight: bool,
) -> Pole:
    radius = jnp.asarray(constraint.radius, x.dtype)
    # On a sphere 2K₊ + K₋ counts.
    share = 3 if isinstance(constraint, L2Sphere) else 2

    def look(sign: Scalar) -> tuple[Vector, Scalar, Scalar]:
        h = f.times(sign)
        point = find_pole(h, x, radius, tight=tight)
        multiplier = multiplier_at(h, x, point)
        limits = None if tight else (multiplier / share, multiplier)
        curvature = hessian_bound(h, x, constraint).largest_eigenvalue(limits)
        return point, curvature, bound_on_set(h, x, constraint, curvature)

    points, curvatures, bounds = jax.vmap(look)(signs)
    poles = jax.vmap(
        lambda sign, point, curved: pole_at(f.times(sign), x, constraint, point, curved)
    )(signs, points, CurvatureBound(curvatures, curvatures[::-1]))
    return dataclasses.replace(poles, bound=jnp.minimum(poles.bound, bounds))


def _bounded(h: Readable, x: Vector, constraint: Any, *, tight: bool) -> Pole:
    """A pole of which nothing but a bound is known."""
    curvature = hessian_bound(h, x, constraint).largest_eigenvalue(None if tight else ())
    nothing, unknown = jnp.zeros((), x.dtype), jnp.full((), jnp.inf, x.dtype)
    return Pole(
        point=jnp.zeros_like(x),
        value=evaluate(h, x).value,
        multiplier=nothing,
        curvature=curvature,
        margin=-unknown,
        is_global=jnp.bool_(False),
        is_unique=jnp.bool_(False),
        distance=unknown,
        bound=bound_on_set(h, x, constraint, curvature),
    )
