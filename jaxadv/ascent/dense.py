"""The Hessian as a matrix, and its extreme eigenvalues."""

import jax
import jax.numpy as jnp
from jax.scipy.linalg import eigh_tridiagonal
from jaxtyping import Array, Float

from jaxadv.problems.norms import entry_scale
from jaxadv.problems.problem import Problem


@jax.jit
def dense_hessian(problem: Problem, delta: Float[Array, "*shape"]) -> Float[Array, "dim dim"]:
    """H(δ) over the entries of δ in their order. Compiled for itself, as `gradient_at`."""
    return jax.hessian(problem.objective)(delta).reshape(delta.size, delta.size)


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
