"""Activation functions by name; a user's function can be used wherever one of these can."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxadv.problems.smoothness import kinks

# An elementwise function of the pre-activations, differentiable by JAX.
Activation = Callable[[Float[Array, "*width"]], Float[Array, "*width"]]


def identity(z: Float[Array, "*width"]) -> Float[Array, "*width"]:
    """σ(z) = z: the linear network, whose maxima are known in closed form.

    Source: docs/theory.md, section 5.1.
    """
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
"""The built-in activations. All but relu are analytic."""

# Where activations of JAX are not analytic.
KINKS: Mapping[Activation, tuple[float, ...]] = {
    **dict.fromkeys((jnp.abs, jax.nn.relu, jax.nn.leaky_relu), (0.0,)),
    **dict.fromkeys((jax.nn.elu, jax.nn.celu, jax.nn.selu), (0.0,)),
    **dict.fromkeys((jax.nn.hard_sigmoid, jax.nn.hard_silu), (-3.0, 3.0)),
    jax.nn.relu6: (0.0, 6.0),
    jax.nn.hard_tanh: (-1.0, 1.0),
}


def slope_of(activation: Activation) -> Activation:
    """σ', for a function that acts on each entry by itself: its derivative along 1.

    Example:
        >>> slope_of(jnp.sin)(jnp.zeros(2)).tolist()
        [1.0, 1.0]
    """
    return lambda z: jax.jvp(activation, (z,), (jnp.ones_like(z),))[1]


def is_smooth(activation: Activation) -> bool:
    """Whether an activation is analytic, as far as its computation shows (`kinks`).

    Example:
        >>> is_smooth(jnp.tanh), is_smooth(jax.nn.relu)
        (True, False)
    """
    return not kinks(activation, jax.ShapeDtypeStruct((2,), jnp.float32))
