"""Losses ℓ(o, y) of an output o and a label y; a user's own may stand for these."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

Loss = Callable[[Float[Array, "*classes"], ScalarLike], Float[Array, ""]]
"""``loss(output, label) -> scalar``, twice differentiable by JAX in ``output``."""


def quadratic(output: Float[Array, ""], label: ScalarLike) -> Float[Array, ""]:
    """ℓ(o, y) = ½(o − y)²: the loss of the paper's abstract.

    Example:
        >>> float(quadratic(jax.numpy.float32(3), jax.numpy.float32(1)))
        2.0
    """
    return 0.5 * (output - label) ** 2


def logistic(output: Float[Array, ""], label: ScalarLike) -> Float[Array, ""]:
    """ℓ(o, y) = log(1 + exp(−y·o)), for labels y = ±1, without overflow.

    Example:
        >>> float(logistic(jax.numpy.float32(-200), jax.numpy.float32(1)))
        200.0
    """
    return jax.nn.softplus(-(label * output))


def cross_entropy(output: Float[Array, " classes"], label: ScalarLike) -> Float[Array, ""]:
    """ℓ(o, y) = log Σ_j exp(o_j) − o_y, for a network with an output for each class, y its number.

    Example:
        >>> float(cross_entropy(jnp.zeros(2), 1.0)) == float(jnp.log(2.0))
        True
    """
    return -_own(jax.nn.log_softmax(output), label)


def margin(output: Float[Array, "*classes"], label: ScalarLike) -> Float[Array, ""]:
    """By how much another answer is ahead of the right one: −y·o, or max_{j≠y} o_j − o_y.

    Positive where the answer is wrong; an adversary that maximises it goes straight for that.

    Example:
        >>> float(margin(jnp.float32(3), -1.0)), float(margin(jnp.array([3.0, 1.0]), 0.0))
        (3.0, -2.0)
    """
    if jnp.ndim(output) == 0:
        return -(output * label)
    others = jnp.where(jnp.arange(output.size) == jnp.asarray(label, int), -jnp.inf, output)
    return jnp.max(others) - _own(output, label)


def _own(output: Float[Array, " classes"], label: ScalarLike) -> Float[Array, ""]:
    return jnp.take(output, jnp.asarray(label, int))


LOSSES: dict[str, Loss] = {"quadratic": quadratic, "logistic": logistic}
"""Of networks with one output, by name."""
LOSSES_OF_CLASSES: dict[str, Loss] = {"cross-entropy": cross_entropy}
"""Of networks with an output for each class, by name."""
