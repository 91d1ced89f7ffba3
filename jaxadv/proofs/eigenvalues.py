"""Upper bounds of the largest eigenvalue of Wᵀ diag(v) W, which a factorisation proves.

Source: docs/theory.md, section 9.4.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, ScalarLike

from jaxadv.ascent.lanczos import brief_ritz_values
from jaxadv.proofs.rounding import SAFETY

Scalar = Float[Array, ""]
MAX_ITERS = 33  # of Lanczos
CLOSE = 2e-3  # the relative residual at which a Ritz value is close enough
MOST_TRIES = 60  # each of which doubles what is added to the Ritz value


class Guess(NamedTuple):
    """Where the search for a bound begins.

    Attributes:
        value: an estimate of the eigenvalue.
        residual: how far the eigenvalue may lie above.
        margin: what rounding may hide.
    """

    value: Scalar
    residual: Scalar
    margin: Scalar


def largest_eigenvalue(
    rows: Float[Array, "width dim"],
    weights: Float[Array, " width"],
    *,
    square_norm: ScalarLike = jnp.inf,
    limits: Sequence[Scalar] | None = None,
) -> Scalar:
    """A number that is not below λ_max(Wᵀ diag(v) W), rounding included.

    A Ritz value of Lanczos is a guess, which lies below. K is the guess and a little more, raised
    until the Cholesky factorisation of K·I − M succeeds. Forming M errs by at most
    γ Σ_r |v_r|‖w_r‖² in the spectral norm, γ the number of terms times the precision; the
    factorisation succeeds only for a matrix within a similar error of a positive definite one
    (Rump 2006).

    There are two cheap bounds, max(v, 0)·‖W‖² and Σ_r max(v_r, 0)‖w_r‖². The factorisation costs
    most of the time, and Lanczos some. Where only comparisons with some limits matter, they are
    left out if no limit lies between what they could find and a cheap bound.

    Args:
        rows: W.
        weights: v.
        square_norm: an upper bound of ‖W‖₂².
        limits: the numbers that the bound will be compared with; None for a tight bound.

    Returns:
        K; inf if the computation overflows.

    Example:
        >>> bound = largest_eigenvalue(jnp.eye(2), jnp.array([3.0, -1.0]))
        >>> 3.0 < float(bound) < 3.02
        True
    """
    dtype = rows.dtype
    sizes = jnp.sum(rows**2, axis=1)
    positive = jnp.maximum(weights, 0)
    size = jnp.sum(jnp.abs(weights) * sizes)
    terms = rows.shape[0] + rows.shape[1] + 2
    margin = SAFETY * terms * jnp.finfo(dtype).eps * size + jnp.finfo(dtype).tiny
    # No eigenvalue is larger than that of the positive part, or than its trace.
    largest = jnp.max(positive)
    by_norm = jnp.where(largest > 0, largest * square_norm, 0)
    cheap = jnp.minimum(by_norm, jnp.sum(positive * sizes)) + margin
    cheap = jnp.where(jnp.isfinite(cheap), cheap, jnp.inf)
    unit = jnp.where(size > 0, size, 1)

    def is_useful(guess: Scalar) -> Bool[Array, ""]:
        """Whether a limit lies between a guess and the cheap bound."""
        if limits is None:
            return jnp.bool_(True)
        is_between = [(guess < limit) & (limit <= cheap) for limit in limits]
        return jnp.any(jnp.array([False, *is_between]))

    def product(vector: Float[Array, " dim"]) -> Float[Array, " dim"]:
        return (weights / unit * (rows @ vector)) @ rows

    start = jax.random.normal(jax.random.key(0), rows.shape[1:], jnp.float32).astype(dtype)
    run = brief_ritz_values(
        product,
        start,
        lambda top: (top.residual <= CLOSE * jnp.abs(top.value)) | ~is_useful(unit * top.value),
        max_iters=MAX_ITERS,
        is_asked=is_useful(jnp.asarray(-jnp.inf, dtype)),
    )
    value, residual = (unit * part.astype(dtype) for part in (run.top.value, run.top.residual))
    guess = Guess(value, jnp.maximum(residual, CLOSE * jnp.abs(value)), margin)
    proved = _factorised(rows, weights, guess, is_useful(value))
    return jnp.minimum(proved, cheap)


def largest_square(rows: Float[Array, "width dim"]) -> Scalar:
    """An upper bound of ‖W‖₂², from all eigenvalues: for a matrix that many bounds share.

    Example:
        >>> 4.0 < float(largest_square(2 * jnp.eye(3))) < 4.001
        True
    """
    gram = rows @ rows.T if rows.shape[0] < rows.shape[1] else rows.T @ rows
    # The eigenvalues of LAPACK are those of a matrix that lies within the margin.
    margin = SAFETY * sum(rows.shape) * jnp.finfo(rows.dtype).eps * jnp.sum(rows**2)
    return jnp.linalg.eigvalsh(gram)[-1] + margin


@jax.custom_batching.sequential_vmap
def _factorised(
    rows: Float[Array, "width dim"],
    weights: Float[Array, " width"],
    guess: Guess,
    is_asked: Bool[Array, ""],
) -> Scalar:
    """The least K of a sequence, from the guess upwards, for which K·I − M can be factorised.

    One after the other in a batch, so that a factorisation that is left out costs nothing.
    """

    def raised() -> Scalar:
        matrix = rows.T @ (weights[:, None] * rows)
        identity = jnp.eye(rows.shape[1], dtype=rows.dtype)

        # The error of a factorisation is at most so many times the trace of the matrix.
        of_trace = SAFETY * (len(identity) + 1) * jnp.finfo(rows.dtype).eps

        def base(tries: Array) -> Scalar:
            return guess.value + guess.residual * 2.0 ** (tries - 1)

        def bound(tries: Array) -> Scalar:
            return base(tries) + guess.margin + of_trace * len(identity) * jnp.abs(base(tries))

        def fails(tries: Array) -> Bool[Array, ""]:
            # The factorisation has to succeed with half of the margin; the rest covers errors.
            shifted = (base(tries) + guess.margin / 2) * identity - matrix
            factor = jnp.linalg.cholesky(shifted, symmetrize_input=False)
            return ~jnp.isfinite(jnp.diagonal(factor)).all() & (tries < MOST_TRIES)

        tries = jax.lax.while_loop(fails, lambda tries: tries + 1, jnp.int32(0))
        proved = bound(tries)
        return jnp.where((tries < MOST_TRIES) & jnp.isfinite(proved), proved, jnp.inf)

    return jax.lax.cond(is_asked, raised, lambda: jnp.full_like(guess.value, jnp.inf))
