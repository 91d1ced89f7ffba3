"""Where a point of an L2 ball or sphere may move to first order, and the curvature there."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import eigh_tridiagonal
from jaxtyping import Array, Bool, Float, ScalarLike

from jaxadv.ascent.lanczos import extreme_ritz_values
from jaxadv.ascent.stationarity import ascent_point, over, residual
from jaxadv.problems.constraints import Constraint, L2Ball, on_boundary
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree

LANCZOS_ITERS = 64


@pytree
class Frame:
    """First-order moves at a point: all in the interior, those tangent to the sphere on it.

    Attributes:
        normal: n = δ/‖δ‖ on the boundary; 0 in the interior.
        on_edge: whether the point counts as a boundary point.
    """

    normal: Float[Array, " dim"]
    on_edge: Bool[Array, ""]

    def tangent(self, vector: Float[Array, " dim"]) -> Float[Array, " dim"]:
        """The part of v along which the point may move: v − n⟨n, v⟩."""
        return vector - self.normal * (self.normal @ vector)

    def multiplier(
        self, delta: Float[Array, " dim"], gradient: Float[Array, " dim"]
    ) -> Float[Array, ""]:
        """λ = ⟨g, δ⟩/‖δ‖² on the boundary, 0 in the interior (THEORY 4)."""
        return jnp.where(self.on_edge, over(gradient @ delta, delta @ delta), 0)


def frame_at(delta: Float[Array, " dim"], on_edge: Bool[Array, ""]) -> Frame:
    """The frame at δ, a boundary point or not."""
    return Frame(jnp.where(on_edge, over(delta, l2_norm(delta)), 0), on_edge)


class FirstOrder(NamedTuple):
    """A point to first order: its gradient, the gradient's scale G, and the residual.

    ``on_edge`` says whether the maximum close by, if there is one, lies on the boundary: whether
    the residual's own step ends there. (The point itself may lie a little inside.)
    """

    gradient: Float[Array, " dim"]
    gradient_scale: Float[Array, ""]
    residual: Float[Array, ""]
    on_edge: Bool[Array, ""]


def first_order(
    problem: Problem, delta: Float[Array, " dim"], gradient_scale: ScalarLike, slack: float
) -> FirstOrder:
    """The first order at δ, with G the largest of ``gradient_scale``, ‖g(δ)‖ and ‖g(0)‖."""
    _, gradient = problem.value_and_gradient(delta)
    _, central = problem.value_and_gradient(jnp.zeros_like(delta))
    norms = [l2_norm(gradient), l2_norm(central), jnp.asarray(gradient_scale, delta.dtype)]
    scale = jnp.stack(norms).max()
    ahead = ascent_point(problem.constraint, delta, gradient, scale)
    return FirstOrder(
        gradient=gradient,
        gradient_scale=scale,
        residual=residual(problem.constraint, delta, gradient, scale),
        on_edge=on_boundary(problem.constraint, ahead, slack),
    )


class Spectrum(NamedTuple):
    """Extreme eigenvalues of the Hessian on the feasible directions, in loss per δ².

    ``top`` is h₁, ``bottom`` the smallest. ``error`` is 0 for the dense method; for Lanczos, whose
    values are Ritz values, *some* eigenvalue lies within it of ``top`` (h₁ itself could be another
    one that was missed). Where there is no feasible direction (the boundary in dimension 1) the
    values are −inf and inf.
    """

    top: Float[Array, ""]
    bottom: Float[Array, ""]
    error: Float[Array, ""]


def tangent_spectrum(
    problem: Problem,
    delta: Float[Array, " dim"],
    frame: Frame,
    hessian: Float[Array, "dim dim"] | None,
) -> Spectrum:
    """The extreme eigenvalues of PHP on the tangent space, P the projection on it.

    With the Hessian: the eigenvalues of PHP + h̄ nnᵀ, h̄ the mean of the tangent eigenvalues, which
    lies among them (PHP alone would add a 0, which can be larger than h₁). Without: by Lanczos,
    from a tangent vector, so that the normal direction is never met.
    """
    if hessian is not None:
        normal = frame.normal
        image = hessian @ normal
        projected = (
            hessian
            - jnp.outer(normal, image)
            - jnp.outer(image, normal)
            + (normal @ image) * jnp.outer(normal, normal)
        )
        mean = jnp.trace(projected) / max(delta.size - 1, 1)
        top, bottom = extreme_eigenvalues(projected + mean * jnp.outer(normal, normal))
        error = jnp.zeros_like(mean)
    else:
        generic = jax.random.normal(jax.random.key(0), delta.shape, delta.dtype)
        upper, lower = extreme_ritz_values(
            lambda v: frame.tangent(problem.hessian_product(delta, v)),
            frame.tangent(generic),
            min(LANCZOS_ITERS, delta.size),
        )
        top, bottom, error = upper.value, lower.value, upper.residual
    if delta.size == 1:
        top = jnp.where(frame.on_edge, -jnp.inf, top)
        bottom = jnp.where(frame.on_edge, jnp.inf, bottom)
    return Spectrum(top, bottom, error)


def extreme_eigenvalues(
    matrix: Float[Array, "dim dim"],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The largest and the smallest eigenvalue of a symmetric matrix; NaN if an entry is.

    LAPACK gives the others and all eigenvectors as well, for four times the work; on a CPU it only
    makes the matrix tridiagonal here, and a bisection does the rest.

    Example:
        >>> [round(float(value), 5) for value in extreme_eigenvalues(jnp.diag(jnp.arange(1.0, 5)))]
        [4.0, 1.0]
    """

    def by_bisection(matrix: Float[Array, "dim dim"]) -> tuple[Float[Array, ""], ...]:
        _, diagonal, off_diagonal, _ = jax.lax.linalg.tridiagonal(matrix)
        last = len(matrix) - 1

        def largest(diagonal: Float[Array, " dim"]) -> Float[Array, ""]:
            return eigh_tridiagonal(
                diagonal, off_diagonal, eigvals_only=True, select="i", select_range=(last, last)
            )[0]

        # The smallest is minus the largest of the negative: one bisection finds both.
        top, negative = jax.vmap(largest)(jnp.stack([diagonal, -diagonal]))
        return top, -negative

    def by_all(matrix: Float[Array, "dim dim"]) -> tuple[Float[Array, ""], ...]:
        values = jnp.linalg.eigvalsh(matrix)
        return values[-1], values[0]

    finite = jnp.isfinite(matrix).all()
    some = jnp.where(finite, matrix, jnp.eye(len(matrix), dtype=matrix.dtype))
    if len(matrix) == 1:
        top = bottom = some[0, 0]
    else:
        top, bottom = jax.lax.platform_dependent(some, cpu=by_bisection, default=by_all)
    return jnp.where(finite, top, jnp.nan), jnp.where(finite, bottom, jnp.nan)


def check_constraint(constraint: Constraint) -> None:
    """Refuse sets for which there are no frames.

    Raises:
        TypeError: for anything but an `L2Ball` or `L2Sphere`.
    """
    if not isinstance(constraint, L2Ball):
        name = type(constraint).__name__
        raise TypeError(f"constraint: must be an L2Ball or L2Sphere for second order, not {name}")
