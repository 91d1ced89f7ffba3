"""One run of training: a network with its optimiser, one step on a batch, and many.

Written for one network, one adversary and one learning rate; `fit` and the training experiment use
it. Source: docs/theory.md, section 7.
"""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, Shaped

from jaxadv.learning.adversary import Adversary, robust_loss
from jaxadv.learning.optimizers import optimizer_of
from jaxadv.problems.losses import Loss
from jaxadv.problems.names import Function
from jaxadv.problems.networks import Network, Normalized
from jaxadv.pytrees import pytree

Layers = Literal["hidden", "both"]
Weights = PyTree[Float[Array, "..."]]
Batch = tuple[Float[Array, "example *shape"], Shaped[Array, " example"]]  # inputs and labels
R = TypeVar("R", bound="Run")


class Objective(NamedTuple):
    """What is minimised: the mean loss on a batch under an attack, over some weights.

    Attributes:
        loss: ℓ.
        layers: which weights are trained, the hidden ones or both layers.
    """

    loss: Loss
    layers: Layers = "both"

    def weights(self, network: Network) -> Weights:
        """The weights of a network that are trained."""
        if self.layers == "hidden":
            return cast(Any, network).hidden
        are_trained = trained_leaves(network)
        if all(are_trained):
            return network
        return list(itertools.compress(jax.tree.leaves(network), are_trained))

    def network(self, network: Network, weights: Weights) -> Network:
        """The network with other trained weights."""
        if self.layers == "hidden":
            return dataclasses.replace(cast(Any, network), hidden=weights)
        are_trained, trained = trained_leaves(network), iter(jax.tree.leaves(weights))
        leaves, structure = jax.tree.flatten(network)
        both = (
            next(trained) if is_trained else leaf
            for leaf, is_trained in zip(leaves, are_trained, strict=True)
        )
        return jax.tree.unflatten(structure, both)


def trained_leaves(network: Network) -> list[bool]:
    """Which leaves of a network are trained: floats, but for the moments of a `Normalized`.

    Example:
        >>> import jaxadv as ja
        >>> trained_leaves(ja.Normalized(ja.TwoLayer(jax.numpy.eye(2), jax.numpy.ones(2)), 0.5, 1))
        [True, True, False, False]
    """
    if isinstance(network, Normalized):
        fixed = len(jax.tree.leaves((network.mean, network.std)))
        return [*trained_leaves(network.network), *[False] * fixed]
    leaves = jax.tree.leaves(network)
    return [jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in leaves]


@pytree
class Run:
    """The state of a run.

    Attributes:
        network: the network with its present weights.
        optimizer: the state of the optimiser.
        learning_rate: lr.
        steps: how many steps were taken.
        diverged_step: the step whose loss, gradient or weights were not finite, which was undone;
            −1 if there was none. A run that diverged keeps its weights.
    """

    network: Network
    optimizer: Any
    learning_rate: Float[Array, "*cell"]
    steps: Int[Array, "*cell"]
    diverged_step: Int[Array, "*cell"]


def begin(
    network: Network,
    learning_rate: Float[Array, ""],
    *,
    optimizer: Function,
    objective: Objective,
) -> Run:
    """The run before its first step."""
    weights = cast(Any, objective.weights(network))
    state = optimizer_of(optimizer, learning_rate).init(weights)
    return Run(network, state, learning_rate, jnp.int32(0), jnp.int32(-1))


def step(
    run: R, batch: Batch, attack: Adversary | None, *, optimizer: Function, objective: Objective
) -> tuple[R, Float[Array, ""]]:
    """One step of the optimiser on the robust loss of a batch.

    Args:
        run: the state before.
        batch: inputs and labels.
        attack: the attack on each input; None for clean training.
        optimizer: the optimiser, or its name; as in `begin`.
        objective: as in `begin`.

    Returns:
        The state after the step, and the robust loss before it.
    """
    weights = objective.weights(run.network)
    value, gradient = jax.value_and_grad(
        lambda weights: robust_loss(
            objective.network(run.network, weights), *batch, attack, loss=objective.loss
        )
    )(weights)
    updates, state = optimizer_of(optimizer, run.learning_rate).update(
        gradient, run.optimizer, cast(Any, weights)
    )
    stepped = optax.apply_updates(cast(Any, weights), updates)
    # Some optimisers make a finite step from a gradient that is not finite, for instance its sign.
    is_finite = jnp.isfinite(value)
    for leaf in jax.tree.leaves((gradient, stepped)):
        is_finite &= jnp.isfinite(leaf).all()
    return _accept(run, objective.network(run.network, stepped), state, is_finite), value


def advance(
    run: R,
    batch_of: Callable[[Int[Array, ""]], Batch],
    attack: Adversary | None,
    num_steps: int | Int[Array, ""],
    *,
    optimizer: Function,
    objective: Objective,
) -> R:
    """The run after ``num_steps`` more steps, with matrix products in full precision.

    Args:
        run: the state before.
        batch_of: from the number of steps taken to the batch of the next step.
        attack: as in `step`.
        num_steps: how many more steps.
        optimizer: as in `begin`.
        objective: as in `begin`.
    """

    def following(_: Array, run: R) -> R:
        batch = batch_of(run.steps)
        return step(run, batch, attack, optimizer=optimizer, objective=objective)[0]

    with jax.default_matmul_precision("highest"):
        return jax.lax.fori_loop(0, num_steps, following, run)


def with_replacement(
    key: Key[Array, ""], step: int | Int[Array, ""], examples: int, size: int
) -> Int[Array, " batch"]:
    """The rows of a step's batch, each drawn from all examples.

    Example:
        >>> with_replacement(jax.random.key(0), 3, examples=4, size=6).shape
        (6,)
    """
    return jax.random.randint(jax.random.fold_in(key, step), (size,), 0, examples, jnp.int32)


def without_replacement(
    key: Key[Array, ""], step: int | Int[Array, ""], examples: int, size: int
) -> Int[Array, " batch"]:
    """The rows of a step's batch, all different, in random order.

    Example:
        >>> sorted(without_replacement(jax.random.key(0), 3, examples=4, size=4).tolist())
        [0, 1, 2, 3]
    """
    return jax.random.permutation(jax.random.fold_in(key, step), examples)[:size]


def _accept(run: R, network: Network, state: Any, is_finite: Bool[Array, ""]) -> R:
    """The run after a step; a step that is not finite is undone."""
    goes_on, steps = run.diverged_step < 0, run.steps + 1
    new = dataclasses.replace(run, network=network, optimizer=state, steps=steps)
    # A run that diverged counts steps like the other runs, but its weights stay.
    old = dataclasses.replace(
        run, steps=steps, diverged_step=jnp.where(goes_on & ~is_finite, steps, run.diverged_step)
    )
    return jax.tree.map(lambda new, old: jnp.where(goes_on & is_finite, new, old), new, old)
