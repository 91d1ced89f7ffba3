"""From a sweep's specification to its single trials: the random draws and the problems.

Every draw has its own key, a chain of `jax.random.fold_in` from the seed over what is drawn, the
shape (dim, width) and the indices. No key depends on scale, ratio, step size, activation or loss,
nor on how many networks, examples and starts there are, or on how they are batched. All draws are
float32, also in double precision, which therefore sees the same problems.
"""

import enum
import functools
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jaxadv.ascent.pga import PGA
from jaxadv.ascent.steps import STEP_RULES
from jaxadv.problems.activations import ACTIVATIONS
from jaxadv.problems.constraints import L2Ball
from jaxadv.problems.losses import LOSSES, Loss
from jaxadv.problems.names import resolve
from jaxadv.problems.networks import NETWORKS, Network
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree
from jaxadv.sweeps.spec import Group, Sweep

T = TypeVar("T")


class Draw(enum.IntEnum):
    """What a key is for."""

    NETWORK = 0
    EXAMPLE = 1
    START = 2
    ROWS = 3


@pytree
class Lane:
    """One trial, as far as it differs from the others on the same network; or a batch of them.

    Attributes:
        direction: x/s, of norm √dim (on average, for Gaussian inputs).
        label: y.
        start: δ_0/ε.
        scale: s.
        ratio: ρ.
        step_size: the step rule's parameter.
    """

    direction: Float[Array, "*lanes dim"]
    label: Float[Array, "*lanes"]
    start: Float[Array, "*lanes dim"]
    scale: Float[Array, "*lanes"]
    ratio: Float[Array, "*lanes"]
    step_size: Float[Array, "*lanes"]


class Rules(NamedTuple):
    """What the trials of a group have in common, and what a program is compiled for."""

    loss: Loss
    step_rule: str
    tolerances: tuple[float, ...]
    max_steps: int

    def trial(self, network: Network, lane: Lane) -> tuple[Problem, Float[Array, " dim"], PGA]:
        """The problem, the start and the settings of one trial: the arguments of `ascend`."""
        x = lane.scale * lane.direction
        radius = lane.ratio * l2_norm(x)
        problem = Problem(network, x, lane.label, L2Ball(radius), self.loss)
        rule = STEP_RULES[self.step_rule](lane.step_size)
        return problem, radius * lane.start, PGA(rule, self.tolerances, self.max_steps)


def rules_of(sweep: Sweep, group: Group) -> Rules:
    """The rules of a group's trials."""
    loss = resolve("losses", group.loss, LOSSES)
    return Rules(loss, sweep.step, sweep.tolerances, sweep.max_steps)


def draw_network(sweep: Sweep, group: Group, index: int) -> Network:
    """Network ``index`` of a group's shape, in the sweep's precision.

    Example:
        >>> sweep = Sweep(widths=(8,))
        >>> draw_network(sweep, sweep.groups[0], 0).hidden.shape
        (8, 64)
    """
    activation = resolve("activations", group.activation, ACTIVATIONS)
    init = resolve("network", sweep.network, NETWORKS)
    key = _key(sweep, Draw.NETWORK, group, index)
    return _in_precision(sweep, _draw_network(key, init, group.dim, group.width, activation))


