"""Activation functions by name; a user's own may stand wherever one of these does."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Activation = Callable[[Float[Array, "*width"]], Float[Array, "*width"]]
"""An elementwise function of the pre-activations, differentiable by JAX."""


def identity(z: Float[Array, "*width"]) -> Float[Array, "*width"]:
    """σ(z) = z: the linear network, whose maxima are known in closed form (THEORY 5)."""
    return z


def gelu(z: Float[Array, "*width"]) -> Float[Array, "*width"]:
    """σ(z) = z·Φ(z), Φ the normal distribution function: the exact gelu, not its tanh fit."""
    return jax.nn.gelu(z, approximate=False)


ACTIVATIONS: dict[str, Activation] = {
    "identity": identity,
    "tanh": jnp.tanh,
    "erf": lax.erf,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "gelu": gelu,
    "silu": jax.nn.silu,
    "sin": jnp.sin,
    "relu": jax.nn.relu,
}
"""The built-in activations. All but relu are smooth."""

NOT_SMOOTH = frozenset(
    {
        *(jnp.abs, jax.nn.relu, jax.nn.relu6, jax.nn.leaky_relu, jax.nn.elu, jax.nn.celu),
        *(jax.nn.selu, jax.nn.hard_tanh, jax.nn.hard_sigmoid, jax.nn.hard_silu),
    }
)
"""JAX's activations whose second derivative does not exist everywhere."""


def is_smooth(activation: Activation) -> bool:
    """Whether an activation has a second derivative everywhere.

    False for JAX's own with kinks; a user's function says so by an attribute ``smooth = False``.

    Example:
        >>> is_smooth(jnp.tanh), is_smooth(jax.nn.relu)
        (True, False)
    """
    return activation not in NOT_SMOOTH and getattr(activation, "smooth", True)
