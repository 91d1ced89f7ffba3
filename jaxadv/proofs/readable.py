"""Networks whose weights proofs can read, as one class.

Source: docs/theory.md, section 9.4.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from jaxadv.problems.activations import Activation
from jaxadv.problems.mlp import MLP
from jaxadv.problems.networks import Normalized, TwoLayer
from jaxadv.proofs.activation_ranges import check_activation
from jaxadv.proofs.rounding import sum_error
from jaxadv.pytrees import pytree, static


@pytree
class Readable:
    """f(z) = W_L σ(⋯ σ(W_1 z + b_1) ⋯) + b_L, for inputs that are vectors.

    Attributes:
        weights: W_1, …, W_L.
        biases: b_1, …, b_L.
        activation: σ, one with known bounds.
        square_norm: an upper bound of ‖W_1‖₂²; inf if none is known.
        bias_error: an upper bound of the rounding errors of b_1.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    activation: Activation = static()
    square_norm: ScalarLike = jnp.inf
    bias_error: ScalarLike | Float[Array, " width"] = 0.0

    def __call__(self, z: Float[Array, " dim"]) -> Float[Array, "*classes"]:
        """The output f(z)."""
        return MLP(self.weights, self.biases, self.activation)(z)

    def with_output(self, weight: Array, bias: Array) -> "Readable":
        """The same hidden layers with another last layer."""
        return dataclasses.replace(
            self, weights=(*self.weights[:-1], weight), biases=(*self.biases[:-1], bias)
        )

    def times(self, factor: ScalarLike) -> "Readable":
        """c·f."""
        weight, bias = self.weights[-1], self.biases[-1]
        return self.with_output(jnp.multiply(factor, weight), jnp.multiply(factor, bias))

    def difference(self, one: Any, other: Any) -> "Readable":
        """f_i − f_j of a network with several outputs."""
        weight, bias = self.weights[-1], self.biases[-1]
        return self.with_output(weight[one] - weight[other], bias[one] - bias[other])

    @property
    def num_outputs(self) -> int | None:
        """The number of outputs; None if the output is a number."""
        return None if self.weights[-1].ndim == 1 else self.weights[-1].shape[0]


def as_readable(network: Any, x: Float[Array, "*shape"]) -> Readable:
    """The network with its weights in a row.

    Args:
        network: a `TwoLayer`, an `MLP`, or one of them in a `Normalized`.
        x: an input.

    Raises:
        TypeError: for another network; says what is needed.
        ValueError: for an activation without known bounds, or an input that does not fit.

    Example:
        >>> import jax
        >>> from jaxadv import init_two_layer
        >>> net = init_two_layer(jax.random.key(0), dim=3, width=8)
        >>> as_readable(net, jnp.ones(3)).weights[0].shape
        (8, 3)
    """
    # A subclass may have another output.
    if type(network) is TwoLayer:
        biases = jnp.zeros_like(network.hidden[:, 0]), jnp.zeros_like(network.output[0])
        readable = Readable((network.hidden, network.output.T), biases, network.activation)
    elif type(network) is MLP:
        readable = Readable(network.weights, network.biases, network.activation)
    elif type(network) is Normalized:
        moments = (values.ravel() for values in network.moments(x))
        return _normalized(as_readable(network.network, x), *moments)
    else:
        # What stands for a user's object has the name of that object.
        kind = getattr(network, "__name__", type(network).__name__)
        raise TypeError(
            "network: proofs read the weights of a ja.TwoLayer or a ja.MLP, also inside of "
            f"ja.Normalized, and not those of {kind!r}"
        )
    check_activation(readable.activation)
    takes = readable.weights[0].shape[-1]
    if takes != x.size:
        raise ValueError(f"x: has {x.size} entries, and the network takes {takes}")
    return readable


def _normalized(inner: Readable, mean: Float[Array, " dim"], std: Float[Array, " dim"]) -> Readable:
    """The network with the normalisation of its input in its first layer."""
    first, bias = inner.weights[0] / std[None], inner.biases[0]
    sizes = jnp.abs(bias) + jnp.abs(first) @ jnp.abs(mean)
    return dataclasses.replace(
        inner,
        weights=(first, *inner.weights[1:]),
        biases=(bias - first @ mean, *inner.biases[1:]),
        # The difference may be much smaller than its parts.
        bias_error=inner.bias_error + sum_error(mean) * sizes,
    )
