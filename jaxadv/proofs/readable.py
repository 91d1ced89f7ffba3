"""Networks whose weights proofs can read, as one class: `MLP`.

Source: docs/theory.md, section 9.4.
"""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from jaxadv.problems.mlp import MLP
from jaxadv.problems.networks import Normalized, TwoLayer
from jaxadv.proofs.activation_ranges import check_activation


def as_mlp(network: Any, x: Float[Array, "*shape"]) -> MLP:
    """The network as an `MLP` of the flat input.

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
        >>> as_mlp(net, jnp.ones(3)).weights[0].shape
        (8, 3)
    """
    # A subclass may have another output.
    if type(network) is TwoLayer:
        mlp = MLP(
            (network.hidden, network.output.T),
            (jnp.zeros_like(network.hidden[:, 0]), jnp.zeros_like(network.output[0])),
            network.activation,
        )
    elif type(network) is MLP:
        mlp = network
    elif type(network) is Normalized:
        return _normalized(as_mlp(network.network, x), network.mean, network.std, x)
    else:
        kind = type(network).__name__
        raise TypeError(
            "network: proofs read the weights of a ja.TwoLayer or a ja.MLP, also inside of "
            f"ja.Normalized, and not those of {kind}"
        )
    check_activation(mlp.activation)
    if mlp.weights[0].shape[-1] != x.size:
        takes = mlp.weights[0].shape[-1]
        raise ValueError(f"x: has {x.size} entries, and the network takes {takes}")
    return mlp


def _normalized(mlp: MLP, mean: Any, std: Any, x: Float[Array, "*shape"]) -> MLP:
    """The network with the normalisation of its input in its first layer."""
    mean, std = (jnp.broadcast_to(jnp.asarray(v, x.dtype), x.shape).ravel() for v in (mean, std))
    first = mlp.weights[0] / std[None]
    return dataclasses.replace(
        mlp,
        weights=(first, *mlp.weights[1:]),
        biases=(mlp.biases[0] - first @ mean, *mlp.biases[1:]),
    )


def times(mlp: MLP, factor: ScalarLike) -> MLP:
    """c·f."""
    weight, bias = mlp.weights[-1], mlp.biases[-1]
    return with_output(mlp, jnp.multiply(factor, weight), jnp.multiply(factor, bias))


def difference(mlp: MLP, one: Any, other: Any) -> MLP:
    """f_i − f_j of a network with several outputs."""
    weight, bias = mlp.weights[-1], mlp.biases[-1]
    return with_output(mlp, weight[one] - weight[other], bias[one] - bias[other])


def with_output(mlp: MLP, weight: Array, bias: Array) -> MLP:
    """The same hidden layers with another last layer."""
    return dataclasses.replace(
        mlp, weights=(*mlp.weights[:-1], weight), biases=(*mlp.biases[:-1], bias)
    )
