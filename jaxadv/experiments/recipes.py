"""How experiments ask for random networks."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Array, Key

from jaxadv.problems.activations import ACTIVATIONS, Activation
from jaxadv.problems.names import Function, label_of, resolve
from jaxadv.problems.networks import NETWORKS, Network, as_network


def make_network(
    init: Callable[..., Network],
    key: Key[Array, ""],
    *,
    dim: int,
    width: int,
    activation: Activation,
    classes: int | None,
) -> Network:
    """A random network, asked for in the way of all experiments: any callable will do."""
    # A user's network of one output need not know of classes.
    more = {} if classes is None else {"classes": classes}
    return as_network(init(key, dim=dim, width=width, activation=activation, **more))


@dataclass(frozen=True)
class Recipe:
    """How the random networks of some trials are made.

    Attributes:
        network: a name of `NETWORKS`, a reference, or a function.
        dim: of the inputs.
        width: of the network.
        activation: a name of `ACTIVATIONS`, a reference, or a function.
        classes: outputs; None for one, a number.
    """

    network: Function
    dim: int
    width: int
    activation: Function
    classes: int | None = None

    def __call__(self, key: Key[Array, ""]) -> Network:
        """A network."""
        return make_network(
            resolve("network", self.network, NETWORKS),
            key,
            dim=self.dim,
            width=self.width,
            activation=resolve("activation", self.activation, ACTIVATIONS),
            classes=self.classes,
        )

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape that a network's output must have."""
        return () if self.classes is None else (self.classes,)

    @property
    def text(self) -> str:
        """The shape in words, to begin a reason."""
        return f"at dim {self.dim}, width {self.width} and activation {label_of(self.activation)}, "
