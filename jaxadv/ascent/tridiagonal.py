"""Extreme eigenvalues of symmetric tridiagonal matrices, in operations that every device has."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, ScalarLike

from jaxadv.problems.norms import entry_scale, over

MOST_ROUNDS = 60  # of Laguerre's iteration, which needs four to eight
ROWS_PER_BLOCK = 4  # rows that are worked off in one round of a loop, which saves half of the time

Carry = tuple[Float[Array, ""], ...]


class RitzPair(NamedTuple):
    """An estimate inside the spectrum, and a bound of its distance to the nearest eigenvalue."""

    value: Float[Array, ""]
    residual: Float[Array, ""]

    def scaled(self, unit: Float[Array, ""]) -> "RitzPair":
        """The pair of the matrix times ``unit`` ≥ 0."""
        return RitzPair(self.value * unit, self.residual * unit)


class _Row(NamedTuple):
    """A row of a tridiagonal matrix: a_j, b_j and b_{j−1}."""

    diagonal: Float[Array, ""]
    coupling: Float[Array, ""]
    before: Float[Array, ""]


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
    dtype = diagonal.dtype
    eps, largest = float(jnp.finfo(dtype).eps), float(jnp.finfo(dtype).max)
    # So far below the spectrum, an eigenvalue adds nothing to any sum, and its square is finite.
    far_below = -0.25 * largest**0.5
    num_rows = jnp.asarray(num_rows, jnp.int32)
    rows = jnp.arange(len(diagonal))
    counts, has_next = rows < num_rows, rows + 1 < num_rows
    unit = entry_scale(jnp.where(counts, jnp.abs(diagonal) + off_diagonal, 0))
    a = jnp.where(counts, diagonal / unit, far_below)
    b = jnp.where(counts, off_diagonal / unit, 0)
    after = jnp.where(has_next, b, 0)
    before = jnp.concatenate([jnp.zeros(1, dtype), after[:-1]])  # b_{j−1}
    above = jnp.max(a + before + after) + 4 * eps

    def over_rows(follow: Callable[[_Row, Carry], Carry], carry: Carry) -> Carry:
        """The last one of the carries that follow each other from row to row."""
        fill = -len(rows) % ROWS_PER_BLOCK
        columns = [
            jnp.pad(column, (0, fill), constant_values=value).reshape(-1, ROWS_PER_BLOCK)
            for column, value in ((a, far_below), (b, 0), (before, 0))
        ]

        def block(index: Int[Array, ""], carry: Carry) -> Carry:
            for entries in zip(*(column[index] for column in columns), strict=True):
                carry = follow(_Row(*entries), carry)
            return carry

        return jax.lax.fori_loop(0, -(-num_rows // ROWS_PER_BLOCK), block, carry)

    zero, one = jnp.zeros((), dtype), jnp.ones((), dtype)
    infinite = jnp.full((), jnp.inf, dtype)

    def logarithmic(theta: Array) -> tuple[Array, Array, Array]:
        """Σ 1/(θ − θ_i), Σ 1/(θ − θ_i)², and the smallest pivot."""

        def follow(row: _Row, carry: Carry) -> Carry:
            inverse, first, second, sum_first, sum_second, least = carry
            weight = row.before**2 * inverse
            pivot = theta - row.diagonal - weight
            inverse = 1 / jnp.maximum(pivot, eps**2)
            # First and second: the derivatives of the pivot over the pivot.
            first, second = (
                (1 + weight * first) * inverse,
                weight * (second - 2 * first**2) * inverse,
            )
            sum_first, sum_second = sum_first + first, sum_second + (first**2 - second)
            return inverse, first, second, sum_first, sum_second, jnp.minimum(least, pivot)

        *_, sum_first, sum_second, least = over_rows(
            follow, (one, zero, zero, zero, zero, infinite)
        )
        return sum_first, sum_second, least

    def lower(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        theta, _, rounds = carry
        one, two, least = logarithmic(theta)
        spread = jnp.sqrt(jnp.maximum(0, (num_rows - 1) * (num_rows * two - one**2)))
        move = jnp.where(least > 0, over(num_rows.astype(dtype), one + spread), 0)
        return theta - move, move, rounds + 1

    def moves(carry: tuple[Array, Array, Array]) -> Array:
        theta, move, rounds = carry
        return (move > 2 * eps * jnp.maximum(1, jnp.abs(theta))) & (rounds < MOST_ROUNDS)

    theta, _, _ = jax.lax.while_loop(moves, lower, (above, one, jnp.int32(0)))

    def follow(row: _Row, carry: Carry) -> Carry:
        inverse, norm, least = carry
        coupling = row.before * inverse
        pivot = theta - row.diagonal - coupling * row.before
        norm = jnp.minimum(1 + coupling**2 * norm, largest**0.25)
        least = jnp.minimum(least, (row.coupling**2 + pivot**2) / norm)
        return 1 / jnp.maximum(pivot, eps), norm, least

    _, _, least = over_rows(follow, (one, zero, infinite))
    return RitzPair(unit * theta, unit * jnp.sqrt(least))


def extreme_ritz_pairs(
    diagonal: Float[Array, " size"], off_diagonal: Float[Array, " size"], num_rows: ScalarLike
) -> tuple[RitzPair, RitzPair]:
    """The largest and the smallest, as `largest_ritz_pair`: the smallest is minus that of −T."""
    pairs = jax.vmap(largest_ritz_pair, (0, None, None))(
        jnp.stack([diagonal, -diagonal]), off_diagonal, num_rows
    )
    (top, negative), (error, bottom_error) = pairs
    return RitzPair(top, error), RitzPair(-negative, bottom_error)
