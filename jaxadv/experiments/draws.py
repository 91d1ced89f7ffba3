"""The random draws of all experiments: networks, inputs, labels and starts.

Every draw has its own key, a chain of `jax.random.fold_in` from the seed over what is drawn, the
shape (dim, width) and the indices. No key depends on scale, ratio, step size, activation or loss,
nor on how many networks, examples and starts there are, or on how they are batched. All draws are
float32, also in double precision, which therefore sees the same problems. Experiments with one seed
and shape see the same networks.
"""

import enum
import functools
import hashlib
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jaxadv.experiments.fields import whole
from jaxadv.experiments.groups import Group
from jaxadv.experiments.specification import Specification
from jaxadv.problems.activations import ACTIVATIONS, Activation
from jaxadv.problems.constraints import CONSTRAINTS, constraint_of
from jaxadv.problems.names import Function, resolve
from jaxadv.problems.network_makers import NETWORKS
from jaxadv.problems.networks import Network, as_network, init_two_layer
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.starts import random_start
from jaxadv.pytrees import cast_floats, pytree

AnyArray = Array | np.ndarray
# Real directions and labels; None where they are simulated.
Given = tuple[Float[AnyArray, "row dim"], Float[AnyArray, " row"]] | None
IntLike = int | Int[Array, ""]
# For the data "teacher": the hidden tanh neurons of the network whose sign is the label.
TEACHER_WIDTH = 16


class Tag(enum.IntEnum):
    """What a key is for."""

    NETWORK = 0
    EXAMPLE = 1
    START = 2
    ROWS = 3
    BATCH = 4
    SPHERE = 5
    TEACHER = 6


@pytree
class Draws:
    """All that is random about the trials on one network; the same in every cell.

    Attributes:
        network: the network.
        direction: x/s, of norm √dim (on average, for Gaussian inputs).
        label: y.
        start: δ_0/ε, random points of the set whose circumradius is 1.
    """

    network: Network
    direction: Float[Array, "example dim"]
    label: Float[Array, " example"]
    start: Float[Array, "example start dim"]


