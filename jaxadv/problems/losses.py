"""Losses ℓ(o, y) of a scalar output o and a label y; a user's own may stand for these."""

from collections.abc import Callable

import jax
from jaxtyping import Array, Float, ScalarLike

Loss = Callable[[Float[Array, ""], ScalarLike], Float[Array, ""]]
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


LOSSES: dict[str, Loss] = {"quadratic": quadratic, "logistic": logistic}
