"""The sets that a perturbation may not leave: projections, circumradii, Frank-Wolfe gaps.

The projections on L2 sets differ from optax's, which the tests compare them with: no NaN at 0 and
at radius 0, no squares that overflow in float32, and points of the set stay as they are, bit for
bit. Norms are what a step of ascent costs beside its two matrix products, hence their economy.
"""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, ScalarLike
from optax import projections

from jaxadv.problems.checks import check_number
from jaxadv.problems.norms import entry_scale, l2_norm, rounding
from jaxadv.pytrees import pytree


@runtime_checkable
class Constraint(Protocol):
    """A closed set of perturbations, symmetric about 0 and of size ``radius`` >= 0."""

    @property
    def radius(self) -> ScalarLike:
        """The set's size: the norm that no perturbation exceeds."""
        ...

    def project(self, delta: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """P(δ), the nearest point of the set in the Euclidean norm."""
        ...

    def norm(self, delta: Float[Array, " dim"], unit: ScalarLike | None = None) -> Float[Array, ""]:
        """The norm that is at most ``radius`` in the set; ``unit`` may serve as in `l2_norm`."""
        ...

    def circumradius(self, dim: int) -> ScalarLike:
        """The radius of the smallest Euclidean ball that holds the set."""
        ...

    def frank_wolfe_gap(
        self, delta: Float[Array, " dim"], gradient: Float[Array, " dim"]
    ) -> Float[Array, ""]:
        """Max ⟨z − δ, g⟩ over z in the set, in units of the loss (FOSC in Wang et al. 2019)."""
        ...


@pytree
class L2Ball:
    """{δ : ‖δ‖₂ ≤ radius}.

    Example:
        >>> L2Ball(1.0).project(jnp.array([3.0, 4.0])).tolist()
        [0.6000000238418579, 0.800000011920929]
    """

    radius: ScalarLike

    def __post_init__(self) -> None:
        check_number("radius", self.radius, positive=False)

    def project(self, delta: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """δ·min(1, radius/‖δ‖); a point inside, or outside by rounding only, stays bit for bit.

        Entries beyond 1e18 radii (in float32, at dim 16) count as so many.
        """
        unit = entry_scale(jnp.asarray(self.radius, delta.dtype))
        most = float(jnp.finfo(delta.dtype).max) ** 0.5 / delta.size
        scaled = jnp.clip(delta / unit, -most, most)
        norm = l2_norm(scaled, unit=1.0)
        outside = unit * norm > self.radius * (1 + rounding(delta.size, delta.dtype))
        outside |= jnp.asarray(self.radius) == 0
        nearest = jnp.asarray(self.radius) * (scaled / jnp.where(norm == 0, 1, norm))
        return jnp.where(outside, nearest, delta)

    def norm(self, delta: Float[Array, " dim"], unit: ScalarLike | None = None) -> Float[Array, ""]:
        """‖δ‖₂."""
        return l2_norm(delta, unit)

    def circumradius(self, dim: int) -> ScalarLike:
        """The radius itself, for every ``dim``."""
        del dim
        return self.radius

    def frank_wolfe_gap(
        self, delta: Float[Array, " dim"], gradient: Float[Array, " dim"]
    ) -> Float[Array, ""]:
        """radius·‖g‖₂ − ⟨δ, g⟩."""
        return jnp.asarray(self.radius) * l2_norm(gradient) - delta @ gradient


@pytree
class L2Sphere(L2Ball):
    """{δ : ‖δ‖₂ = radius}, the ball's boundary; the gap is the same as the ball's.

    Example:
        >>> L2Sphere(5.0).project(jnp.array([0.6, 0.8])).tolist()
        [3.0, 4.0]
    """

    def project(self, delta: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """δ·radius/‖δ‖; every point is nearest to δ = 0, and radius·e₁ is returned there."""
        direction, norm = _polar(delta)
        on_sphere = jnp.abs(norm - self.radius) <= self.radius * rounding(delta.size, delta.dtype)
        pole = jnp.zeros_like(delta).at[0].set(1)
        nearest = jnp.asarray(self.radius) * jnp.where(norm > 0, direction, pole)
        return jnp.where(on_sphere, delta, nearest)


@pytree
class LInfBall:
    """{δ : max_i |δ_i| ≤ radius}.

    Example:
        >>> LInfBall(1.0).project(jnp.array([3.0, -0.5])).tolist()
        [1.0, -0.5]
    """

    radius: ScalarLike

    def __post_init__(self) -> None:
        check_number("radius", self.radius, positive=False)

    def project(self, delta: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """Each δ_i clipped to ±radius."""
        return projections.projection_linf_ball(delta, self.radius)

    def norm(self, delta: Float[Array, " dim"], unit: ScalarLike | None = None) -> Float[Array, ""]:
        """max_i |δ_i|."""
        del unit
        return jnp.max(jnp.abs(delta))

    def circumradius(self, dim: int) -> ScalarLike:
        """radius·√dim, the distance of the box's corners."""
        return self.radius * dim**0.5

    def frank_wolfe_gap(
        self, delta: Float[Array, " dim"], gradient: Float[Array, " dim"]
    ) -> Float[Array, ""]:
        """radius·‖g‖₁ − ⟨δ, g⟩."""
        return jnp.asarray(self.radius) * jnp.sum(jnp.abs(gradient)) - delta @ gradient


CONSTRAINTS = ("l2-ball", "l2-sphere", "linf-ball")
"""Sets by name, `constraint_of`."""


def constraint_of(name: str, circumradius: ScalarLike, dim: int) -> Constraint:
    """The set of a name and circumradius: sets of one circumradius reach equally far.

    Example:
        >>> constraint_of("linf-ball", 2.0, dim=4)
        LInfBall(radius=1.0)
    """
    if name == "linf-ball":
        return LInfBall(circumradius / dim**0.5)
    return {"l2-ball": L2Ball, "l2-sphere": L2Sphere}[name](circumradius)


def _polar(delta: Float[Array, " dim"]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
    """δ/‖δ‖ (0 for δ = 0) and ‖δ‖, for one search of the largest entry and one sum."""
    unit = entry_scale(delta)
    scaled = delta / unit
    norm = l2_norm(scaled, unit=1.0)
    return scaled / jnp.where(norm == 0, 1, norm), unit * norm


def on_boundary(
    constraint: Constraint, delta: Float[Array, " dim"], slack: float
) -> Bool[Array, ""]:
    """Whether the set's norm of δ is its radius, up to a relative error of ``slack``.

    With `rounding` at the precision of δ this is THEORY 3's condition for `boundary_step`.

    Example:
        >>> bool(on_boundary(L2Ball(1.0), jnp.array([0.6, 0.8]), slack=1e-6))
        True
    """
    return constraint.norm(delta, unit=constraint.radius) >= constraint.radius * (1 - slack)
