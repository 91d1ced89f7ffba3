"""Boxes: sets with a lower and an upper bound of each entry."""

from typing import Any, ClassVar, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Key, ScalarLike

from jaxadv.problems.checks import as_floats, check_number
from jaxadv.problems.faces import FlatFace
from jaxadv.problems.norms import l2_norm
from jaxadv.pytrees import pytree, set_fields

Vector = Float[Array, "*shape"]
Bound = Float[Array, "..."] | ScalarLike


class _Bounded(Protocol):
    """What all boxes do with their bounds.

    Attributes:
        steepest_direction: the direction of steepest ascent in the norm of the set.
    """

    steepest_direction: ClassVar[str] = "sign"

    def bounds(self, delta: Vector) -> tuple[Vector, Vector]:
        """The lower and upper bounds of each entry, in the shape and precision of δ."""
        ...

    def project(self, delta: Vector) -> Vector:
        """Each δ_i clipped to its bounds."""
        return jnp.clip(delta, *self.bounds(delta))

    def tangent(self, delta: Vector, vector: Vector) -> Vector:
        """All of v but for the entries that are fixed."""
        lower, upper = self.bounds(delta)
        return jnp.where(lower < upper, vector, 0)

    def frank_wolfe_gap(self, delta: Vector, gradient: Vector) -> Float[Array, ""]:
        """Σ_i max(g_i(upper_i − δ_i), g_i(lower_i − δ_i))."""
        lower, upper = self.bounds(delta)
        return jnp.sum(gradient * (jnp.where(gradient > 0, upper, lower) - delta))

    def active(self, delta: Vector, slack: float) -> Bool[Array, "*shape"]:
        """For each entry whether it is at a bound, up to ``slack`` times half of its width.

        Entries that are fixed are never active.
        """
        lower, upper = self.bounds(delta)
        room = jnp.minimum(upper - delta, delta - lower)
        return (room <= slack * 0.5 * (upper - lower)) & (lower < upper)

    def face(self, delta: Vector, active: Bool[Array, "*shape"]) -> FlatFace:
        """The face on which the active entries stay at their bounds."""
        return FlatFace(delta, active, *self.bounds(delta))

    def random_point(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Vector:
        """A point uniform in the box, in single precision."""
        share = jax.random.uniform(key, shape, jnp.float32)
        lower, upper = self.bounds(share)
        return self.project(lower + (upper - lower) * share)


@pytree
class Box(_Bounded):
    """{δ : lower_i ≤ δ_i ≤ upper_i}; an entry whose bounds are equal is fixed.

    Attributes:
        lower: the lower bounds: a number, or an array of the shape of x.
        upper: the upper bounds, likewise.

    Raises:
        TypeError: for bounds that are no numbers.
        ValueError: for bounds that are not finite, or a lower bound above the upper one.

    Example:
        >>> Box(-1.0, [2.0, 0.5]).project(jnp.array([3.0, -4.0])).tolist()
        [2.0, -1.0]
    """

    lower: Bound
    upper: Bound

    def __init__(self, lower: Any, upper: Any) -> None:
        set_fields(self, lower=as_floats("lower", lower), upper=as_floats("upper", upper))
        _check_bounds(self.lower, self.upper)

    def bounds(self, delta: Vector) -> tuple[Vector, Vector]:
        """The bounds of each entry, in the shape and precision of δ."""
        return _spread(self.lower, delta), _spread(self.upper, delta)

    def circumradius(self, dim: int) -> ScalarLike:
        """½‖upper − lower‖₂, half of the diagonal."""
        widths = jnp.asarray(self.upper) - jnp.asarray(self.lower)
        return 0.5 * l2_norm(widths) * (dim / widths.size) ** 0.5

    def within(self, lower: Bound, upper: Bound) -> "Box":
        """The part of the box between further bounds."""
        return Box(jnp.maximum(self.lower, lower), jnp.minimum(self.upper, upper))


@pytree
class LInfBall(_Bounded):
    """{δ : max_i |δ_i| ≤ radius}.

    Example:
        >>> LInfBall(1.0).project(jnp.array([3.0, -0.5])).tolist()
        [1.0, -0.5]
    """

    radius: ScalarLike

    def __post_init__(self) -> None:
        check_number("radius", self.radius, positive=False)

    @classmethod
    def of_circumradius(cls, circumradius: ScalarLike, dim: int) -> "LInfBall":
        """The box whose corners are at ``circumradius``.

        Example:
            >>> LInfBall.of_circumradius(2.0, dim=4)
            LInfBall(radius=1.0)
        """
        return cls(circumradius / dim**0.5)

    def bounds(self, delta: Vector) -> tuple[Vector, Vector]:
        """±radius for each entry, in the shape and precision of δ."""
        radius = _spread(self.radius, delta)
        return -radius, radius

    def tangent(self, delta: Vector, vector: Vector) -> Vector:
        """All of v: the ball has an interior."""
        del delta
        return vector

    def circumradius(self, dim: int) -> ScalarLike:
        """radius·√dim, the distance of the corners."""
        return self.radius * dim**0.5

    def within(self, lower: Bound, upper: Bound) -> Box:
        """The part of the ball between bounds of each entry."""
        radius = jnp.asarray(self.radius)
        return Box(-radius, radius).within(lower, upper)


def _spread(bound: Bound, delta: Vector) -> Vector:
    return jnp.broadcast_to(jnp.asarray(bound, delta.dtype), delta.shape)


def _check_bounds(lower: Any, upper: Any) -> None:
    """Refuse bounds that are not finite or leave no point; what JAX traces is not checked."""
    if any(isinstance(bound, Tracer | jax.ShapeDtypeStruct) for bound in (lower, upper)):
        return
    low, high = np.asarray(lower), np.asarray(upper)
    if low.ndim and high.ndim and low.shape != high.shape:
        raise ValueError(f"lower: shape {low.shape} is not that of upper, {high.shape}")
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError("lower, upper: the bounds must be finite")
    low, high = np.broadcast_arrays(low, high)
    if (low > high).any():
        worst = np.argmax(low - high)
        raise ValueError(f"lower: {low.flat[worst]:g} lies above upper, {high.flat[worst]:g}")