def draw_lanes(sweep: Sweep, group: Group, index: int) -> Lane:
    """All trials on network ``index`` of a group, with leading axes (cell, example, start).

    Example:
        >>> sweep = Sweep(examples=5, starts=2)
        >>> draw_lanes(sweep, sweep.groups[0], 0).start.shape
        (3, 5, 2, 64)
    """
    if sweep.real_examples is None:
        key = _key(sweep, Draw.EXAMPLE, group, index)
        on_sphere, signed = sweep.data == "sphere", group.loss == "logistic"
        directions, labels = _draw_examples(key, group.dim, sweep.examples, on_sphere, signed)
    else:
        every, labels = sweep.real_examples.directions, sweep.real_examples.labels
        shuffled = jax.random.permutation(_key(sweep, Draw.ROWS, group, index), len(labels))
        rows = np.asarray(shuffled[: sweep.examples])
        directions, labels = jnp.asarray(every[rows]), jnp.asarray(labels[rows])
    key = _key(sweep, Draw.START, group, index)
    starts = _draw_starts(key, group.dim, sweep.examples, sweep.starts)

    cells = [cell for cell in sweep.cells if cell.group == group]
    shape = (len(cells), sweep.examples, sweep.starts)

    def per_cell(values: list[float]) -> Float[Array, "cell example start"]:
        return jnp.broadcast_to(jnp.array(values)[:, None, None], shape)

    lanes = Lane(
        direction=jnp.broadcast_to(directions[:, None], (*shape, group.dim)),
        label=jnp.broadcast_to(labels[:, None], shape),
        start=jnp.broadcast_to(starts, (*shape, group.dim)),
        scale=per_cell([cell.scale for cell in cells]),
        ratio=per_cell([cell.ratio for cell in cells]),
        step_size=per_cell([cell.step_size for cell in cells]),
    )
    return _in_precision(sweep, lanes)


_draw_network = jax.jit(
    lambda key, init, dim, width, activation: init(
        key, dim=dim, width=width, activation=activation
    ),
    static_argnums=(1, 2, 3, 4),
)


@functools.partial(jax.jit, static_argnames=("dim", "number", "on_sphere", "signed"))
def _draw_examples(
    key: Key[Array, ""], dim: int, number: int, on_sphere: bool, signed: bool
) -> tuple[Float[Array, "example dim"], Float[Array, " example"]]:
    """Simulated directions and labels: on the sphere or normal, ±1 or normal."""

    def draw(key: Key[Array, ""]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        direction_key, label_key = jax.random.split(key)
        normal = jax.random.normal(direction_key, (dim,), jnp.float32)
        label = jax.random.normal(label_key, (), jnp.float32)
        direction = normal / l2_norm(normal) * dim**0.5 if on_sphere else normal
        return direction, jnp.sign(label) if signed else label

    return jax.vmap(draw)(_keys(key, number))


@functools.partial(jax.jit, static_argnames=("dim", "examples", "starts"))
def _draw_starts(
    key: Key[Array, ""], dim: int, examples: int, starts: int
) -> Float[Array, "example start dim"]:
    """Starts, uniform in the unit ball: a uniform direction at the radius U^(1/dim).

    (`jax.random.ball` has the same distribution, but takes seconds to compile for every shape: it
    serves all p-norms, by way of the gamma distribution.)
    """

    def draw(key: Key[Array, ""]) -> Float[Array, " dim"]:
        direction_key, radius_key = jax.random.split(key)
        normal = jax.random.normal(direction_key, (dim,), jnp.float32)
        radius = jax.random.uniform(radius_key, (), jnp.float32) ** (1 / dim)
        return normal / l2_norm(normal) * radius

    return jax.vmap(lambda key: jax.vmap(draw)(_keys(key, starts)))(_keys(key, examples))


def _key(sweep: Sweep, draw: Draw, group: Group, index: int) -> Key[Array, ""]:
    """The key of one kind of draw for one network."""
    key = jax.random.key(sweep.seed)
    for part in (int(draw), group.dim, group.width, index):
        key = jax.random.fold_in(key, part)
    return key


def _keys(key: Key[Array, ""], number: int) -> Key[Array, " number"]:
    """The first keys of an endless row: key i does not depend on ``number``."""
    return jax.vmap(functools.partial(jax.random.fold_in, key))(jnp.arange(number))


def _in_precision(sweep: Sweep, tree: T) -> T:
    """The tree with its floats in the sweep's precision."""
    dtype = jnp.float64 if sweep.precision == "double" else jnp.float32

    def cast(leaf: Array) -> Array:
        return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

    return jax.tree.map(cast, tree)
