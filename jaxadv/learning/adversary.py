"""The adversary of training, and the robust loss: the mean of max_{δ} ℓ(f(x + δ), y)."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, ScalarLike, Shaped

from jaxadv.ascent.methods import Method
from jaxadv.ascent.pga import PGA
from jaxadv.ascent.solution import Solution
from jaxadv.ascent.steps import NormalizedStep
from jaxadv.ascent.trial import ascend
from jaxadv.problems.constraints import Constraint, constraint_of
from jaxadv.problems.losses import Loss
from jaxadv.problems.names import Function
from jaxadv.problems.networks import Network
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem
from jaxadv.problems.ranges import in_range
from jaxadv.problems.starts import random_start
from jaxadv.pytrees import pytree, static


@pytree
class Adversary:
    """Ascent on the perturbation of an input x, in a set of circumradius ρ‖x‖.

    Attributes:
        ratio: ρ.
        method: how it moves; by default ten steps along the gradient, each a quarter of the
            circumradius long: across an L2 ball and back.
        constraint: the kind of the set, as `constraint_of` takes it.
        smooth: as `Problem.smooth`.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> delta = Adversary(0.5)(net, jnp.ones(4), 1.0, loss=ja.quadratic).perturbation
        >>> round(float(l2_norm(delta)), 5)
        1.0
    """

    ratio: ScalarLike
    method: Method = PGA(NormalizedStep(0.25), tolerances=(1e-3,), max_steps=10)
    constraint: Function = static(default="l2-ball")
    smooth: bool = static(default=False)

    def problem(
        self, network: Network, x: Float[Array, " dim"], y: ScalarLike, *, loss: Loss
    ) -> Problem:
        """What is maximised at one input."""
        constraint = constraint_of(self.constraint, self.ratio * l2_norm(x), x.size)
        return Problem(network, x, y, constraint, loss, smooth=self.smooth)

    def __call__(
        self, network: Network, x: Float[Array, " dim"], y: ScalarLike, *, loss: Loss
    ) -> Solution:
        """The ascent from δ = 0."""
        return ascend(self.problem(network, x, y, loss=loss), jnp.zeros_like(x), self.method)


@pytree
class FixedAttack:
    """Ascent on the perturbation of an input, in one set for all inputs.

    Attributes:
        constraint: the set.
        method: how it moves.
        bounds: the range of x + δ; None for none.
    """

    constraint: Constraint
    method: Method
    bounds: tuple[float, float] | None = static(default=None)

    def __call__(
        self,
        network: Network,
        x: Float[Array, "*shape"],
        y: Shaped[Array, ""],
        key: Key[Array, ""],
        *,
        loss: Loss,
    ) -> Solution:
        """The ascent from a random point of the set."""
        constraint = self.constraint
        if self.bounds is not None:
            constraint = in_range(constraint, x, *self.bounds)
        start = random_start(constraint, key, x.shape).astype(x.dtype)
        return ascend(Problem(network, x, y, constraint, loss), start, self.method)


def mean_loss(
    network: Network,
    inputs: Float[Array, "example *shape"],
    labels: Shaped[Array, " example"],
    *,
    loss: Loss,
) -> Float[Array, ""]:
    """The mean of ℓ(f(x), y)."""
    return jnp.mean(jax.vmap(loss)(jax.vmap(network)(inputs), labels))


def robust_loss(
    network: Network,
    inputs: Float[Array, "example *shape"],
    labels: Shaped[Array, " example"],
    attack: Adversary | None,
    *,
    loss: Loss,
) -> Float[Array, ""]:
    """The mean loss on a batch under an attack; the mean loss on the batch itself if it is None.

    Its gradient in the weights is taken with the perturbations held fixed (Danskin's theorem, exact
    if they are maxima).

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> clean, robust = (
        ...     robust_loss(net, jnp.eye(4), jnp.ones(4), attack, loss=ja.quadratic)
        ...     for attack in (None, Adversary(0.1))
        ... )
        >>> bool(robust > clean)
        True
    """
    if attack is not None:
        fixed = jax.lax.stop_gradient(network)
        ends = jax.vmap(lambda x, y: attack(fixed, x, y, loss=loss))(inputs, labels)
        inputs = inputs + jax.lax.stop_gradient(ends.perturbation)
    return mean_loss(network, inputs, labels, loss=loss)
