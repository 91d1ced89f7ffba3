"""The part of an L2 ball that lies in a box, such as the range of pixels."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, ScalarLike

from jaxadv.problems.boxes import Bound, Box
from jaxadv.problems.checks import check_number
from jaxadv.problems.faces import CutFace
from jaxadv.problems.norms import entry_scale, inner, is_zero, l2_norm, rounding
from jaxadv.pytrees import pytree, set_fields

Vector = Float[Array, "*shape"]


@pytree
class L2BallInBox:
    """{δ : ‖δ‖₂ ≤ radius, lower_i ≤ δ_i ≤ upper_i}; 0 must be one of its points.

    It has no ``random_point``, because a uniform one would take a long Markov chain. `random_start`
    projects a point that is uniform in the ball.

    Attributes:
        radius: of the ball.
        lower: the lower bounds, 0 or below: a number, or an array of the shape of x.
        upper: the upper bounds, 0 or above, likewise.

    Raises:
        TypeError: for a radius or bounds that are no numbers.
        ValueError: for a negative radius, or bounds between which 0 does not lie.

    Example:
        >>> L2BallInBox(5.0, 0.0, 3.0).project(jnp.array([6.0, 8.0, -1.0])).tolist()
        [3.0, 3.0, 0.0]
    """

    radius: ScalarLike
    lower: Bound
    upper: Bound

    def __init__(self, radius: Any, lower: Any, upper: Any) -> None:
        check_number("radius", radius, positive=False)
        box = Box(lower, upper)
        set_fields(self, radius=radius, lower=box.lower, upper=box.upper)
        for name, bound, sign in (("lower", box.lower, -1), ("upper", box.upper, 1)):
            is_known = not isinstance(bound, Tracer | jax.ShapeDtypeStruct)
            if is_known and (sign * np.asarray(bound) < 0).any():
                worst = sign * float(np.min(sign * np.asarray(bound)))
                side = "0 or below" if sign < 0 else "0 or above"
                raise ValueError(f"{name}: {worst:g} must be {side}, so that 0 is in the set")

    @property
    def box(self) -> Box:
        """The box alone."""
        return Box(self.lower, self.upper)

    def project(self, delta: Vector) -> Vector:
        """clip(t·δ) with the largest t ≤ 1 for which its norm is at most the radius.

        A point of the set, or outside the ball by rounding only, stays bit for bit.
        """
        radius = jnp.asarray(self.radius, delta.dtype)
        clipped = self.box.project(delta)
        slack = rounding(delta.size, delta.dtype)
        outside = l2_norm(clipped, unit=radius) > radius * (1 + slack)
        return jnp.where(outside | is_zero(radius), self._farthest(delta), clipped)

    def tangent(self, delta: Vector, vector: Vector) -> Vector:
        """All of v but for the entries that are fixed."""
        return self.box.tangent(delta, vector)

    def circumradius(self, dim: int) -> ScalarLike:
        """The smaller one of the ball's and the box's; the set's own is at most that."""
        return jnp.minimum(self.radius, self.box.circumradius(dim))

    def frank_wolfe_gap(self, delta: Vector, gradient: Vector) -> Float[Array, ""]:
        """⟨z − δ, g⟩ at z = clip(t·g) with the largest t that the ball allows."""
        return inner(self._farthest(gradient) - delta, gradient)

    def active(self, delta: Vector, slack: float) -> Bool[Array, " constraint"]:
        """For each entry whether it is at a bound, and last whether ‖δ‖₂ is the radius."""
        on_sphere = l2_norm(delta, unit=self.radius) >= self.radius * (1 - slack)
        return jnp.append(self.box.active(delta, slack).ravel(), on_sphere)

    def face(self, delta: Vector, active: Bool[Array, " constraint"]) -> CutFace:
        """The face on which active entries stay at their bounds, and δ on the sphere if active."""
        flat = self.box.face(delta, active[:-1].reshape(delta.shape))
        return CutFace(flat, active[-1], jnp.asarray(self.radius, delta.dtype))

    def within(self, lower: Bound, upper: Bound) -> "L2BallInBox":
        """The part of the set between further bounds."""
        box = self.box.within(lower, upper)
        return L2BallInBox(self.radius, box.lower, box.upper)

    def _farthest(self, direction: Vector) -> Vector:
        """The last point of clip(t·v), t ≥ 0, that lies in the ball.

        ‖clip(t·v)‖² = Σ_i min(t² v_i², b_i²), b_i the bound ahead of v_i, is concave in t². So
        Newton's method from t = 0 never oversteps, and it is exact once it knows which entries are
        clipped: it ends when these do not change.
        """
        lower, upper = self.box.bounds(direction)
        radius = jnp.asarray(self.radius, direction.dtype)
        unit = entry_scale(radius)
        scaled = direction / entry_scale(direction)
        squares = scaled**2
        # Bounds beyond the ball never hold; so their squares cannot overflow.
        ahead = jnp.minimum(jnp.where(direction > 0, upper, -lower) / unit, 2)
        most, goal = ahead**2, (radius / unit) ** 2

        def is_free(squared_factor: Array) -> Array:
            return squared_factor * squares < most

        def changing(carry: tuple[Array, Array, Array]) -> Array:
            return carry[2]

        def newton(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            squared_factor, free, _ = carry
            clipped = jnp.sum(jnp.where(free, 0, most))
            slope = jnp.sum(jnp.where(free, squares, 0))
            ended = slope == 0
            exact = (goal - clipped) / jnp.where(ended, 1, slope)
            following = jnp.where(ended, squared_factor, exact)
            still_free = is_free(following) & free
            return following, still_free, (still_free != free).any() & ~ended

        start = jnp.zeros((), direction.dtype)
        squared_factor, free, _ = jax.lax.while_loop(
            changing, newton, (start, is_free(start), jnp.bool_(True))
        )
        factor = jnp.sqrt(jnp.maximum(squared_factor, 0))
        inside = jnp.clip(unit * factor * scaled, lower, upper)
        return jnp.where(free | (scaled == 0), inside, jnp.where(direction > 0, upper, lower))
