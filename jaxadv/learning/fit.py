"""Fitting one network: min over the weights of the mean of max_{‖δ‖ ≤ ε} ℓ(f(x + δ), y)."""

from typing import TypeVar, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxadv.learning.adversary import Adversary
from jaxadv.learning.loop import Objective, Run, begin, step, without_replacement
from jaxadv.problems.losses import Loss
from jaxadv.problems.networks import Network

N = TypeVar("N", bound=Network)


def fit(
    network: N,
    inputs: Float[Array, "example dim"],
    labels: Float[Array, " example"],
    key: Key[Array, ""],
    *,
    loss: Loss,
    attack: Adversary | None,
    num_steps: int,
    learning_rate: float,
    batch_size: int = 256,
) -> tuple[N, Float[Array, " step"]]:
    """Minimise `robust_loss` on random batches over all weights, by Adam.

    Args:
        network: where the weights start; its leaves and the inputs are of one type.
        inputs: x, a row for each example.
        labels: y.
        key: draws the batches, without replacement within one.
        loss: ℓ.
        attack: the attack on each input of a batch; None for clean training.
        num_steps: steps of Adam.
        learning_rate: Adam's learning rate.
        batch_size: examples in a batch; all examples if there are fewer.

    Returns:
        The fitted network, and the loss of each batch before its step. A step that is not finite
        is undone, and ends the fit.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> data = jax.numpy.eye(4), jax.numpy.array([1.0, -1.0, 1.0, -1.0])
        >>> steps = {"num_steps": 50, "learning_rate": 0.01}
        >>> settings = {"loss": ja.quadratic, "attack": None, **steps}
        >>> losses = fit(net, *data, jax.random.key(1), **settings)[1]
        >>> bool(losses[-1] < losses[0])
        True
    """
    size, examples = min(batch_size, len(labels)), len(labels)
    objective = Objective(loss)
    rate = jnp.asarray(learning_rate, inputs.dtype)

    def following(run: Run, _: None) -> tuple[Run, Float[Array, ""]]:
        rows = without_replacement(key, run.steps, examples, size)
        batch = inputs[rows], labels[rows]
        return step(run, batch, attack, optimizer="adam", objective=objective)

    with jax.default_matmul_precision("highest"):
        run = begin(network, rate, optimizer="adam", objective=objective)
        run, losses = jax.lax.scan(following, run, length=num_steps)
    return cast(N, run.network), losses
