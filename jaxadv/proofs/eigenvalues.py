"""Upper bounds of the largest eigenvalue of Wᵀ diag(v) W, which a factorisation proves.

Source: docs/theory.md, section 9.4.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxadv.ascent.lanczos import brief_ritz_values
from jaxadv.proofs.enclosures import SAFETY

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
    enough: Any = -jnp.inf,
    useless: Any = jnp.inf,
) -> Scalar:
    """A number that is not below λ_max(Wᵀ diag(v) W), rounding included.

    A Ritz value of Lanczos is a guess, which lies below. K is the guess and a little more, raised
    until the Cholesky factorisation of K·I − M succeeds. Forming M errs by at most
    γ Σ_r |v_r|‖w_r‖² in the spectral norm, γ the number of terms times the precision; the
    factorisation succeeds only for a matrix within a similar error of a positive definite one
    (Rump 2006).

    The factorisation costs most of the time. It is left out where it cannot help: a cheap bound is
    then returned, which may be far above.

    Args:
        rows: W.
        weights: v.
        enough: a cheap bound that is at most this is as good as the best one.
        useless: bounds above this are of no use.

    Returns:
        K; inf if the computation overflows.

    Example:
        >>> bound = largest_eigenvalue(jnp.eye(2), jnp.array([3.0, -1.0]))
        >>> 3.0 < float(bound) < 3.02
        True
    """
    dtype = rows.dtype
    positive = jnp.sum(jnp.maximum(weights, 0) * jnp.sum(rows**2, axis=1))
    size = jnp.sum(jnp.abs(weights) * jnp.sum(rows**2, axis=1))
    terms = rows.shape[0] + rows.shape[1] + 2
    margin = SAFETY * terms * jnp.finfo(dtype).eps * size + jnp.finfo(dtype).tiny
    trace = positive + margin  # no eigenvalue is larger than the trace of the positive part
    unit = jnp.where(size > 0, size, 1)

    def product(vector: Float[Array, " dim"]) -> Float[Array, " dim"]:
        return (weights / unit * (rows @ vector)) @ rows

    start = jax.random.normal(jax.random.key(0), rows.shape[1:], jnp.float32).astype(dtype)
    is_asked = trace > enough
    run = brief_ritz_values(
        product,
        start,
        lambda top: (top.residual <= CLOSE * jnp.abs(top.value)) | (top.value > useless / unit),
        max_iters=MAX_ITERS,
        is_asked=is_asked,
    )
    value, residual = (unit * part.astype(dtype) for part in (run.top.value, run.top.residual))
    guess = Guess(value, jnp.maximum(residual, CLOSE * jnp.abs(value)), margin)
    is_useful = is_asked & (value <= useless)
    proved = _factorised(rows, weights, guess, is_useful)
    bound = jnp.where(is_useful, jnp.minimum(proved, trace), trace)
    return jnp.where(jnp.isfinite(bound), bound, jnp.inf)


@jax.custom_batching.sequential_vmap
def _factorised(
    rows: Float[Array, "width dim"],
    weights: Float[Array, " width"],
    guess: Guess,
    is_useful: Bool[Array, ""],
) -> Scalar:
    """The least K of a sequence, from the guess upwards, for which K·I − M can be factorised.

    One after the other in a batch, so that a factorisation that is left out costs nothing.
    """

    def raised() -> Scalar:
        matrix = rows.T @ (weights[:, None] * rows)
        identity = jnp.eye(rows.shape[1], dtype=rows.dtype)

        def bound(tries: Array) -> Scalar:
            return guess.value + guess.residual * 2.0 ** (tries - 1) + guess.margin

        def fails(tries: Array) -> Bool[Array, ""]:
            # The factorisation has to succeed with a part of the margin; the rest covers errors.
            shifted = (bound(tries) - guess.margin / 2) * identity - matrix
            factor = jnp.linalg.cholesky(shifted, symmetrize_input=False)
            return ~jnp.isfinite(jnp.diagonal(factor)).all() & (tries < MOST_TRIES)

        tries = jax.lax.while_loop(fails, lambda tries: tries + 1, jnp.int32(0))
        return jnp.where(tries < MOST_TRIES, bound(tries), jnp.inf)

    return jax.lax.cond(is_useful, raised, lambda: jnp.full_like(guess.value, jnp.inf))
