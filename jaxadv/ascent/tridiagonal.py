"""Extreme eigenvalues of symmetric tridiagonal matrices, in operations that every device has."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, ScalarLike

from jaxadv.problems.norms import entry_scale, over

MOST_ROUNDS = 60  # of Laguerre's iteration, which needs four to nine


class RitzPair(NamedTuple):
    """An estimate inside the spectrum, and a bound of its distance to the nearest eigenvalue."""

    value: Float[Array, ""]
    residual: Float[Array, ""]

    def scaled(self, unit: Float[Array, ""]) -> "RitzPair":
        """The pair of the matrix times ``unit`` ≥ 0."""
        return RitzPair(self.value * unit, self.residual * unit)


def largest_ritz_pair(
    diagonal: Float[Array, " size"], off_diagonal: Float[Array, " size"], num_rows: ScalarLike
) -> RitzPair:
    """The largest eigenvalue θ of a tridiagonal matrix T of Lanczos, and the residual of θ.

    Laguerre's iteration, from a bound above the spectrum. It falls monotonically to the largest
    root of det(θ − T), and cubically at the end, because all roots are real. The pivots of θ − T,

        d_1 = θ − a_1,   d_j = θ − a_j − b_{j−1}²/d_{j−1},

    are positive on the way. They give det(θ − T) = Π_j d_j and its two logarithmic derivatives.

    No eigenvectors are needed. The vector y_j that solves the first j − 1 equations of
    (θ − T) y = 0 and has 1 as its last entry has the squared norm
    n_j = 1 + (b_{j−1}/d_{j−1})² n_{j−1}, and in the basis of Lanczos ‖A y_j − θ y_j‖ =
    √(b_j² + d_j²). The residual is the smallest √((b_j² + d_j²)/n_j).

    Args:
        diagonal: a_1, a_2, …
        off_diagonal: b_1, b_2, …; the last one that counts leads to the vector that would follow.
        num_rows: how many rows of T count, at least 1.

    Example:
        >>> a, b = jnp.array([0.0, 0.0, 9.0]), jnp.array([2.0, 0.0, 9.0])
        >>> pair = largest_ritz_pair(a, b, 2)
        >>> round(float(pair.value), 4), round(float(pair.residual), 4)
        (2.0, 0.0)
    """
    dtype, size = diagonal.dtype, len(diagonal)
    largest_norm = float(jnp.finfo(dtype).max) ** 0.25
    eps = float(jnp.finfo(dtype).eps)
    num_rows = jnp.asarray(num_rows, jnp.int32)
    rows = jnp.arange(size)
    unit = entry_scale(jnp.where(rows < num_rows, jnp.abs(diagonal) + off_diagonal, 0))
    a, b = diagonal / unit, off_diagonal / unit
    into = jnp.where(rows + 1 < num_rows, b, 0)
    radius = into + jnp.concatenate([jnp.zeros(1, dtype), into[:-1]])
    above = jnp.max(jnp.where(rows < num_rows, a + radius, -jnp.inf)) + 4 * eps

    def logarithmic(theta: Array) -> tuple[Array, Array, Array]:
        """Σ 1/(θ − θ_i), Σ 1/(θ − θ_i)², and the smallest pivot."""

        def row(index: Int[Array, ""], carry: tuple[Array, ...]) -> tuple[Array, ...]:
            before, first, second, one, two, least = carry
            weight = into[index - 1] ** 2 * (index > 0) / before
            pivot = theta - a[index] - weight
            before = jnp.maximum(pivot, eps**2)
            # First and second: the derivatives of the pivot over the pivot.
            first, second = (
                (1 + weight * first) / before,
                weight * (second - 2 * first**2) / before,
            )
            return (
                before,
                first,
                second,
                one + first,
                two + first**2 - second,
                jnp.minimum(least, pivot),
            )

        zero = jnp.zeros((), dtype)
        start = (jnp.ones((), dtype), zero, zero, zero, zero, jnp.asarray(jnp.inf, dtype))
        return jax.lax.fori_loop(0, num_rows, row, start)[3:]

    def lower(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        theta, _, rounds = carry
        one, two, least = logarithmic(theta)
        spread = jnp.sqrt(jnp.maximum(0, (num_rows - 1) * (num_rows * two - one**2)))
        move = jnp.where(least > 0, over(num_rows.astype(dtype), one + spread), 0)
        return theta - move, move, rounds + 1

    def moves(carry: tuple[Array, Array, Array]) -> Array:
        theta, move, rounds = carry
        return (move > 2 * eps * jnp.maximum(1, jnp.abs(theta))) & (rounds < MOST_ROUNDS)

    theta, _, _ = jax.lax.while_loop(moves, lower, (above, jnp.ones((), dtype), jnp.int32(0)))

    def row(index: Int[Array, ""], carry: tuple[Array, Array, Array]) -> tuple[Array, ...]:
        before, norm, best = carry
        coupling = into[index - 1] * (index > 0) / before
        pivot = theta - a[index] - coupling * into[index - 1]
        norm = jnp.minimum(1 + coupling**2 * norm, largest_norm)
        return (
            jnp.maximum(pivot, eps),
            norm,
            jnp.minimum(best, jnp.sqrt((b[index] ** 2 + pivot**2) / norm)),
        )

    start = (jnp.ones((), dtype), jnp.zeros((), dtype), jnp.asarray(jnp.inf, dtype))
    residual = jax.lax.fori_loop(0, num_rows, row, start)[2]
    return RitzPair(unit * theta, unit * residual)


def extreme_ritz_pairs(
    diagonal: Float[Array, " size"], off_diagonal: Float[Array, " size"], num_rows: ScalarLike
) -> tuple[RitzPair, RitzPair]:
    """The largest and the smallest, as `largest_ritz_pair`: the smallest is minus that of −T."""
    pairs = jax.vmap(largest_ritz_pair, (0, None, None))(
        jnp.stack([diagonal, -diagonal]), off_diagonal, num_rows
    )
    (top, negative), (error, bottom_error) = pairs
    return RitzPair(top, error), RitzPair(-negative, bottom_error)
