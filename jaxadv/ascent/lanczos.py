"""Extreme eigenvalues of a symmetric matrix that is known only through its products."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxadv.problems.norms import l2_norm, over


class RitzPair(NamedTuple):
    """An estimate inside the spectrum, and a bound of its distance to the nearest eigenvalue."""

    value: Float[Array, ""]
    residual: Float[Array, ""]


def extreme_ritz_values(
    product: Callable[[Float[Array, "*shape"]], Float[Array, "*shape"]],
    start: Float[Array, "*shape"],
    num_iters: int,
) -> tuple[RitzPair, RitzPair]:
    """The largest and smallest Ritz values of A after ``num_iters`` steps of Lanczos.

    A Ritz value θ lies inside the spectrum, so the largest one is a *lower* bound of the largest
    eigenvalue; some eigenvalue lies within ``residual`` = β_k |s_k| of θ (s_k the last entry of the
    unit eigenvector of the tridiagonal matrix). With ``num_iters`` = dim both are exact up to
    rounding. ``start`` = 0 gives the values 0.

    The basis is orthogonalised in full, twice. When the Krylov space is exhausted early (for A = I
    after one step), the remaining diagonal repeats start·A·start/‖start‖², which lies inside the
    spectrum and moves neither extreme. (matfree 0.6.3 goes on dividing by the rounding error there:
    for A = I of dim 20 it returns 18.)

    Args:
        product: v -> A v, for arrays of the shape of ``start``.
        start: any vector that is not orthogonal to the extreme eigenvectors.
        num_iters: steps, at most dim.

    Example:
        >>> top, bottom = extreme_ritz_values(lambda v: 2 * v, jnp.ones(5), 5)
        >>> round(float(top.value), 5), round(float(bottom.value), 5)
        (2.0, 2.0)
    """
    eps = jnp.finfo(start.dtype).eps
    first = over(start, l2_norm(start)).ravel()

    def flat_product(vector: Float[Array, " dim"]) -> Float[Array, " dim"]:
        return product(vector.reshape(start.shape)).ravel()

    image = flat_product(first)
    scale = jnp.maximum(jnp.abs(first @ image), l2_norm(image))

    def step(
        carry: tuple[Float[Array, "iter dim"], Float[Array, " dim"]], index: Int[Array, ""]
    ) -> tuple[tuple[Array, Array], tuple[Array, Array, Array]]:
        basis, vector = carry
        basis = basis.at[index].set(vector)
        image = flat_product(vector)
        diagonal = vector @ image
        for _ in range(2):
            image = image - basis.T @ (basis @ image)
        off_diagonal = l2_norm(image)
        exhausted = off_diagonal <= 64 * eps * scale
        following = jnp.where(exhausted, 0, image / jnp.where(exhausted, 1, off_diagonal))
        return (basis, following), (
            diagonal,
            jnp.where(exhausted, 0, off_diagonal),
            vector @ vector,
        )

    basis = jnp.zeros((num_iters, start.size), start.dtype)
    _, (diagonal, off_diagonal, length) = jax.lax.scan(step, (basis, first), jnp.arange(num_iters))
    # The length is 1, or 0 once the space is exhausted; NaN stays NaN.
    diagonal = jnp.where(length < 0.5, diagonal[0], diagonal)
    matrix = jnp.diag(diagonal) + jnp.diag(off_diagonal[:-1], 1) + jnp.diag(off_diagonal[:-1], -1)
    values, vectors = jnp.linalg.eigh(matrix)
    residuals = off_diagonal[-1] * jnp.abs(vectors[-1])
    return RitzPair(values[-1], residuals[-1]), RitzPair(values[0], residuals[0])
