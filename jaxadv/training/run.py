"""One run of training: where it starts, one step of it, and many (docs/theory.md, section 7).

Written for one network at one scale, ratio and learning rate; `engine` has many at once.
"""

import dataclasses
from typing import Any, Literal, NamedTuple, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from jaxadv.ascent.pga import PGA
from jaxadv.experiments.draws import Draws, IntLike
from jaxadv.learning.attack import Attack, robust_loss
from jaxadv.learning.optimizers import optimizer_of
from jaxadv.learning.sharpness import sharpness
from jaxadv.problems.losses import Loss
from jaxadv.problems.names import Function
from jaxadv.problems.networks import Network
from jaxadv.problems.norms import over
from jaxadv.pytrees import pytree

Weights = PyTree[Float[Array, "..."]]


class Rules(NamedTuple):
    """What all runs have in common, and what a program is compiled for."""

    loss: Loss
    layers: Literal["hidden", "both"]
    batch: int
    examples: int
    pga: PGA
    strong: PGA
    constraint: Function
    has_answers: bool = True
    smooth: bool = False

    def weights(self, network: Network) -> Weights:
        """What is trained of a network."""
        return cast(Any, network).hidden if self.layers == "hidden" else network

    def network(self, network: Network, weights: Weights) -> Network:
        """The network with its trained part replaced."""
        if self.layers == "both":
            return cast(Network, weights)
        return dataclasses.replace(cast(Any, network), hidden=weights)

    def attack(self, settings: "Settings", pga: PGA | None = None) -> Attack:
        """The adversary of a run; by default the one that it is trained with."""
        steps = self.pga if pga is None else pga
        return Attack(settings.ratio, steps, self.constraint, self.smooth)


@pytree
class Settings:
    """The numbers by which runs differ.

    Attributes:
        scale: s.
        ratio: ρ.
        rate: the learning rate, or lr·λ₁.
        relative: whether it is the latter.
    """

    scale: Float[Array, "*cell"]
    ratio: Float[Array, "*cell"]
    rate: Float[Array, "*cell"]
    relative: Bool[Array, "*cell"]


@pytree
class Run:
    """The state of a run.

    Attributes:
        network: with the weights after so many steps.
        optimizer: the optimiser's state.
        learning_rate: lr.
        sharpness: λ₁ at initialisation.
        steps: how many were taken.
        diverged_step: the step that gave a loss, a gradient or a weight that is not finite and was
            undone; −1 if there was none. A run that diverged stays where it was.
    """

    network: Network
    optimizer: Any
    learning_rate: Float[Array, "*cell"]
    sharpness: Float[Array, "*cell"]
    steps: Int[Array, "*cell"]
    diverged_step: Int[Array, "*cell"]


def begin(draws: Draws, settings: Settings, *, optimizer: Function, rules: Rules) -> Run:
    """The run before its first step."""
    network, inputs = draws.network, settings.scale * draws.direction[: rules.examples]
    weights = rules.weights(network)
    found = sharpness(
        lambda weights: jax.vmap(rules.network(network, weights))(inputs),
        weights,
        draws.label[: rules.examples],
        loss=rules.loss,
    )
    learning_rate = jnp.where(settings.relative, over(settings.rate, found), settings.rate)
    return Run(
        network=network,
        optimizer=optimizer_of(optimizer, learning_rate).init(cast(Any, weights)),
        learning_rate=learning_rate,
        sharpness=found,
        steps=jnp.int32(0),
        diverged_step=jnp.int32(-1),
    )


def step(
    run: Run,
    draws: Draws,
    key: Key[Array, ""],
    settings: Settings,
    *,
    optimizer: Function,
    rules: Rules,
) -> Run:
    """One step of the optimiser on the robust loss of a batch.

    Args:
        run: the state before.
        draws: the examples; the first `Rules.examples` are those that are trained on.
        key: of the network's batches.
        settings: of the run.
        optimizer: itself, or its name.
        rules: of all runs.
    """
    directions, labels = draws.direction[: rules.examples], draws.label[: rules.examples]
    if rules.batch:
        rows = batch_rows(key, run.steps, rules)
        directions, labels = directions[rows], labels[rows]
    weights = rules.weights(run.network)
    value, gradient = jax.value_and_grad(
        lambda weights: robust_loss(
            rules.network(run.network, weights),
            settings.scale * directions,
            labels,
            rules.attack(settings),
            loss=rules.loss,
        )
    )(weights)
    updates, state = optimizer_of(optimizer, run.learning_rate).update(
        gradient, run.optimizer, cast(Any, weights)
    )
    stepped = optax.apply_updates(cast(Any, weights), updates)
    # Some optimisers make a finite step of a gradient that is not, for instance by its sign.
    is_finite = jnp.isfinite(value)
    for leaf in jax.tree.leaves((gradient, stepped)):
        is_finite &= jnp.isfinite(leaf).all()
    runs = run.diverged_step < 0
    steps = run.steps + 1
    new = dataclasses.replace(
        run, network=rules.network(run.network, stepped), optimizer=state, steps=steps
    )
    # A run that diverged counts steps like all others, but takes none.
    old = dataclasses.replace(
        run, steps=steps, diverged_step=jnp.where(runs & ~is_finite, steps, run.diverged_step)
    )
    return jax.tree.map(lambda new, old: jnp.where(runs & is_finite, new, old), new, old)


def batch_rows(key: Key[Array, ""], step: IntLike, rules: Rules) -> Int[Array, " batch"]:
    """The examples of one step's batch, drawn with replacement: the same in all cells."""
    return jax.random.randint(
        jax.random.fold_in(key, step), (rules.batch,), 0, rules.examples, jnp.int32
    )


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
    """The run after so many more steps, with matrix products in full precision."""

    def following(_: Array, run: Run) -> Run:
        return step(run, draws, key, settings, optimizer=optimizer, rules=rules)

    with jax.default_matmul_precision("highest"):
        return jax.lax.fori_loop(0, num_steps, following, run)
