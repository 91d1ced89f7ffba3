"""Norms and quotients that are safe at 0, and the unit in which rounding is counted.

They take arrays of any shape and treat them as vectors of all their entries.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, ScalarLike


def l2_norm(vector: Float[Array, "*shape"], unit: ScalarLike | None = None) -> Float[Array, ""]:
    """‖v‖₂, without overflow or underflow, and with gradient 0 (not NaN) at v = 0.

    The vector is divided by its largest entry before it is squared, so that the norm of 1e30 or
    1e-30 is right in float32, too. Infinite entries give inf, NaN entries NaN.

    Args:
        vector: v.
        unit: a magnitude to divide by instead, which saves the search for the largest entry. The
            norm is then right from 1e-19 to 1e19 units (in float32), inf above and 0 below.

    Example:
        >>> float(l2_norm(jnp.array([3e30, 4e30])) / 1e30)
        5.0
    """
    unit = entry_scale(vector) if unit is None else entry_scale(jnp.asarray(unit, vector.dtype))
    squared = jnp.sum((vector / unit) ** 2)
    # Two `where`s: the gradient of the branch that is not taken must be finite as well.
    return unit * jnp.where(squared == 0, 0, jnp.sqrt(jnp.where(squared == 0, 1, squared)))


def inner(one: Float[Array, "*shape"], other: Float[Array, "*shape"]) -> Float[Array, ""]:
    """⟨v, w⟩, the sum over all entries.

    Example:
        >>> float(inner(jnp.ones((2, 3)), jnp.ones((2, 3))))
        6.0
    """
    return jnp.vdot(one, other)


def over(numerator: Float[Array, "..."] | ScalarLike, denominator: ScalarLike) -> Array:
    """numerator/denominator, and 0 where the denominator is 0; its gradient has no NaN there.

    A subnormal denominator counts as 0: the quotient could overflow, and many processors replace
    subnormal numbers by 0. A numerator or a denominator that is NaN gives NaN.

    Example:
        >>> float(over(jnp.float32(0), jnp.float32(0)))
        0.0
    """
    denominator = jnp.asarray(denominator)
    zero = is_zero(denominator)
    quotient = numerator / jnp.where(zero, 1, denominator)
    return jnp.where(zero & ~jnp.isnan(quotient), 0, quotient)


def is_zero(number: Array) -> Bool[Array, "..."]:
    """Whether a number is 0 or subnormal; false for NaN.

    Example:
        >>> is_zero(jnp.array([0.0, 1e-40, 1e-30, jnp.nan])).tolist()
        [True, True, False, False]
    """
    if not jnp.issubdtype(number.dtype, jnp.floating):
        return number == 0
    return jnp.abs(number) < float(jnp.finfo(number.dtype).tiny)


def entry_scale(vector: Float[Array, "*shape"]) -> Float[Array, ""]:
    """max_i |v_i|, or 1 where that is 0, subnormal or not finite: v over it can be squared safely.

    Differentiation takes it for a constant: use it where the result does not depend on it.

    Example:
        >>> float(entry_scale(jnp.array([3.0, -4.0])))
        4.0
    """
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(vector)))
    return jnp.where(is_zero(largest) | ~jnp.isfinite(largest), 1, largest)


def rounding(dim: int, dtype: jnp.dtype) -> float:
    """8·eps·√dim: the relative error allowed in a norm or residual of ``dim`` rounded entries.

    One unit for the whole package: a point is *on the boundary* of a set of radius ε when its norm
    is within this relative distance of ε (`boundary_step` in docs/theory.md, section 3.3).

    Example:
        >>> rounding(64, jnp.dtype("float32")) < 1e-5
        True
    """
    return 8 * float(jnp.finfo(dtype).eps) * dim**0.5
