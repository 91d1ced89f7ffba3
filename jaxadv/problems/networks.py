"""Networks z -> f(z): the two-layer network of THEORY 2, and what a user's own must offer."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxadv.problems.activations import ACTIVATIONS, Activation, is_smooth
from jaxadv.problems.names import resolve
from jaxadv.pytrees import pytree, static


@runtime_checkable
class Network(Protocol):
    """Any pytree that maps one input to one number, or one for each class; leaves are weights.

    A network that has kinks should also have an attribute ``smooth = False``, so that `certify`
    does not trust its second derivatives; without the attribute it counts as smooth.
    """

    def __call__(self, z: Float[Array, " dim"], /) -> Float[Array, "*classes"]:
        """The output f(z)."""
        ...


@pytree
class TwoLayer:
    """f(z) = Σ_r a_r σ(w_r·z) (THEORY 2).

    Attributes:
        hidden: W, the rows w_r.
        output: a; with a column for each class where f has an output for each.
        activation: σ, elementwise; by default tanh.

    Example:
        >>> net = TwoLayer(hidden=jnp.eye(2), output=jnp.ones(2), activation=jnp.tanh)
        >>> net(jnp.zeros(2)).shape
        ()
    """

    hidden: Float[Array, "width dim"]
    output: Float[Array, "width *classes"]
    activation: Activation = static(default=ACTIVATIONS["tanh"])

    def __call__(self, z: Float[Array, " dim"]) -> Float[Array, "*classes"]:
        """The output f(z)."""
        return self.activation(z @ self.hidden.T) @ self.output

    @property
    def smooth(self) -> bool:
        """Whether f has second derivatives everywhere."""
        return is_smooth(self.activation)

    def kink_distance(self, z: Float[Array, " dim"]) -> Float[Array, ""]:
        """min_r |w_r·z|, how far z is from the nearest kink; inf where there are none."""
        if self.smooth:
            return jnp.full((), jnp.inf, z.dtype)
        return jnp.min(jnp.abs(self.hidden @ z))


def init_two_layer(
    key: Key[Array, ""],
    dim: int,
    width: int,
    activation: str | Activation = "tanh",
    classes: int | None = None,
) -> TwoLayer:
    """A random two-layer network: W_ij ~ N(0, 1/dim), a_r uniform on ±1/√width (THEORY 2).

    The weights are float32 whatever JAX's default, so that a run in double precision sees the same
    network as one in single precision.

    Args:
        key: the only source of randomness.
        dim: d, the input dimension.
        width: m, the number of hidden neurons.
        activation: one of `ACTIVATIONS`, ``"module:function"``, or a function.
        classes: number of outputs, a vector; one output, a number, by default.

    Raises:
        ValueError: for an unknown name of an activation.

    Example:
        >>> init_two_layer(jax.random.key(0), dim=3, width=8).hidden.shape
        (8, 3)
    """
    hidden_key, output_key = jax.random.split(key)
    shape = (width,) if classes is None else (width, classes)
    hidden = jax.random.normal(hidden_key, (width, dim), jnp.float32) / dim**0.5
    # `jax.random.rademacher` draws other signs when float64 is switched on.
    positive = jax.random.bernoulli(output_key, jnp.float32(0.5), shape)
    output = jnp.where(positive, 1, -1).astype(jnp.float32) / width**0.5
    return TwoLayer(hidden, output, resolve("activation", activation, ACTIVATIONS))


NETWORKS = {"two-layer": init_two_layer}
"""Random networks by name: functions of a key, dim, width and activation."""
