"""Recipes: how the random networks of some trials are made."""

from dataclasses import dataclass

from jaxadv.problems.names import Function, label_of


@dataclass(frozen=True)
class Recipe:
    """How the random networks of some trials are made; `network_of` makes them.

    Attributes:
        network: a name of `NETWORKS`, a reference, or a function.
        dim: of the inputs.
        width: of the network.
        activation: a name of `ACTIVATIONS`, a reference, or a function.
        classes: the number of outputs; None for a single number as output.
    """

    network: Function
    dim: int
    width: int
    activation: Function
    classes: int | None = None

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape that a network's output must have."""
        return () if self.classes is None else (self.classes,)

    @property
    def text(self) -> str:
        """The settings in words, as the beginning of an error's reason."""
        return f"at dim {self.dim}, width {self.width} and activation {label_of(self.activation)}, "
