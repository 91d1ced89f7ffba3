"""Networks z -> f(z): the two-layer network, and what users' networks must offer.

Source: docs/theory.md, section 2.1.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, ScalarLike

from jaxadv.problems.activations import ACTIVATIONS, KINKS, Activation, is_smooth, slope_of
from jaxadv.problems.foreign import as_pytree
from jaxadv.problems.names import resolve
from jaxadv.pytrees import pytree, set_fields, static


@runtime_checkable
class Network(Protocol):
    """Maps one input, an array of any shape, to a number or to a vector of logits.

    **A network of your own** is any callable that JAX can differentiate: a plain function, a
    lambda, a bound method, a `functools.partial`, a jitted function, an Equinox module, a Flax NNX
    module, ``functools.partial(module.apply, variables)`` of Flax Linen or Haiku, or an object of
    your own class. It takes one input, without a batch axis.

    - Its arrays are data: arguments of a partial, attributes of an object, what a function closes
      over, and the global names that it uses. Two networks of the same structure share a compiled
      program, and a program is compiled anew where something else has changed. Values that a
      function finds in other modules, in installed code, or in the attributes of a class are taken
      as they were at first.
    - Attributes that are no arrays must be hashable, or be lists and dictionaries of such.
    - Dropout and batch statistics must be in evaluation mode (``network.eval()``,
      ``eqx.nn.inference_mode(network)``).
    - Inputs that are normalised before the network: `Normalized`.
    - `certify` reads from the network's computation whether it has kinks. ``Problem(...,
      smooth=True)`` declares that it has none.

    Example:
        >>> import functools
        >>> import jaxadv as ja
        >>> weights = {"w": jnp.ones((3, 4)), "b": jnp.zeros(3)}
        >>> def network(weights, image):
        ...     return jnp.tanh(weights["w"] @ image.ravel() + weights["b"])
        >>> prob = ja.Problem(
        ...     functools.partial(network, weights),
        ...     x=jnp.ones((2, 2)), y=2, constraint=ja.L2Ball(0.1), loss="cross-entropy",
        ... )
        >>> ja.ascend(prob, jnp.zeros((2, 2)), ja.PGA()).perturbation.shape
        (2, 2)
    """

    def __call__(self, z: Float[Array, "*shape"], /) -> Float[Array, "*classes"]:
        """The output f(z)."""
        ...


def as_network(network: Any) -> Network:
    """A user's network as a pytree that can be called.

    Raises:
        TypeError: for what cannot be called, a PyTorch module, or a module of Flax Linen or Haiku
            without its parameters; says what to give instead.

    Example:
        >>> as_network(jnp.sum)
        Foreign(sum)
    """
    # A method is of the kind of its object.
    kind = type(getattr(network, "__self__", network))
    if any(base.__module__.partition(".")[0] == "torch" for base in kind.__mro__):
        raise TypeError(
            f"network: {kind.__name__} is a PyTorch module, which JAX cannot differentiate; write "
            "its forward pass with jax.numpy, and copy its weights with .detach().numpy()"
        )
    if hasattr(network, "init") and hasattr(network, "apply"):
        raise TypeError(
            f"network: {kind.__name__} has no parameters of its own; give "
            "functools.partial(network.apply, variables), with the variables that init returned"
        )
    if not callable(network) or isinstance(network, type):
        hint = "; give functools.partial(apply, params)" if isinstance(network, tuple) else ""
        raise TypeError(
            f"network: an object of type {kind.__name__} is no function of an input{hint}"
        )
    return as_pytree("network", network)


@pytree
class Normalized:
    """z -> f((z − mean)/std): a network whose inputs are normalised before they enter it.

    Perturbations then live in the units of the raw input, such as pixels in [0, 1].

    Attributes:
        network: f.
        mean: one number, or an array that broadcasts to the shape of an input.
        std: one positive number, or an array that broadcasts to the shape of an input.

    Example:
        >>> net = Normalized(jnp.sum, mean=0.5, std=0.25)
        >>> float(net(jnp.ones((2, 2))))
        8.0
    """

    network: Network
    mean: ScalarLike | Float[Array, "*mean"]
    std: ScalarLike | Float[Array, "*std"]

    def __post_init__(self) -> None:
        set_fields(self, network=as_network(self.network))

    def __call__(self, z: Float[Array, "*shape"]) -> Float[Array, "*classes"]:
        """The output f((z − mean)/std).

        Raises:
            ValueError: if the mean or the standard deviation does not broadcast to the input.
        """
        mean, std = self.moments(z)
        return self.network((z - mean) / std)

    def moments(
        self, z: Float[Array, "*shape"]
    ) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
        """The mean and the standard deviation of each entry of an input; errors as of a call."""
        try:
            mean, std = (
                jnp.broadcast_to(jnp.asarray(values, z.dtype), z.shape)
                for values in (self.mean, self.std)
            )
        except ValueError as error:
            shapes = f"mean {jnp.shape(self.mean)} and std {jnp.shape(self.std)}"
            raise ValueError(f"{shapes} do not broadcast to an input {z.shape}") from error
        return mean, std


@pytree
class TwoLayer:
    """f(z) = Σ_r a_r σ(w_r·z), on all entries of the input z, whatever its shape.

    Source: docs/theory.md, section 2.1.

    Attributes:
        hidden: W, the rows w_r.
        output: a; it has a column for each class if f has an output for each class.
        activation: σ, elementwise: a name of `ACTIVATIONS`, or a function; by default tanh.

    Example:
        >>> net = TwoLayer(hidden=jnp.eye(2), output=jnp.ones(2), activation="tanh")
        >>> net(jnp.zeros(2)).shape
        ()
    """

    hidden: Float[Array, "width dim"]
    output: Float[Array, "width *classes"]
    activation: Activation = static()

    def __init__(
        self,
        hidden: Float[Array, "width dim"],
        output: Float[Array, "width *classes"],
        activation: str | Activation = "tanh",
    ) -> None:
        set_fields(
            self,
            hidden=hidden,
            output=output,
            activation=resolve("activation", activation, ACTIVATIONS),
        )

    def __call__(self, z: Float[Array, "*shape"]) -> Float[Array, "*classes"]:
        """The output f(z).

        Raises:
            ValueError: for an input of another size.
        """
        entries = z.ravel()
        dim = self.hidden.shape[-1]
        if entries.size != dim:
            raise ValueError(f"the network takes {dim} entries, the input has {entries.size}")
        return self.activation(entries @ self.hidden.T) @ self.output

    def derivatives(
        self, z: Float[Array, "*shape"]
    ) -> tuple[Float[Array, ""], Float[Array, "*shape"], Callable[[Array], Array]]:
        """f(z), ∇f(z) = Σ_r a_r σ'(w_r·z) w_r and v -> ∇²f(z) v = Σ_r a_r σ''(w_r·z)⟨w_r, v⟩ w_r.

        For one output, and an activation that acts on each entry by itself: its derivatives along 1
        are then those of all entries.
        """
        pre = z.ravel() @ self.hidden.T
        slopes = slope_of(self.activation)
        first, second = self.output * slopes(pre), self.output * slope_of(slopes)(pre)

        def product(vector: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
            return ((second * (vector.ravel() @ self.hidden.T)) @ self.hidden).reshape(z.shape)

        gradient = (first @ self.hidden).reshape(z.shape)
        return self.activation(pre) @ self.output, gradient, product

    @property
    def smooth(self) -> bool:
        """Whether f is analytic."""
        return is_smooth(self.activation)

    def kink_distance(self, z: Float[Array, "*shape"]) -> Float[Array, ""]:
        """min_r |w_r·z − c| over the kinks c of σ; inf where σ is analytic, 0 where c is unknown.

        In units of the pre-activations.
        """
        if self.smooth:
            return jnp.full((), jnp.inf, z.dtype)
        kinks = KINKS.get(self.activation)
        if kinks is None:
            return jnp.zeros((), z.dtype)
        gaps = (self.hidden @ z.ravel())[:, None] - jnp.asarray(kinks, z.dtype)[None]
        return jnp.min(jnp.abs(gaps))


def init_two_layer(
    key: Key[Array, ""],
    dim: int,
    width: int,
    activation: str | Activation = "tanh",
    classes: int | None = None,
) -> TwoLayer:
    """A random two-layer network: W_ij ~ N(0, 1/dim), a_r uniform on ±1/√width.

    Source: docs/theory.md, section 2.1.

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
    return TwoLayer(hidden, output, activation)
