"""Boxes: sets with a lower and an upper bound of each entry."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, ScalarLike
from optax import projections

from jaxadv.problems.checks import check_number
from jaxadv.problems.norms import inner
from jaxadv.pytrees import pytree


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

    @classmethod
    def of_circumradius(cls, circumradius: ScalarLike, dim: int) -> "LInfBall":
        """The box whose corners are at ``circumradius``.

        Example:
            >>> LInfBall.of_circumradius(2.0, dim=4)
            LInfBall(radius=1.0)
        """
        return cls(circumradius / dim**0.5)

    def project(self, delta: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Each δ_i clipped to ±radius."""
        return projections.projection_linf_ball(delta, self.radius)

    def tangent(
        self, delta: Float[Array, "*shape"], vector: Float[Array, "*shape"]
    ) -> Float[Array, "*shape"]:
        """All of v: the box has an interior."""
        del delta
        return vector

    def circumradius(self, dim: int) -> ScalarLike:
        """radius·√dim, the distance of the box's corners."""
        return self.radius * dim**0.5

    def frank_wolfe_gap(
        self, delta: Float[Array, "*shape"], gradient: Float[Array, "*shape"]
    ) -> Float[Array, ""]:
        """radius·‖g‖₁ − ⟨δ, g⟩."""
        return jnp.asarray(self.radius) * jnp.sum(jnp.abs(gradient)) - inner(delta, gradient)

    def active(self, delta: Float[Array, "*shape"], slack: float) -> Bool[Array, "*shape"]:
        """For each entry whether |δ_i| is the radius, up to a relative error of ``slack``."""
        return jnp.abs(delta) >= self.radius * (1 - slack)
