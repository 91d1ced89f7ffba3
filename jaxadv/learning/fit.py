"""Fitting one network: min over the weights of the mean of max_{‖δ‖ ≤ ε} ℓ(f(x + δ), y)."""

from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, ScalarLike

from jaxadv.ascent.pga import PGA, ascend
from jaxadv.ascent.steps import NormalizedStep
from jaxadv.problems.constraints import L2Ball
from jaxadv.problems.losses import Loss
from jaxadv.problems.networks import Network
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem

N = TypeVar("N", bound=Network)
ATTACK = PGA(NormalizedStep(0.25), tolerances=(1e-3,), max_steps=10)
"""Ten steps, each a quarter of the radius long: across the ball and back."""


def attack(
    network: Network, x: Float[Array, " dim"], y: ScalarLike, ratio: ScalarLike, *, loss: Loss
) -> Float[Array, " dim"]:
    """The perturbation of one input that `ATTACK` finds from δ = 0, in the ball of radius ρ‖x‖."""
    problem = Problem(network, x, y, L2Ball(ratio * l2_norm(x)), loss)
    return ascend(problem, jnp.zeros_like(x), ATTACK).perturbation


def robust_loss(
    network: Network,
    inputs: Float[Array, "example dim"],
    labels: Float[Array, " example"],
    ratio: ScalarLike | None,
    *,
    loss: Loss,
) -> Float[Array, ""]:
    """The mean loss on a batch, attacked by `attack`; without an attack where ``ratio`` is None.

    Its gradient in the weights is that at the perturbations that were found, which are held fixed
    (Danskin's theorem, exact at a maximum).

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> clean, robust = (
        ...     robust_loss(net, jnp.eye(4), jnp.ones(4), ratio, loss=ja.quadratic)
        ...     for ratio in (None, 0.1)
        ... )
        >>> bool(robust > clean)
        True
    """
    if ratio is not None:
        fixed = jax.lax.stop_gradient(network)
        deltas = jax.vmap(lambda x, y: attack(fixed, x, y, ratio, loss=loss))(inputs, labels)
        inputs = inputs + jax.lax.stop_gradient(deltas)
    return jnp.mean(jax.vmap(loss)(jax.vmap(network)(inputs), labels))


def fit(
    network: N,
    inputs: Float[Array, "example dim"],
    labels: Float[Array, " example"],
    key: Key[Array, ""],
    *,
    loss: Loss,
    ratio: ScalarLike | None,
    num_steps: int,
    learning_rate: float,
    batch_size: int = 256,
) -> tuple[N, Float[Array, " step"]]:
    """Adam on `robust_loss` of random batches, all weights.

    Args:
        network: where the weights start; its leaves and the inputs are of one type.
        inputs: x, a row for each example.
        labels: y.
        key: draws the batches, without replacement within one.
        loss: ℓ.
        ratio: ρ of the attack; None for clean training.
        num_steps: of Adam.
        learning_rate: Adam's.
        batch_size: examples in a batch; all, where there are fewer.

    Returns:
        The fitted network, and the loss of each batch before its step.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> data = jnp.eye(4), jnp.array([1.0, -1.0, 1.0, -1.0])
        >>> settings = {"loss": ja.quadratic, "ratio": 0.1, "num_steps": 50, "learning_rate": 0.01}
        >>> losses = fit(net, *data, jax.random.key(1), **settings)[1]
        >>> bool(losses[-1] < losses[0])
        True
    """
    optimizer: Any = optax.adam(learning_rate)
    size = min(batch_size, len(labels))

    def step(
        carry: tuple[N, optax.OptState], key: Key[Array, ""]
    ) -> tuple[tuple[N, optax.OptState], Float[Array, ""]]:
        network, state = carry
        rows = jax.random.permutation(key, len(labels))[:size]
        value, gradient = jax.value_and_grad(robust_loss)(
            network, inputs[rows], labels[rows], ratio, loss=loss
        )
        updates, state = optimizer.update(gradient, state, network)
        return (cast(N, optax.apply_updates(cast(Any, network), updates)), state), value

    with jax.default_matmul_precision("highest"):
        carry = (network, optimizer.init(network))
        (network, _), losses = jax.lax.scan(step, carry, jax.random.split(key, num_steps))
    return network, losses
