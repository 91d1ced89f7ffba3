"""From a sweep's specification to its single trials: the random draws and the problems.

Every draw has its own key, a chain of `jax.random.fold_in` from the seed over what is drawn, the
shape (dim, width) and the indices. No key depends on scale, ratio, step size, activation or loss,
nor on how many networks, examples and starts there are, or on how they are batched. All draws are
float32, also in double precision, which therefore sees the same problems.
"""

import enum
import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jaxadv.ascent.pga import PGA
from jaxadv.ascent.steps import STEP_RULES
from jaxadv.problems.activations import ACTIVATIONS, Activation
from jaxadv.problems.constraints import L2Ball
from jaxadv.problems.losses import LOSSES, Loss
from jaxadv.problems.names import resolve
from jaxadv.problems.networks import NETWORKS, Network
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree
from jaxadv.sweeps.spec import Cell, Group, Sweep

T = TypeVar("T")
AnyArray = Array | np.ndarray
Given = tuple[Float[AnyArray, "row dim"], Float[AnyArray, " row"]] | None
"""Real directions and labels, or None."""
IntLike = int | Int[Array, ""]


class Tag(enum.IntEnum):
    """What a key is for."""

    NETWORK = 0
    EXAMPLE = 1
    START = 2
    ROWS = 3


@pytree
class Draws:
    """All that is random about the trials on one network; the same in every cell.

    Attributes:
        network: the network.
        direction: x/s, of norm √dim (on average, for Gaussian inputs).
        label: y.
        start: δ_0/ε.
    """

    network: Network
    direction: Float[Array, "example dim"]
    label: Float[Array, " example"]
    start: Float[Array, "example start dim"]


@pytree
class Settings:
    """The numbers by which the cells of a group differ: scales s, ratios ρ, and step sizes."""

    scale: Float[AnyArray, " cell"]
    ratio: Float[AnyArray, " cell"]
    step_size: Float[AnyArray, " cell"]


@pytree
class Trial:
    """One trial, but for its network."""

    x: Float[Array, " dim"]
    y: Float[Array, ""]
    radius: Float[Array, ""]
    start: Float[Array, " dim"]
    step_size: Float[Array, ""]


class Source(NamedTuple):
    """How the trials of a group are drawn, and what a program that draws is compiled for."""

    init: Callable[..., Network]
    dim: int
    width: int
    activation: Activation
    data: Literal["sphere", "gaussian", "given"]
    signed: bool
    examples: int
    starts: int
    dtype: str

    def draw(self, index: IntLike, key: Key[Array, ""], given: Given) -> Draws:
        """What is random about network ``index``.

        Args:
            index: which network.
            key: the sweep's, `key_of`.
            given: real directions and labels; None where they are simulated.
        """
        network = self.init(
            self._key(key, Tag.NETWORK, index),
            dim=self.dim,
            width=self.width,
            activation=self.activation,
        )
        if given is None:
            example_key = self._key(key, Tag.EXAMPLE, index)
            directions, labels = jax.vmap(self._example)(_keys(example_key, self.examples))
        else:
            every, labels = jax.tree.map(jnp.asarray, given)
            shuffled = jax.random.permutation(self._key(key, Tag.ROWS, index), len(labels))
            rows = shuffled[: self.examples]
            directions, labels = every[rows], labels[rows]
        start_keys = _keys(self._key(key, Tag.START, index), self.examples)
        starts = jax.vmap(lambda key: jax.vmap(self._start)(_keys(key, self.starts)))(start_keys)
        return _as_dtype(Draws(network, directions, labels, starts), self.dtype)

    def _key(self, key: Key[Array, ""], tag: Tag, index: IntLike) -> Key[Array, ""]:
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

    def _start(self, key: Key[Array, ""]) -> Float[Array, " dim"]:
        """A start, uniform in the unit ball: a uniform direction at the radius U^(1/dim).

        (`jax.random.ball` has the same distribution, but takes seconds to compile for every shape:
        it serves all p-norms, by way of the gamma distribution.)
        """
        direction_key, radius_key = jax.random.split(key)
        normal = jax.random.normal(direction_key, (self.dim,), jnp.float32)
        radius = jax.random.uniform(radius_key, (), jnp.float32) ** (1 / self.dim)
        return normal / l2_norm(normal) * radius


