"""A point of a set to first order, and the curvature of the loss on its face."""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jax.scipy.linalg import eigh_tridiagonal
from jaxtyping import Array, Bool, Float, ScalarLike

from jaxadv.ascent.lanczos import extreme_ritz_values
from jaxadv.ascent.stationarity import ascent_point, residual
from jaxadv.problems.checks import offers
from jaxadv.problems.constraints import CertifiableConstraint, Constraint
from jaxadv.problems.faces import Face
from jaxadv.problems.norms import entry_scale, l2_norm
from jaxadv.problems.problem import Problem

LANCZOS_ITERS = 64


@jax.jit
def gradient_at(problem: Problem, delta: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """g(δ). Compiled for itself: a certificate asks for it in many places and traces it once."""
    return problem.value_and_gradient(delta)[1]


@jax.jit
def dense_hessian(problem: Problem, delta: Float[Array, "*shape"]) -> Float[Array, "dim dim"]:
    """H(δ) over the entries of δ in their order. Compiled for itself, as `gradient_at`."""
    return jax.hessian(problem.objective)(delta).reshape(delta.size, delta.size)


class FirstOrder(NamedTuple):
    """A point to first order: its gradient, the gradient's scale G, and the residual.

    ``active`` says which constraints are active where the residual's step ends, and so at the
    maximum close by, if there is one. (The point itself may lie a little inside.)
    """

    gradient: Float[Array, "*shape"]
    gradient_scale: Float[Array, ""]
    residual: Float[Array, ""]
    active: Bool[Array, "..."]


def first_order(
    problem: Problem, delta: Float[Array, "*shape"], gradient_scale: ScalarLike, slack: float
) -> FirstOrder:
    """δ to first order, with G the largest of ``gradient_scale``, ‖g(δ)‖ and ‖g(0)‖."""
    gradient = gradient_at(problem, delta)
    at_centre = gradient_at(problem, jnp.zeros_like(delta))
    norms = [l2_norm(gradient), l2_norm(at_centre), jnp.asarray(gradient_scale, delta.dtype)]
    scale = jnp.stack(norms).max()
    ahead = ascent_point(problem.constraint, delta, gradient, scale)
    return FirstOrder(
        gradient=gradient,
        gradient_scale=scale,
        residual=residual(problem.constraint, delta, gradient, scale),
        active=problem.constraint.active(ahead, slack),
    )


class Spectrum(NamedTuple):
    """Extreme eigenvalues of the Hessian on the feasible directions, in loss per δ².

    ``top`` is h₁, ``bottom`` the smallest. ``error`` is 0 for the dense eigensolver; for Lanczos,
    whose values are Ritz values, *some* eigenvalue lies within it of ``top`` (h₁ itself could be
    another one that was missed). Where there is no feasible direction (the boundary in dimension 1)
    the values are −inf and inf.
    """

    top: Float[Array, ""]
    bottom: Float[Array, ""]
    error: Float[Array, ""]


def tangent_spectrum(
    problem: Problem,
    delta: Float[Array, "*shape"],
    face: Face,
    hessian: Float[Array, "dim dim"] | None,
    seed: int = 0,
) -> Spectrum:
    """The extreme eigenvalues of PHP on the tangent space of a face, P the projection on it.

    With the Hessian: the eigenvalues of PHP + h̄(I − P), h̄ the mean of the tangent eigenvalues,
    which lies among them (PHP alone would add a 0, which can be larger than h₁). Without it:
    Lanczos from a random tangent vector, which meets only tangent vectors; another ``seed`` draws
    another vector.
    """
    size, eps = delta.size, jnp.finfo(delta.dtype).eps
    if hessian is not None:

        def rows_tangent(matrix: Float[Array, "dim dim"]) -> Float[Array, "dim dim"]:
            rows = jax.vmap(face.tangent)(matrix.reshape(size, *delta.shape))
            return rows.reshape(size, size)

        projection = rows_tangent(jnp.eye(size, dtype=delta.dtype))
        num_tangent = jnp.trace(projection)
        projected = rows_tangent(rows_tangent(hessian).T)
        mean = jnp.trace(projected) / jnp.maximum(num_tangent, 1)
        beside = mean * (jnp.eye(size, dtype=delta.dtype) - projection)
        matrix = projected + beside
        # Rounding leaves the matrix a little asymmetric, and LAPACK reads only one triangle.
        top, bottom = extreme_eigenvalues((matrix + matrix.T) / 2)
        error = jnp.zeros_like(mean)
        has_tangent = num_tangent > 0.5
    else:
        vector = jax.random.normal(jax.random.key(seed), delta.shape, delta.dtype)
        start = face.tangent(vector)
        upper, lower = extreme_ritz_values(
            lambda v: face.tangent(problem.hessian_product(delta, v)),
            start,
            min(LANCZOS_ITERS, size),
        )
        top, bottom, error = upper.value, lower.value, upper.residual
        has_tangent = l2_norm(start) > 64 * size * eps * l2_norm(vector)
    # A NaN does not mean that there is no tangent direction.
    has_tangent |= jnp.isnan(top)
    return Spectrum(
        jnp.where(has_tangent, top, -jnp.inf), jnp.where(has_tangent, bottom, jnp.inf), error
    )


@jax.jit
def extreme_eigenvalues(
    matrix: Float[Array, "dim dim"],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The largest and the smallest eigenvalue of a symmetric matrix; NaN if an entry is not finite.

    On a CPU, LAPACK makes the matrix tridiagonal and a bisection does the rest. To compute all
    eigenvalues and eigenvectors would take four times as long. Compiled for itself, as
    `gradient_at`.

    Example:
        >>> [round(float(value), 5) for value in extreme_eigenvalues(jnp.diag(jnp.arange(1.0, 5)))]
        [4.0, 1.0]
    """

    def by_bisection(matrix: Float[Array, "dim dim"]) -> tuple[Float[Array, ""], ...]:
        _, diagonal, off_diagonal, _ = jax.lax.linalg.tridiagonal(matrix)
        last = len(matrix) - 1

        def largest(diagonal: Float[Array, "*shape"]) -> Float[Array, ""]:
            return eigh_tridiagonal(
                diagonal, off_diagonal, eigvals_only=True, select="i", select_range=(last, last)
            )[0]

        # The smallest eigenvalue is minus the largest of −A, so one batched bisection finds both.
        top, negative = jax.vmap(largest)(jnp.stack([diagonal, -diagonal]))
        return top, -negative

    def by_all(matrix: Float[Array, "dim dim"]) -> tuple[Float[Array, ""], ...]:
        values = jnp.linalg.eigvalsh(matrix)
        return values[-1], values[0]

    finite = jnp.isfinite(matrix).all()
    # The bisection squares entries; scaled by its largest entry, any matrix is safe for that.
    unit = entry_scale(matrix)
    scaled = jnp.where(finite, matrix / unit, jnp.eye(len(matrix), dtype=matrix.dtype))
    if len(matrix) == 1:
        top = bottom = scaled[0, 0]
    else:
        top, bottom = jax.lax.platform_dependent(scaled, cpu=by_bisection, default=by_all)
    return jnp.where(finite, unit * top, jnp.nan), jnp.where(finite, unit * bottom, jnp.nan)


def with_faces(constraint: Constraint) -> CertifiableConstraint:
    """The constraint itself, if it has faces.

    Raises:
        TypeError: for a constraint without the method ``face``.
    """
    if not offers(constraint, CertifiableConstraint):
        raise TypeError(
            f"constraint: {constraint!r} has no method 'face', which second order needs; "
            "ja.L2Ball and ja.L2Sphere have one, and a set of your own can have one"
        )
    return cast(CertifiableConstraint, constraint)
