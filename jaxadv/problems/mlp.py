"""Networks of several layers with biases, whose weights proofs can read."""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxadv.problems.activations import ACTIVATIONS, Activation
from jaxadv.problems.checks import as_floats
from jaxadv.problems.names import resolve
from jaxadv.pytrees import pytree, set_fields, static


@pytree
class MLP:
    """f(z) = W_L σ(⋯ σ(W_1 z + b_1) ⋯) + b_L, on all entries of z, whatever its shape.

    Ascents and certificates take any network; proofs (`prove`) need to read the weights, and take
    this one.

    Attributes:
        weights: W_1, …, W_L, at least two, each (out, in). The last one is (in,) where f is a
            number.
        biases: b_1, …, b_L, each (out,); the last one is a number where f is one.
        activation: σ, elementwise: a name of `ACTIVATIONS`, or a function; by default tanh.

    Raises:
        TypeError: for what is no list of arrays.
        ValueError: for layers that do not fit.

    Example:
        >>> import jax.numpy as jnp
        >>> net = MLP([jnp.eye(3), jnp.ones((2, 3))], [jnp.zeros(3), jnp.zeros(2)])
        >>> net(jnp.zeros(3)).tolist()
        [0.0, 0.0]
    """

    weights: tuple[Float[Array, "..."], ...]
    biases: tuple[Float[Array, "..."], ...]
    activation: Activation = static()

    def __init__(
        self,
        weights: Any,
        biases: Any,
        activation: str | Activation = "tanh",
    ) -> None:
        for field, arrays in (("weights", weights), ("biases", biases)):
            if not isinstance(arrays, Sequence) or isinstance(arrays, str):
                kind = type(arrays).__name__
                raise TypeError(f"{field}: must be a list of arrays, not of type {kind}")
        set_fields(
            self,
            weights=tuple(as_floats("weights", each) for each in weights),
            biases=tuple(as_floats("biases", each) for each in biases),
            activation=resolve("activation", activation, ACTIVATIONS),
        )
        _check_layers(self.weights, self.biases)

    def __call__(self, z: Float[Array, "*shape"]) -> Float[Array, "*classes"]:
        """The output f(z)."""
        value = z.ravel()
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            value = self.activation(weight @ value + bias)
        return self.weights[-1] @ value + self.biases[-1]


def _check_layers(weights: Sequence[jax.Array], biases: Sequence[jax.Array]) -> None:
    if len(weights) < 2 or len(weights) != len(biases):
        raise ValueError(
            f"weights, biases: {len(weights)} and {len(biases)} must be as many, at least two"
        )
    size = None
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True), start=1):
        is_last = number == len(weights)
        if weight.ndim not in ((1, 2) if is_last else (2,)) or bias.shape != weight.shape[:-1]:
            raise ValueError(
                f"weights, biases: layer {number} has shapes {weight.shape} and {bias.shape}, "
                "which must be (out, in) and (out,)"
            )
        if size is not None and weight.shape[-1] != size:
            raise ValueError(
                f"weights: layer {number} takes {weight.shape[-1]} numbers, and the one before it "
                f"gives {size}"
            )
        size = weight.shape[0]


def init_mlp(
    key: Key[Array, ""],
    dim: int,
    widths: Sequence[int],
    activation: str | Activation = "tanh",
    classes: int | None = None,
) -> MLP:
    """A random network of several layers: weights N(0, 1/number of inputs), biases 0; float32.

    Args:
        key: the only source of randomness.
        dim: d, the number of entries of an input.
        widths: the numbers of neurons of the hidden layers.
        activation: one of `ACTIVATIONS`, ``"module:function"``, or a function.
        classes: number of outputs, a vector; one output, a number, by default.

    Raises:
        ValueError: for no hidden layers, or an unknown name of an activation.

    Example:
        >>> [weight.shape for weight in init_mlp(jax.random.key(0), 784, (64, 32)).weights]
        [(64, 784), (32, 64), (32,)]
    """
    sizes = (dim, *widths)
    last = sizes[-1:] if classes is None else (classes, sizes[-1])
    shapes = [*((after, before) for before, after in itertools.pairwise(sizes)), last]
    weights = [
        jax.random.normal(layer_key, shape, jnp.float32) / shape[-1] ** 0.5
        for layer_key, shape in zip(jax.random.split(key, len(shapes)), shapes, strict=True)
    ]
    biases = [jnp.zeros(weight.shape[:-1], jnp.float32) for weight in weights]
    return MLP(weights, biases, activation)