class Rules(NamedTuple):
    """What the trials of a group have in common, and what a program is compiled for."""

    loss: Loss
    step_rule: str
    tolerances: tuple[float, ...]
    max_steps: int

    def problem(self, network: Network, trial: Trial) -> tuple[Problem, PGA]:
        """The problem and the settings of one trial, for `ascend` and `certify`."""
        problem = Problem(network, trial.x, trial.y, L2Ball(trial.radius), self.loss)
        rule = STEP_RULES[self.step_rule](trial.step_size)
        return problem, PGA(rule, self.tolerances, self.max_steps)


draw = jax.jit(Source.draw, static_argnums=0)
"""`Source.draw` as the programs of a sweep round it: the same bit for bit wherever it is used."""


def source_of(sweep: Sweep, group: Group) -> Source:
    """How a group's trials are drawn."""
    simulated = sweep.real_examples is None
    return Source(
        init=resolve("network", sweep.network, NETWORKS),
        dim=group.dim,
        width=group.width,
        activation=resolve("activations", group.activation, ACTIVATIONS),
        data=cast(Any, sweep.data) if simulated else "given",
        signed=group.loss == "logistic",
        examples=sweep.examples,
        starts=sweep.starts,
        dtype=_dtype(sweep),
    )


def rules_of(sweep: Sweep, group: Group) -> Rules:
    """The rules of a group's trials."""
    loss = resolve("losses", group.loss, LOSSES)
    return Rules(loss, sweep.step, sweep.tolerances, sweep.max_steps)


def settings_of(sweep: Sweep, cells: Sequence[Cell]) -> Settings:
    """The settings of some cells, in their order."""
    columns = ("scale", "ratio", "step_size")
    return Settings(*(np.array([getattr(c, n) for c in cells], _dtype(sweep)) for n in columns))


def given_of(sweep: Sweep) -> Given:
    """The real directions and labels of a sweep; None where they are simulated."""
    if sweep.real_examples is None:
        return None
    return sweep.real_examples.directions, sweep.real_examples.labels


def key_of(sweep: Sweep) -> Key[Array, ""]:
    """The key that all draws of a sweep are made from."""
    return jax.random.key(sweep.seed)


def trial_of(
    draws: Draws, settings: Settings, cell: IntLike, example: IntLike, start: IntLike
) -> Trial:
    """One trial on a network.

    Example:
        >>> sweep = Sweep(widths=(8,), scales=(0.1, 1.0))
        >>> group = sweep.groups[0]
        >>> draws = draw(source_of(sweep, group), 0, key_of(sweep), given_of(sweep))
        >>> trial_of(draws, settings_of(sweep, sweep.cells), 1, 5, 2).x.shape
        (64,)
    """
    scale, ratio, step_size = (
        jnp.asarray(column)[cell] for column in (settings.scale, settings.ratio, settings.step_size)
    )
    x = scale * draws.direction[example]
    radius = ratio * l2_norm(x)
    start_point = radius * draws.start[example, start]
    return Trial(x, draws.label[example], radius, start_point, step_size)


def expected_length(settings: Settings) -> Float[np.ndarray, " cell"]:
    """What the steps of a cell's trials are roughly proportional to.

    They grow with the radius and fall with the step size (THEORY 6: T ∝ ρ s/η at a fixed curvature
    ratio, which grows with ρ s as well).
    """
    return np.asarray(settings.ratio * settings.scale / settings.step_size)


def longest_first(settings: Settings, examples: int, starts: int) -> np.ndarray:
    """The numbers (cell, example, start) of all trials on a network, the longest ones first."""
    cells = np.argsort(-expected_length(settings), kind="stable")
    numbers = np.meshgrid(cells, np.arange(examples), np.arange(starts), indexing="ij")
    return np.stack([number.ravel() for number in numbers], axis=1).astype(np.int32)


def _keys(key: Key[Array, ""], number: int) -> Key[Array, " number"]:
    """The first keys of an endless row: key i does not depend on ``number``."""
    return jax.vmap(functools.partial(jax.random.fold_in, key))(jnp.arange(number))


def _dtype(sweep: Sweep) -> str:
    return "float64" if sweep.precision == "double" else "float32"


def _as_dtype(tree: T, dtype: str) -> T:
    """The tree with all its floats of one type."""

    def cast_floats(leaf: Array) -> Array:
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return jax.tree.map(cast_floats, tree)
