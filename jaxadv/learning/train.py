"""`train`: fit a network of any kind to labelled inputs, clean or against attacks."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key
from tqdm import tqdm

from jaxadv.ascent.entry import check_trial
from jaxadv.ascent.methods import Method
from jaxadv.ascent.pga import PGA
from jaxadv.ascent.steps import NormalizedStep
from jaxadv.ascent.trial import as_method
from jaxadv.experiments.draws import as_key
from jaxadv.experiments.fields import SMALLEST, count, non_negative, positive
from jaxadv.learning.adversary import FixedAttack
from jaxadv.learning.loop import Objective, Run, begin, step, trained_leaves
from jaxadv.learning.optimizers import OPTIMIZERS, Optimizer
from jaxadv.problems.checks import as_floats
from jaxadv.problems.constraints import Constraint, is_box
from jaxadv.problems.foreign import Foreign
from jaxadv.problems.losses import check_label
from jaxadv.problems.names import Function, label_of, resolve
from jaxadv.problems.network_files import save_network
from jaxadv.problems.networks import Network, as_network
from jaxadv.problems.problem import Problem, as_constraint
from jaxadv.problems.ranges import as_range, check_in_range, in_range
from jaxadv.problems.round_sets import L2Ball
from jaxadv.programs import keep_programs

INNER_STEPS, INNER_STEP = 10, 0.25  # of the usual attack, a step in radii


@dataclass(frozen=True)
class Trained:
    """A network that was trained.

    Attributes:
        network: with its last weights, of the kind that was given.
        snapshots: the networks at the epochs that were asked for.
        losses: the mean loss of each batch, under attack where there was one, before its step.
        epochs: the epoch of each batch, a fraction.
        diverged: whether a step was not finite. The weights are then those before it.
        settings: how the network was trained.
    """

    network: Any
    snapshots: Mapping[float, Any]
    losses: np.ndarray
    epochs: np.ndarray
    diverged: bool
    settings: Mapping[str, Any]

    def save(self, path: str | Path) -> None:
        """Write the network to a safetensors file, with the settings; errors of `save_network`."""
        save_network(path, self.network, self.settings)


def train(
    network: Any,
    data: Any,
    *,
    loss: Function = "cross-entropy",
    constraint: Any = None,
    bounds: Any = None,
    method: Method | None = None,
    optimizer: Function = "adam",
    learning_rate: Any = 1e-3,
    epochs: Any = 10,
    batch_size: Any = 128,
    snapshots: Sequence[Any] = (),
    key: Any = 0,
    progress: bool = True,
) -> Trained:
    """Fit all arrays of floats in a network: min over them of the mean of max_δ ℓ(f(x + δ), y).

    Source: docs/theory.md, section 7.1. Each epoch goes through the inputs in random order, in
    batches of one size; what is left over waits for the next epoch. The mean and the standard
    deviation of a `Normalized` are not trained. Running statistics of batches would be, like all
    floats: put them into a `Normalized`, or leave them out.

    Args:
        network: any network that `Problem` takes.
        data: `Data`, or a pair of inputs (n, ...) and labels (n,).
        loss: ℓ, a name or a function.
        constraint: the set of perturbations, the same for all inputs; None for clean training.
        bounds: the range of x + δ, such as ``(0, 1)``; None for none.
        method: of the inner ascent, which starts at a random point of the set; by default ten
            steps of a quarter of the radius, along the signs of the gradient in boxes, else along
            the gradient.
        optimizer: a name of optax's, or a function of a learning rate.
        learning_rate: of the optimiser.
        epochs: how often all inputs are gone through; a fraction is allowed.
        batch_size: inputs in a batch; all inputs if there are fewer.
        snapshots: epochs, fractions allowed, at which the network is kept as well.
        key: a key of `jax.random`, or the seed of one; of the batches, and of the attacks' starts.
        progress: whether a bar is shown.

    Raises:
        TypeError: for a network, a set or a loss that cannot be used.
        ValueError: for inputs and labels that do not fit, inputs out of bounds, an unknown name, or
            bounds or a method without a set.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_mlp(jax.random.key(0), 64, (32,), classes=10)
        >>> trained = train(net, ja.load_data("digits"), epochs=2, progress=False)
        >>> bool(trained.losses[-1] < trained.losses[0])
        True
    """
    keep_programs()
    network, (inputs, labels) = as_network(network), _examples(data)
    rate = positive("learning_rate", learning_rate)
    size = min(count("batch_size", batch_size), len(inputs))
    per_epoch = len(inputs) // size
    last, stops = _stops(epochs, snapshots, per_epoch)
    attack = _attack(constraint, bounds, method, inputs)
    limits = L2Ball(1.0) if attack is None else attack.constraint
    settled = Problem(network, inputs[0], labels[0], limits, loss)
    _check(settled, labels)
    rules = _Rules(Objective(settled.loss), resolve("optimizer", optimizer, OPTIMIZERS), size)
    run = _begin(settled.network, jnp.asarray(rate, inputs.dtype), rules)
    kept = {epoch: _of_user(run.network) for epoch, stop in stops.items() if stop == 0}
    losses = [np.zeros(0, inputs.dtype)]
    every = sorted({*range(0, last, per_epoch), *stops.values(), last, 0})
    with tqdm(total=last, unit="step", desc="training", disable=not progress) as bar:
        for before, after in itertools.pairwise(every):
            number = jnp.int32(after - before)
            run, values = _advance(run, (inputs, labels), as_key(key), attack, number, rules=rules)
            losses.append(np.asarray(values)[: after - before])
            bar.update(after - before)
            bar.set_postfix(loss=f"{losses[-1].mean():.4g}")
            for epoch, stop in stops.items():
                if stop == after:
                    kept[epoch] = _of_user(run.network)
    return Trained(
        network=_of_user(run.network),
        snapshots=kept,
        losses=np.concatenate(losses),
        epochs=np.arange(last) / per_epoch,
        diverged=bool(run.diverged_step >= 0),
        settings={
            "loss": label_of(loss), "attack": repr(attack), "optimizer": label_of(optimizer),
            "learning_rate": rate, "epochs": last / per_epoch, "batch_size": size,
            "inputs": len(inputs),
        },
    )  # fmt: skip


def _stops(epochs: Any, snapshots: Sequence[Any], per_epoch: int) -> tuple[int, dict[float, int]]:
    """The number of steps, and those after which a network is kept, by epoch."""
    end = non_negative("epochs", epochs)
    stops = [non_negative("snapshots", epoch) for epoch in snapshots]
    if stops and max(stops) > end:
        raise ValueError(f"snapshots: {max(stops):g} is beyond the {end:g} epochs")
    return round(end * per_epoch), {epoch: round(epoch * per_epoch) for epoch in stops}


def _attack(
    constraint: Any, bounds: Any, method: Method | None, inputs: jax.Array
) -> FixedAttack | None:
    """The attack on each input; None for clean training."""
    if constraint is None:
        for name, value in (("bounds", bounds), ("method", method)):
            if value is not None:
                raise ValueError(f"{name}: clean training has none; give a constraint as well")
        return None
    limits, bounds = as_constraint(constraint), as_range(bounds)
    check_in_range("data", inputs, bounds)
    if bounds is not None:
        in_range(limits, inputs[0], *bounds)  # refuses sets that cannot be cut
    chosen = usual_method(limits, inputs[0].shape) if method is None else as_method(method)
    return FixedAttack(limits, chosen, bounds)


def _examples(data: Any) -> tuple[jax.Array, jax.Array]:
    """The inputs and labels of `Data`, or of a pair.

    Raises:
        ValueError: if they do not fit.
    """
    try:
        x, y = data
    except (TypeError, ValueError) as error:
        kind = type(data).__name__
        raise TypeError(f"data: must be ja.Data or a pair (x, y), not of type {kind}") from error
    inputs, labels = as_floats("data", x), jnp.asarray(y)
    if inputs.ndim < 2 or not inputs.size or labels.shape != inputs.shape[:1]:
        raise ValueError(
            f"data: x {inputs.shape} and y {labels.shape} must be (n, ...) and (n,), with n ≥ 1"
        )
    return inputs, labels


def _check(first: Problem, labels: jax.Array) -> None:
    """Refuse inputs that the network does not take, other labels, and networks without weights."""
    check_trial(first, first.x, name="data")
    shape = jax.eval_shape(first.network, first.x).shape
    for label in np.unique(np.asarray(labels)):
        check_label(first.loss, label, shape[0] if shape else None)
    if not any(trained_leaves(first.network)):
        raise TypeError(
            "network: has no arrays of floats that could be trained; weights that a function "
            "closes over must be arrays of jax.numpy"
        )


def usual_method(constraint: Constraint, shape: tuple[int, ...]) -> Method:
    """Ten steps of a quarter of the radius: by signs in boxes, else along the gradient.

    Args:
        constraint: the set.
        shape: of an input.
    """
    direction = "sign" if is_box(constraint, shape) else "gradient"
    return PGA(NormalizedStep(INNER_STEP), (SMALLEST,), INNER_STEPS, direction=direction)


class _Rules(NamedTuple):
    """What a program of training is compiled for."""

    objective: Objective
    optimizer: Optimizer
    size: int


@partial(jax.jit, static_argnames="rules")
def _begin(network: Network, learning_rate: Float[Array, ""], rules: _Rules) -> Run:
    return begin(network, learning_rate, optimizer=rules.optimizer, objective=rules.objective)


@partial(jax.jit, static_argnames="rules")
def _advance(
    run: Run,
    data: tuple[Float[Array, "input *shape"], Array],
    key: Key[Array, ""],
    attack: FixedAttack | None,
    number: Int[Array, ""],
    *,
    rules: _Rules,
) -> tuple[Run, Float[Array, " step"]]:
    """Some more steps, at most an epoch of them, and the loss before each."""
    inputs, labels = data
    per_epoch = len(inputs) // rules.size
    order_key, start_key = jax.random.split(key)

    def following(
        index: Int[Array, ""], state: tuple[Run, Float[Array, " step"]]
    ) -> tuple[Run, Float[Array, " step"]]:
        run, losses = state
        epoch, within = jnp.divmod(run.steps, per_epoch)
        order = jax.random.permutation(jax.random.fold_in(order_key, epoch), len(inputs))
        rows = jax.lax.dynamic_slice_in_dim(order, within * rules.size, rules.size)
        x, y = inputs[rows], labels[rows]
        if attack is not None:
            fixed = jax.lax.stop_gradient(run.network)
            starts = jax.random.split(jax.random.fold_in(start_key, run.steps), rules.size)
            ends = jax.vmap(partial(attack, fixed, loss=rules.objective.loss))(x, y, starts)
            x = x + ends.perturbation
        run, loss = step(run, (x, y), None, optimizer=rules.optimizer, objective=rules.objective)
        return run, losses.at[index].set(loss)

    with jax.default_matmul_precision("highest"):
        return jax.lax.fori_loop(0, number, following, (run, jnp.zeros(per_epoch, inputs.dtype)))


def _of_user(network: Any) -> Any:
    """A network as the user gave it."""
    return network.assemble() if isinstance(network, Foreign) else network
