"""Losses ℓ(o, y) of an output o and a label y; a user's loss can be used like these."""

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, ScalarLike


@runtime_checkable
class Loss(Protocol):
    """``loss(output, label) -> scalar``, twice differentiable by JAX in ``output``.

    **A loss of your own** is any function or hashable object that can be called in this way. It
    takes the output of the network, a number or logits, and the label as it was given to `Problem`.
    Ascent maximises it. Maxima of a loss with kinks, such as a hinge, are never certified.

    Example:
        >>> import jaxadv as ja
        >>> def cubic(output, label):
        ...     return (output - label) ** 3
        >>> prob = ja.Problem(jnp.sum, x=[1.0, 1.0], y=0.0, constraint=ja.L2Ball(0.1), loss=cubic)
        >>> float(prob.objective(jnp.zeros(2)))
        8.0
    """

    def __call__(self, output: Float[Array, "*classes"], label: Any, /) -> Float[Array, ""]:
        """The loss ℓ(o, y)."""
        ...


def quadratic(output: Float[Array, ""], label: ScalarLike) -> Float[Array, ""]:
    """ℓ(o, y) = ½(o − y)²: the loss of the paper's abstract.

    Example:
        >>> float(quadratic(jax.numpy.float32(3), jax.numpy.float32(1)))
        2.0
    """
    return 0.5 * (output - label) ** 2


def logistic(output: Float[Array, ""], label: ScalarLike) -> Float[Array, ""]:
    """ℓ(o, y) = log(1 + exp(−y·o)), for labels y = ±1, without overflow.

    Example:
        >>> float(logistic(jax.numpy.float32(-200), jax.numpy.float32(1)))
        200.0
    """
    return jax.nn.softplus(-(label * output))


def cross_entropy(output: Float[Array, " classes"], label: ScalarLike) -> Float[Array, ""]:
    """ℓ(o, y) = log Σ_j exp(o_j) − o_y, for a network with an output for each class, y its number.

    It is computed as log(1 + exp z), z the `log_odds`, so that small losses and their gradients are
    right as well. The value is NaN for a label that is not the number of a class.

    Example:
        >>> float(cross_entropy(jnp.zeros(2), 1.0)) == float(jnp.log(2.0))
        True
        >>> float(cross_entropy(jnp.array([30.0, 0.0]), 0.0)) > 0
        True
    """
    return jax.nn.softplus(log_odds(output, label))


def log_odds(output: Float[Array, "*classes"], label: ScalarLike) -> Float[Array, ""]:
    """Z = log Σ_{j≠y} exp(o_j) − o_y, the log odds of a wrong answer; −y·o for one output.

    Cross-entropy is log(1 + exp z), and the logistic loss as well. So both have the same maxima as
    z. But their gradients vanish where the network is confident and right, and that of z does not.
    The value is NaN for a label that is not the number of a class.

    Example:
        >>> round(float(log_odds(jnp.array([3.0, 1.0, 1.0]), 0.0)), 4)  # log(2e) − 3
        -1.3069
    """
    if jnp.ndim(output) == 0:
        return -(output * label)
    others = jnp.where(jnp.arange(output.size) == label, -jnp.inf, output)
    return jax.nn.logsumexp(others) - _of_class(output, label)


def margin(output: Float[Array, "*classes"], label: ScalarLike) -> Float[Array, ""]:
    """How far another answer is ahead of the right one: −y·o, or max_{j≠y} o_j − o_y.

    It is positive where the answer is wrong, so that an adversary that maximises it seeks wrong
    answers. The value is NaN for a label that is not the number of a class.

    Example:
        >>> float(margin(jnp.float32(3), -1.0)), float(margin(jnp.array([3.0, 1.0]), 0.0))
        (3.0, -2.0)
    """
    if jnp.ndim(output) == 0:
        return -(output * label)
    other_outputs = jnp.where(jnp.arange(output.size) == label, -jnp.inf, output)
    return jnp.max(other_outputs) - _of_class(output, label)


def _of_class(output: Float[Array, " classes"], label: ScalarLike) -> Float[Array, ""]:
    """The output of a class; NaN where the label is no class, which a cast would hide."""
    is_class = (jnp.arange(output.size) == label).any()
    index = jnp.where(is_class, label, output.size).astype(jnp.int32)
    return jnp.take(output, index, mode="fill", fill_value=jnp.nan)


# Losses by name: of networks with one output, of networks with an output for each class, and all.
LOSSES: dict[str, Loss] = {"quadratic": quadratic, "logistic": logistic}
LOSSES_OF_CLASSES: dict[str, Loss] = {"cross-entropy": cross_entropy}
EVERY_LOSS = LOSSES | LOSSES_OF_CLASSES

# Losses that are not defined for every label.
LABELLED: tuple[Any, ...] = (logistic, cross_entropy, log_odds, margin)


def check_label(loss: Loss, label: Any, classes: int | None) -> None:
    """Refuse a label for which a built-in loss is not defined; traced labels are not checked.

    Args:
        loss: the loss.
        label: y.
        classes: how many logits the network has; None for a single number as output.

    Raises:
        ValueError: says what the label must be.

    Example:
        >>> check_label(cross_entropy, -1, classes=10)
        Traceback (most recent call last):
        ValueError: y: -1 must be a class, a whole number from 0 to 9
    """
    if loss not in LABELLED or isinstance(label, Tracer):
        return
    if label is None:
        raise ValueError("y: None is no label, which the loss needs")
    if not isinstance(label, int | float | np.generic | np.ndarray | jax.Array):
        return
    if jnp.shape(label) != ():
        raise ValueError(f"y: shape {jnp.shape(label)} must be one number")
    number = float(label)
    if classes is not None and number not in range(classes):
        raise ValueError(f"y: {number:g} must be a class, a whole number from 0 to {classes - 1}")
    if loss is logistic and number not in (-1, 1):
        raise ValueError(f"y: {number:g} must be -1 or 1 for the logistic loss")
