"""One run of training: where it starts, one step of it, and many (docs/theory.md, section 7).

Written for one network at one scale, ratio and learning rate; `program` has many at once.
"""

import dataclasses
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key, ScalarLike

from jaxadv.ascent.methods import Method
from jaxadv.experiments.draws import Draws, IntLike
from jaxadv.learning import loop
from jaxadv.learning.adversary import Adversary
from jaxadv.learning.optimizers import optimizer_of
from jaxadv.learning.sharpness import sharpness
from jaxadv.problems.losses import Loss
from jaxadv.problems.names import Function
from jaxadv.problems.networks import Network
from jaxadv.problems.norms import over
from jaxadv.pytrees import pytree

SHARPNESS_EXAMPLES = 512  # at most, of which λ₁ is taken: it costs as much as some epochs


class Rules(NamedTuple):
    """What all runs of a group have in common, and what a program is compiled for."""

    loss: Loss
    layers: loop.Layers
    batch: int
    examples: int
    method: Method
    probe: Method
    strong: Method
    constraint: Function
    has_answers: bool = True
    smooth: bool = False
    output_scale: float = 1.0
    undo_scale: bool = False

    @property
    def objective(self) -> loop.Objective:
        """What is minimised, and over which weights."""
        return loop.Objective(self.loss, self.layers)

    def attack(self, ratio: ScalarLike, method: Method) -> Adversary:
        """An adversary with a ratio ρ and the method of its ascent."""
        return Adversary(ratio, method, self.constraint, self.smooth)


@pytree
class Settings:
    """The numbers by which runs differ.

    Attributes:
        scale: s.
        ratio: ρ of the attack that is trained with, 0 for clean training.
        measured_ratio: ρ of the attacks that the network is measured with.
        rate: the learning rate, or lr·λ₁ if ``relative``.
        relative: whether the rate is in units of 1/λ₁.
    """

    scale: Float[Array, "*cell"]
    ratio: Float[Array, "*cell"]
    measured_ratio: Float[Array, "*cell"]
    rate: Float[Array, "*cell"]
    relative: Bool[Array, "*cell"]


@pytree
class Run(loop.Run):
    """The state of a run.

    Attributes:
        sharpness: λ₁ at initialisation, of the first examples.
    """

    sharpness: Float[Array, "*cell"]


def begin(draws: Draws, settings: Settings, *, optimizer: Function, rules: Rules) -> Run:
    """The run before its first step."""
    network, objective = draws.network, rules.objective
    size = min(rules.examples, SHARPNESS_EXAMPLES)
    scale = jnp.ones_like(settings.scale) if rules.undo_scale else settings.scale
    inputs = scale * draws.direction[:size]
    initial_sharpness = sharpness(
        lambda weights: jax.vmap(objective.network(network, weights))(inputs),
        objective.weights(network),
        draws.label[:size],
        loss=rules.loss,
    )
    relative_rate = over(settings.rate, initial_sharpness)
    learning_rate = jnp.where(settings.relative, relative_rate, settings.rate)
    begun = loop.begin(
        initial_network(draws, settings, rules),
        learning_rate,
        optimizer=of_run(optimizer, settings, rules),
        objective=objective,
    )
    return Run(**vars(begun), sharpness=initial_sharpness)


def initial_network(draws: Draws, settings: Settings, rules: Rules) -> Network:
    """The network before the first step; with the scale undone, its hidden weights over s."""
    if not rules.undo_scale:
        return draws.network
    network = cast(Any, draws.network)
    return dataclasses.replace(network, hidden=network.hidden / settings.scale)


def of_run(optimizer: Function, settings: Settings, rules: Rules) -> Function:
    """The optimiser of a run: as it is, or one that trains hidden weights in units of 1/s."""
    if not rules.undo_scale:
        return optimizer

    def times(factor: Float[Array, ""], weights: Any) -> Any:
        if rules.layers == "hidden":
            return factor * weights
        return dataclasses.replace(weights, hidden=factor * weights.hidden)

    to_v, to_w = partial(times, settings.scale), partial(times, 1 / settings.scale)

    def make(learning_rate: ScalarLike) -> optax.GradientTransformation:
        inner = optimizer_of(optimizer, learning_rate)

        def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
            # W = V/s: the gradient in V is that in W over s, and a step of V is one of W times s.
            moves, state = inner.update(
                to_w(updates), state, None if params is None else to_v(params)
            )
            return to_w(moves), state

        return optax.GradientTransformation(lambda params: inner.init(to_v(params)), update)

    return make


def advance(
    run: Run,
    draws: Draws,
    key: Key[Array, ""],
    settings: Settings,
    num_steps: IntLike,
    *,
    optimizer: Function,
    rules: Rules,
) -> Run:
    """The run after ``num_steps`` more steps, on batches that are the same in all cells.

    Args:
        run: the state before.
        draws: the examples; the first `Rules.examples` are for training.
        key: draws the network's batches.
        settings: the settings of the run.
        num_steps: how many more steps.
        optimizer: the optimiser, or its name.
        rules: what all runs have in common.
    """
    directions, labels = draws.direction[: rules.examples], draws.label[: rules.examples]

    def batch_of(step: Int[Array, ""]) -> loop.Batch:
        if not rules.batch:
            return settings.scale * directions, labels
        rows = loop.with_replacement(key, step, rules.examples, rules.batch)
        # Only the batch is scaled: all examples at every scale would take much memory.
        return settings.scale * directions[rows], labels[rows]

    return loop.advance(
        run,
        batch_of,
        rules.attack(settings.ratio, rules.method),
        num_steps,
        optimizer=of_run(optimizer, settings, rules),
        objective=rules.objective,
    )
