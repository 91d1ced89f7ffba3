"""The networks of a cell, as they are drawn or trained, and the problems on them."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxadv.ascent.methods import Method
from jaxadv.ascent.methods_by_name import maker_of
from jaxadv.experiments.draws import Draws, Given, IntLike, Source, Tag, draw, given_of, key_of
from jaxadv.experiments.groups import Group
from jaxadv.experiments.moves import step_of
from jaxadv.landscape.spec import Cell, Landscape
from jaxadv.learning.adversary import Adversary
from jaxadv.learning.fit import fit
from jaxadv.problems.constraints import constraint_of, is_round
from jaxadv.problems.losses import LOSSES, Loss
from jaxadv.problems.names import Function, resolve
from jaxadv.problems.networks import Network
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem
from jaxadv.programs import remembered

N = TypeVar("N", bound=Network)


class Pretraining(NamedTuple):
    """How networks are trained before the survey; ``attacked`` if against an adversary."""

    attacked: bool
    num_steps: int
    learning_rate: float
    loss: Loss

    def __call__(
        self, network: N, given: Given, key: Key[Array, ""], scale: Array, ratio: Array
    ) -> N:
        """The trained network; trained in single precision, as random draws are."""
        assert given is not None
        directions, labels = (jnp.asarray(array, jnp.float32) for array in given)
        single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), network)
        trained, _ = fit(
            single,
            scale.astype(jnp.float32) * directions,
            labels,
            key,
            loss=self.loss,
            attack=Adversary(ratio.astype(jnp.float32)) if self.attacked else None,
            num_steps=self.num_steps,
            learning_rate=self.learning_rate,
        )
        return jax.tree.map(lambda new, old: new.astype(old.dtype), trained, network)


class Drawn(NamedTuple):
    """One network of a cell, trained or not, with the problems on it."""

    network: Network
    draws: Draws
    scale: Float[Array, ""]
    ratio: Float[Array, ""]
    constraint: Function
    smooth: bool

    def problem(self, example: IntLike, loss: Loss) -> Problem:
        """The problem of one input."""
        x = self.scale * self.draws.direction[example]
        limits = constraint_of(self.constraint, self.ratio * l2_norm(x), x.size)
        label = self.draws.label[example]
        return Problem(self.network, x, label, limits, loss, smooth=self.smooth)

    def starts(self, example: IntLike) -> Float[Array, "start dim"]:
        """The starts at one input, in its set."""
        x = self.scale * self.draws.direction[example]
        return self.ratio * l2_norm(x) * self.draws.start[example]


def source_of(spec: Landscape, group: Group) -> Source:
    """How networks, inputs and starts are drawn: as those of a sweep are."""
    return Source.of(spec, group, examples=spec.examples, starts=spec.starts)


def loss_of(group: Group) -> Loss:
    """The loss function of a group."""
    return resolve("losses", group.loss, LOSSES)


def method_of(spec: Landscape, group: Group) -> Method:
    """The method of a group's ascents."""
    step_rule, step_size = step_of(group.method, spec.step, spec.step_size)
    maker = maker_of(
        group.method, step_rule, tolerances=(spec.tolerance,), max_steps=spec.max_steps
    )
    return maker(step_size)


def has_circles(group: Group) -> bool:
    """Whether great circles lie on the boundary of a group's sets, along which they are measured.

    Example:
        >>> has_circles(Landscape().groups[0])
        True
    """
    return is_round(constraint_of(group.constraint, 1.0, group.dim), group.dim)


def training_of(spec: Landscape, cell: Cell) -> Pretraining | None:
    """How a cell's networks are trained; None if they are not."""
    if cell.training == "none":
        return None
    attacked = cell.training == "adversarial"
    return Pretraining(attacked, spec.training_steps, spec.learning_rate, loss_of(cell.group))


def draw_trained(  # noqa: PLR0917  arguments of a compiled program are positional
    source: Source,
    training: Pretraining | None,
    index: IntLike,
    key: Key[Array, ""],
    given: Given,
    scale: Float[Array, ""],
    ratio: Float[Array, ""],
) -> Drawn:
    """One network with its inputs and starts, trained if the cell says so."""
    draws = draw(source, index, key, given)
    network = draws.network
    if training is not None:
        batches = source.key_for(key, Tag.BATCH, index)
        network = training(network, given, batches, scale, ratio)
    return Drawn(network, draws, scale, ratio, source.constraint, source.smooth)


class Scene(NamedTuple):
    """The first problem on a cell's first network, its starts and method, and a key for more."""

    problem: Problem
    starts: Float[Array, "start dim"]
    method: Method
    key: Key[Array, ""]


def scene_of(spec: Landscape, cell: Cell) -> Scene:
    """The scene of one cell, in double precision."""
    with jax.enable_x64(True):
        settings = (jnp.asarray(cell.scale), jnp.asarray(cell.ratio))
        source, loss = source_of(spec, cell.group), loss_of(cell.group)
        program = remembered(_scene, source, training_of(spec, cell), loss)
        problem, starts, key = program(0, key_of(spec), given_of(spec), *settings)
        return Scene(problem, starts, method_of(spec, cell.group), key)


def _scene(source: Source, training: Pretraining | None, loss: Loss) -> Callable[..., Any]:
    def program(index: IntLike, key: Key[Array, ""], *shared: Any) -> Any:
        drawn = draw_trained(source, training, index, key, *shared)
        starts_key = source.key_for(key, Tag.SPHERE, index)
        return drawn.problem(0, loss), drawn.starts(0), starts_key

    return jax.jit(program)
