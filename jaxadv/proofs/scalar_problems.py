"""Problems whose loss depends on one number that the network gives.

Source: docs/theory.md, section 9.3.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import ScalarLike

from jaxadv.problems.losses import Loss, cross_entropy, log_odds, logistic, margin, quadratic
from jaxadv.problems.problem import Problem
from jaxadv.proofs.flat_sets import flattened, symmetric_hull
from jaxadv.proofs.poles import Scalar, Vector
from jaxadv.proofs.readable import Readable, as_readable
from jaxadv.pytrees import pytree, static

CONVEX = (quadratic, logistic, log_odds, margin)  # losses that are convex in one output
# Losses of the differences of logits, and what each one is for a single difference, with y = −1.
OF_CLASSES: Mapping[Any, Loss] = {cross_entropy: logistic, log_odds: log_odds, margin: margin}


@pytree
class ScalarProblem:
    """max ℓ(f(x + δ)) over a set, ℓ convex in the number f(x + δ).

    Attributes:
        network: f.
        x: the input, a vector.
        label: y.
        constraint: the set, for vectors.
        loss_of_output: ℓ, with its label.
    """

    network: Readable
    x: Vector
    label: Any
    constraint: Any
    loss_of_output: Loss = static()

    def loss(self, output: Scalar) -> Scalar:
        """ℓ of an output."""
        return self.loss_of_output(output, self.label)

    def slope(self, output: Scalar) -> Scalar:
        """ℓ' of an output."""
        return jax.grad(self.loss)(output)


def check_provable(problem: Problem) -> None:
    """Refuse a problem of which nothing can be proved.

    Raises:
        TypeError, ValueError: for a network, a set or a loss without bounds; says which have some.
    """
    network = as_readable(problem.network, problem.x)
    symmetric_hull(problem.constraint)
    known = CONVEX if network.num_outputs is None else tuple(OF_CLASSES)
    if problem.loss not in known:
        name = getattr(problem.loss, "__name__", repr(problem.loss))
        names = ", ".join(loss.__name__ for loss in known)
        raise TypeError(f"loss: proofs are for {names}, not for {name}")


def as_scalar_problem(problem: Problem, square_norm: ScalarLike = jnp.inf) -> ScalarProblem | None:
    """The problem for one output; None if the loss depends on more than one number.

    Between two classes, cross-entropy is the logistic loss of the difference of the logits.

    Args:
        problem: the problem.
        square_norm: as `Readable.square_norm`.
    """
    network = as_readable(problem.network, problem.x)
    network = dataclasses.replace(network, square_norm=square_norm)
    x, constraint = problem.x.ravel(), flattened(problem.constraint, problem.x.shape)
    if network.num_outputs is None:
        return ScalarProblem(network, x, problem.y, constraint, problem.loss)
    if network.num_outputs != 2:
        return None
    label = jnp.asarray(problem.y).astype(int)
    wrong = network.difference(1 - label, label)
    return ScalarProblem(wrong, x, -1.0, constraint, OF_CLASSES[problem.loss])
