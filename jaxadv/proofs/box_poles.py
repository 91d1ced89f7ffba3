"""The maximum of a scalar network on a box, and what is proved of it.

Source: docs/theory.md, section 9.8.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, ScalarLike

from jaxadv.problems.boxes import Box
from jaxadv.proofs.enclosures import gradient_range
from jaxadv.proofs.flat_sets import box_slack
from jaxadv.proofs.hessian_bound import hessian_bound
from jaxadv.proofs.poles import Pole, Vector, bound_on_set, curvature_needed, evaluate
from jaxadv.proofs.readable import Readable

MOST_ROUNDS = 20  # of the reduction of a box, and of the iteration to a vertex


class Part(NamedTuple):
    """A part of a box, as a box about its middle.

    Attributes:
        middle: its middle.
        reach: how far each entry may lie from the middle; 0 where it is fixed.
        slack: what rounding may add to the two.
    """

    middle: Vector
    reach: Vector
    slack: Vector

    @property
    def box(self) -> Box:
        """A box that holds the part, seen from its middle."""
        reach = self.reach + self.slack
        return Box(-reach, reach)


def pole_in_box(
    h: Readable, x: Vector, lower: Vector, upper: Vector, *, target: ScalarLike | None
) -> Pole:
    """What is proved of the maximum of h on a box.

    First, entries along which h is monotone on all of the box are fixed at their bounds; that
    shrinks the box, and more entries become monotone. Then curvature is weighed against slope at a
    vertex of what is left.

    Args:
        h: a network with one output.
        x: the input.
        lower: the lower bound of each entry of δ.
        upper: the upper bounds.
        target: the number that the bound of h will be compared with; −inf if it will not be, None
            for a tight bound.
    """
    part = reduced(h, x, lower, upper)
    at = x + part.middle
    vertex = _vertex(h, at, part)
    value, gradient, value_error, gradient_error = evaluate(h, at + vertex)
    free = part.reach > 0
    # |g_i| where the gradient holds δ_i at the vertex, at most 0 elsewhere; 2|g_i|/(u_i − l_i).
    slopes = gradient * jnp.sign(vertex) - gradient_error
    multipliers = jnp.where(free, slopes / jnp.where(free, part.reach, 1), jnp.inf)
    bounded = hessian_bound(h, at, part.box)
    is_held = (multipliers > 0).all()
    scale = jnp.where(free & is_held, 1 / jnp.sqrt(jnp.where(free & is_held, multipliers, 1)), 0)
    half, one = jnp.asarray(0.5, x.dtype), jnp.asarray(1.0, x.dtype)
    ratio = bounded.scaled(scale).largest_eigenvalue((half, one))
    is_global = is_held & (ratio < 1)
    within = bounded.scaled(free.astype(x.dtype))
    limits = None if target is None else (curvature_needed(h, at, part.box, target),)
    curvature = within.largest_eigenvalue(limits)
    # The vertex is a corner of the box but for rounding.
    error = value_error + jnp.sum((jnp.abs(gradient) + gradient_error) * part.slack)
    from_vertex = value + jnp.where(is_global, 0, jnp.inf) + error
    return Pole(
        point=part.middle + vertex,
        value=value - error,
        multiplier=jnp.min(multipliers),
        curvature=curvature,
        margin=jnp.where(is_held, 1 - ratio, -jnp.inf),
        is_global=is_global,
        is_unique=is_held & (ratio < 0.5),
        distance=jnp.where(is_global, 0.0, jnp.inf),
        bound=jnp.minimum(from_vertex, bound_on_set(h, at, part.box, curvature)),
    )


def reduced(h: Readable, x: Vector, lower: Vector, upper: Vector) -> Part:
    """The part of a box that holds all local maxima of h, by the signs of its derivatives."""

    def fix(state: tuple[Part, Array, Array]) -> tuple[Part, Array, Array]:
        part, count, _ = state
        slope = gradient_range(h, x + part.middle, part.box)
        # An entry that is fixed already stays where it is.
        up, down = slope.low > 0, slope.high < 0
        shift = jnp.where(up, part.reach, 0) - jnp.where(down, part.reach, 0)
        reach = jnp.where(up | down, 0, part.reach)
        following = Part(part.middle + shift, reach, part.slack)
        return following, count + 1, jnp.any(following.reach < part.reach)

    def goes_on(state: tuple[Part, Array, Array]) -> Bool[Array, ""]:
        return state[2] & (state[1] < MOST_ROUNDS)

    whole = Part((lower + upper) / 2, (upper - lower) / 2, box_slack(lower, upper))
    return jax.lax.while_loop(goes_on, fix, (whole, jnp.int32(0), jnp.bool_(True)))[0]


def _vertex(h: Readable, x: Vector, part: Part) -> Vector:
    """A vertex of a part, seen from its middle, at which the gradient holds all entries.

    δ ← reach·sign ∇h, from the middle; the last one if none is found.
    """

    def step(state: tuple[Vector, Array, Array]) -> tuple[Vector, Array, Array]:
        delta, count, _ = state
        following = part.reach * jnp.sign(jax.grad(h)(x + delta))
        return following, count + 1, jnp.any(following != delta)

    def goes_on(state: tuple[Vector, Array, Array]) -> Bool[Array, ""]:
        return state[2] & (state[1] < MOST_ROUNDS)

    begun = (jnp.zeros_like(x), jnp.int32(0), jnp.bool_(True))
    return jax.lax.while_loop(goes_on, step, begun)[0]


def is_nearest_vertex(
    delta: Vector, vertex: Vector, lower: Vector, upper: Vector
) -> Bool[Array, ""]:
    """Whether each entry of δ is nearer to the vertex's bound than to the other one."""
    is_near = jnp.abs(delta - vertex) < 0.5 * (upper - lower)
    return jnp.all(is_near | ((lower == upper) & jnp.isfinite(delta)))
