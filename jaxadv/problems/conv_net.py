"""A small convolutional network of images."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxadv.problems.activations import ACTIVATIONS, Activation
from jaxadv.problems.checks import as_floats
from jaxadv.problems.mlp import init_mlp
from jaxadv.problems.names import resolve
from jaxadv.pytrees import pytree, set_fields, static

LAYOUT = ("NHWC", "HWIO", "NHWC")  # of images, filters and their products


@pytree
class ConvNet:
    """Convolutions with a stride, each followed by σ, and dense layers on what they give.

    Every convolution pads with zeros and keeps one output for each stride × stride square of its
    input. σ follows each layer but the last one.

    Attributes:
        filters: of the convolutions, each (height, width, channels in, channels out).
        filter_biases: each (channels out,).
        weights: of the dense layers, each (out, in); the last one is (in,) where f is a number.
        biases: each (out,); the last one is a number where f is one.
        shape: of an image: height, width, channels. An input has these entries in any shape.
        activation: σ, elementwise: a name of `ACTIVATIONS`, or a function; by default gelu.
        stride: of all convolutions.

    Raises:
        ValueError: for layers that do not fit.

    Example:
        >>> net = init_conv_net(jax.random.key(0), shape=(8, 8))
        >>> net(jnp.zeros((8, 8))).shape, net(jnp.zeros(64)).shape
        ((10,), (10,))
    """

    filters: tuple[Float[Array, "height width channels filters"], ...]
    filter_biases: tuple[Float[Array, " filters"], ...]
    weights: tuple[Float[Array, "..."], ...]
    biases: tuple[Float[Array, "..."], ...]
    shape: tuple[int, int, int] = static()
    activation: Activation = static()
    stride: int = static()

    def __init__(
        self,
        filters: Sequence[Any],
        filter_biases: Sequence[Any],
        weights: Sequence[Any],
        biases: Sequence[Any],
        *,
        shape: Sequence[int],
        activation: str | Activation = "gelu",
        stride: int = 2,
    ) -> None:
        layers = {
            "filters": filters, "filter_biases": filter_biases, "weights": weights, "biases": biases
        }  # fmt: skip
        arrays = {name: tuple(as_floats(name, each) for each in of) for name, of in layers.items()}
        # A convolution mixes no types.
        dtype = jnp.result_type(*(each for of in arrays.values() for each in of))
        set_fields(
            self,
            **{name: tuple(each.astype(dtype) for each in of) for name, of in arrays.items()},
            shape=tuple(shape),
            activation=resolve("activation", activation, ACTIVATIONS),
            stride=stride,
        )
        try:
            jax.eval_shape(self.__call__, jax.ShapeDtypeStruct(self.shape, jnp.float32))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"filters, weights: they do not fit each other, or images of shape {self.shape}"
            ) from error

    def __call__(self, z: Float[Array, "*shape"]) -> Float[Array, "*classes"]:
        """The output f(z).

        Raises:
            ValueError: for an input of another size.
        """
        if z.size != math.prod(self.shape):
            raise ValueError(f"the network takes {self.shape} images, the input has {z.shape}")
        value = z.reshape(1, *self.shape)
        for kernel, bias in zip(self.filters, self.filter_biases, strict=True):
            product = jax.lax.conv_general_dilated(
                value, kernel, [self.stride] * 2, "SAME", dimension_numbers=LAYOUT
            )
            value = self.activation(product + bias[None, None, None])
        value = value.ravel()
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            value = self.activation(weight @ value + bias)
        return self.weights[-1] @ value + self.biases[-1]


def init_conv_net(
    key: Key[Array, ""],
    shape: Sequence[int] = (28, 28),
    *,
    channels: Sequence[int] = (16, 32),
    widths: Sequence[int] = (100,),
    classes: int | None = 10,
    activation: str | Activation = "gelu",
    filter_size: int = 4,
    stride: int = 2,
) -> ConvNet:
    """A random convolutional network: weights N(0, 1/number of inputs), biases 0; float32.

    Args:
        key: the only source of randomness.
        shape: of an image: (height, width), or (height, width, channels).
        channels: of each convolution's output.
        widths: of the dense layers between the convolutions and the output, at least one.
        classes: number of outputs, a vector; one output, a number, if it is None.
        activation: one of `ACTIVATIONS`, ``"module:function"``, or a function.
        filter_size: height and width of the filters.
        stride: of the convolutions.

    Example:
        >>> net = init_conv_net(jax.random.key(0))
        >>> [kernel.shape for kernel in net.filters], [weight.shape for weight in net.weights]
        ([(4, 4, 1, 16), (4, 4, 16, 32)], [(100, 1568), (10, 100)])
    """
    height, width, inputs = shape = (*shape, 1)[:3]
    keys = iter(jax.random.split(key, len(channels) + 1))
    filters = []
    for outputs in channels:
        filters.append(_normal(next(keys), (filter_size, filter_size, inputs, outputs)))
        height, width, inputs = -(-height // stride), -(-width // stride), outputs
    dense = init_mlp(next(keys), height * width * inputs, widths, activation, classes)
    return ConvNet(
        filters,
        [jnp.zeros(kernel.shape[-1], jnp.float32) for kernel in filters],
        dense.weights,
        dense.biases,
        shape=shape,
        activation=activation,
        stride=stride,
    )


def _normal(key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
    return jax.random.normal(key, shape, jnp.float32) / math.prod(shape[:-1]) ** 0.5
