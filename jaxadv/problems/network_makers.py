"""Makers of networks by name, for experiments: random ones, and those of files.

A maker is a function of a key, dim, width and activation, and of classes where the network has an
output for each class.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Array, Key

from jaxadv.problems.activations import Activation
from jaxadv.problems.conv_net import ConvNet, init_conv_net
from jaxadv.problems.mlp import MLP, init_mlp
from jaxadv.problems.network_files import SUFFIX, load_network
from jaxadv.problems.networks import Network, Normalized, TwoLayer, init_two_layer

Maker = Callable[..., Network]
COLOURS = 3


class Makers(dict[str, Maker]):
    """Makers by name; the name of a safetensors file is one as well."""

    def __contains__(self, name: object) -> bool:
        """Whether a name is known, or is that of a file."""
        return super().__contains__(name) or is_network_file(name)

    def __missing__(self, name: str) -> Maker:
        """The maker of a file's network."""
        if not is_network_file(name):
            raise KeyError(name)
        return stored_network(name)


def is_network_file(network: object) -> bool:
    """Whether a field names a file of a network."""
    return isinstance(network, str) and network.endswith(SUFFIX)


@dataclass(frozen=True)
class StoredNetwork:
    """A maker of one and the same network, that of a file, whatever the key.

    Attributes:
        digest: a hash of the file, by which stores and compiled programs know it.
        network: what is in the file.
    """

    digest: str
    network: Any = field(compare=False)

    def __call__(
        self,
        key: Key[Array, ""],
        *,
        dim: int,
        width: int,
        activation: Activation,
        classes: int | None = None,
    ) -> Network:
        """The network of the file."""
        del key, dim, width, activation, classes
        return self.network

    @property
    def _inner(self) -> Any:
        network = self.network
        while isinstance(network, Normalized):
            network = network.network
        return network

    @property
    def dim(self) -> int:
        """How many entries an input has."""
        network = self._inner
        if isinstance(network, ConvNet):
            return math.prod(network.shape)
        first = network.hidden if isinstance(network, TwoLayer) else network.weights[0]
        return int(first.shape[1])

    @property
    def width(self) -> int:
        """The number of neurons of the first dense hidden layer."""
        network = self._inner
        return len(network.hidden if isinstance(network, TwoLayer) else network.weights[0])

    @property
    def activation(self) -> Activation:
        """σ."""
        return self._inner.activation


def stored_network(path: str) -> StoredNetwork:
    """The maker of the network in a file.

    Raises:
        ValueError: if there is none, or it is of a kind that files alone do not make.
    """
    network = load_network(path)
    content = Path(path).expanduser().read_bytes()
    return StoredNetwork(hashlib.sha256(content).hexdigest()[:16], network)


def make_mlp(
    key: Key[Array, ""],
    dim: int,
    width: int,
    activation: str | Activation,
    classes: int | None = None,
) -> MLP:
    """A random network with two hidden layers of one width."""
    return init_mlp(key, dim, (width, width), activation, classes)


def make_conv_net(
    key: Key[Array, ""],
    dim: int,
    width: int,
    activation: str | Activation,
    classes: int | None = None,
) -> ConvNet:
    """A random network with two convolutions and a dense layer, of square images.

    Raises:
        ValueError: if ``dim`` is neither a square nor three squares.
    """
    for channels in (1, COLOURS):
        size = math.isqrt(dim // channels)
        if channels * size**2 == dim:
            return init_conv_net(
                key, (size, size, channels), widths=(width,), classes=classes,
                activation=activation,
            )  # fmt: skip
    raise ValueError(
        f"dims: network 'conv' needs square images, and {dim} is neither a square nor three"
    )


NETWORKS = Makers({"two-layer": init_two_layer, "mlp": make_mlp, "conv": make_conv_net})