class Source(NamedTuple):
    """How the trials of a group are drawn, and what a program that draws is compiled for."""

    init: Callable[..., Network]
    dim: int
    width: int
    activation: Activation
    data: Literal["sphere", "gaussian", "teacher", "given"]
    signed: bool
    examples: int
    starts: int
    dtype: str
    constraint: Function
    classes: int | None = None
    smooth: bool = False

    @classmethod
    def of(
        cls,
        spec: Specification,
        group: Group,
        *,
        examples: int,
        starts: int,
    ) -> "Source":
        """The source of the networks and data of a group of an experiment's cells."""
        return cls(
            init=resolve("network", spec.network, NETWORKS),
            dim=group.dim,
            width=group.width,
            activation=resolve("activations", group.activation, ACTIVATIONS),
            data=cast(Any, spec.data) if spec.real_examples is None else "given",
            signed=group.loss == "logistic",
            examples=examples,
            starts=starts,
            dtype=spec.dtype,
            constraint=resolve("constraints", group.constraint, CONSTRAINTS),
            classes=spec.classes_of(group.loss),
            smooth=spec.smooth,
        )

    def draw(self, index: IntLike, key: Key[Array, ""], given: Given) -> Draws:
        """What is random about network ``index``.

        Args:
            index: which network.
            key: the key of the experiment, `key_of`.
            given: real directions and labels; None where they are simulated.
        """
        network = make_network(
            self.init,
            self.key_for(key, Tag.NETWORK, index),
            dim=self.dim,
            width=self.width,
            activation=self.activation,
            classes=self.classes,
        )
        if given is None:
            example_key = self.key_for(key, Tag.EXAMPLE, index)
            directions, labels = jax.vmap(self._example)(_keys(example_key, self.examples))
            if self.data == "teacher":
                teacher_key = self.key_for(key, Tag.TEACHER, index)
                labels = jnp.sign(
                    jax.vmap(init_two_layer(teacher_key, self.dim, TEACHER_WIDTH))(directions)
                )
        else:
            every, labels = jax.tree.map(jnp.asarray, given)
            shuffled = jax.random.permutation(self.key_for(key, Tag.ROWS, index), len(labels))
            rows = shuffled[: self.examples]
            directions, labels = every[rows], labels[rows]
        start_keys = _keys(self.key_for(key, Tag.START, index), self.examples)
        unit_set = constraint_of(self.constraint, 1.0, self.dim)
        starts = jax.vmap(
            lambda key: jax.vmap(lambda key: random_start(unit_set, key, (self.dim,)))(
                _keys(key, self.starts)
            )
        )(start_keys)
        return cast_floats(Draws(network, directions, labels, starts), self.dtype)

    def key_for(self, key: Key[Array, ""], tag: Tag, index: IntLike) -> Key[Array, ""]:
        """The key of one kind of draw for one network."""
        for part in (int(tag), self.dim, self.width, index):
            key = jax.random.fold_in(key, part)
        return key

    def _example(self, key: Key[Array, ""]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        """A simulated direction and label: on the sphere or normal, ±1 or normal."""
        direction_key, label_key = jax.random.split(key)
        direction = jax.random.normal(direction_key, (self.dim,), jnp.float32)
        if self.data == "sphere":
            direction = direction / l2_norm(direction) * self.dim**0.5
        label = jax.random.normal(label_key, (), jnp.float32)
        return direction, jnp.sign(label) if self.signed else label


def make_network(
    init: Callable[..., Network],
    key: Key[Array, ""],
    *,
    dim: int,
    width: int,
    activation: Activation,
    classes: int | None,
) -> Network:
    """A random network, from any callable that takes these arguments."""
    # A user's network of one output need not know of classes.
    more = {} if classes is None else {"classes": classes}
    return as_network(init(key, dim=dim, width=width, activation=activation, **more))


def given_of(spec: Specification) -> Given:
    """The real directions and labels of an experiment; None where they are simulated."""
    if spec.real_examples is None:
        return None
    return spec.real_examples.inputs, spec.real_examples.labels


def as_key(key: Any) -> Key[Array, ""]:
    """A key as it is, or of a seed.

    Raises:
        TypeError: for an array that is no key.
        ValueError: for what is no whole number from 0.

    Example:
        >>> as_key(0) == jax.random.key(0)
        Array(True, dtype=bool)
    """
    if not isinstance(key, jax.Array):
        return jax.random.key(whole("key", key, least=0))
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        raise TypeError("key: must be made by jax.random.key, or be a whole number")
    return key


def key_of(spec: Specification) -> Key[Array, ""]:
    """The key that all draws of an experiment are made from."""
    return jax.random.key(spec.seed)


def like_seeds(num_given: int | None, dim: int) -> tuple[Any, Any]:
    """Shapes and types of `key_of` and `given_of`, for programs that are compiled before they run.

    Args:
        num_given: how many real examples there are; None where they are simulated.
        dim: the dimension of the inputs.
    """
    key = jax.eval_shape(lambda: jax.random.key(0))
    if num_given is None:
        return key, None
    directions = jax.ShapeDtypeStruct((num_given, dim), np.float32)
    return key, (directions, jax.ShapeDtypeStruct((num_given,), np.float32))


# `Source.draw`, compiled by itself, so that it rounds in the same way wherever it is used.
draw = jax.jit(Source.draw, static_argnums=0)


def random_mark() -> str:
    """A hash of some random numbers: it differs where another JAX or setting draws others."""
    numbers = [int(value) for leaf in jax.tree.leaves(_some_numbers()) for value in leaf]
    return hashlib.sha256(repr(numbers).encode()).hexdigest()[:8]


@jax.jit
def _some_numbers() -> Any:
    """Numbers of each kind that is drawn; rounded, because the last bits depend on the machine."""
    key = jax.random.fold_in(jax.random.key(0), 1)
    floats = (jax.random.normal, jax.random.uniform)
    return (
        jax.random.bits(key, (4,), jnp.uint32),
        jax.random.permutation(key, 8),
        [jnp.round(1000 * kind(key, (4,), jnp.float32)) for kind in floats],
    )


def _keys(key: Key[Array, ""], number: int) -> Key[Array, " number"]:
    """The first ``number`` keys of an infinite sequence: key i does not depend on ``number``."""
    return jax.vmap(functools.partial(jax.random.fold_in, key))(jnp.arange(number))
