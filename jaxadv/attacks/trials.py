"""The trials of an attack: what they share, and the problem and the start of each."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from jaxadv.ascent.methods import Method
from jaxadv.problems.constraints import Constraint
from jaxadv.problems.losses import EVERY_LOSS, Loss, log_odds, logistic
from jaxadv.problems.networks import Network
from jaxadv.problems.problem import Problem
from jaxadv.problems.ranges import in_range
from jaxadv.problems.starts import random_start
from jaxadv.pytrees import pytree


@pytree
class Target:
    """What is attacked: the parts that all inputs share, as far as they are arrays."""

    network: Network
    constraint: Constraint
    method: Method
    key: Key[Array, ""]


class Rules(NamedTuple):
    """What the program of an attack is compiled for.

    Attributes:
        loss: what is reported.
        targeted: whether labels are answers to be reached, not the right ones.
        bounds: the least and the largest value of an entry of x + δ; None for no bounds.
        starts: how many ascents there are on each input.
        certify: whether the ends are certified.
        prove: whether to prove that no perturbation is a success.
        lanes: trials under way at a time.
        keep_ends: whether the end of every trial is recorded.
        smooth: as `Problem.smooth`.
    """

    loss: Loss
    targeted: bool
    bounds: tuple[float, float] | None
    starts: int
    certify: bool
    prove: bool
    lanes: int
    smooth: bool
    keep_ends: bool = False

    @property
    def objective(self) -> Loss:
        """What is maximised: the loss, or one with the same maxima that does not saturate."""
        loss = log_odds if self.loss in (EVERY_LOSS["cross-entropy"], logistic) else self.loss
        return Negated(loss) if self.targeted else loss


class Negated(NamedTuple):
    """−ℓ: an attack with a target makes the loss of the target small."""

    loss: Loss

    def __call__(self, output: Float[Array, "*classes"], label: Any) -> Float[Array, ""]:
        """The negative loss."""
        return -self.loss(output, label)


class Row(NamedTuple):
    """One trial: an input, its label, its number among the inputs, and the number of the start."""

    x: Float[Array, "*shape"]
    y: Array
    number: Int[Array, ""]
    start: Int[Array, ""]


def problem_of(target: Target, row: Row, rules: Rules) -> Problem:
    """The problem of one trial."""
    constraint = target.constraint
    if rules.bounds is not None:
        constraint = in_range(constraint, row.x, *rules.bounds)
    return Problem(target.network, row.x, row.y, constraint, rules.objective, smooth=rules.smooth)


def start_of(problem: Problem, target: Target, row: Row) -> Float[Array, "*shape"]:
    """Where a trial starts: the first one of an input at x itself, the others at random."""
    key = jax.random.fold_in(jax.random.fold_in(target.key, row.number), row.start)
    point = random_start(problem.constraint, key, row.x.shape).astype(row.x.dtype)
    return jnp.where(row.start == 0, jnp.zeros_like(row.x), point)
