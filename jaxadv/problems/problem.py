"""The inner problem of adversarial training: maximise ℓ(f(x + δ), y) over a set of δ."""

import jax
from jaxtyping import Array, Float, ScalarLike

from jaxadv.problems.constraints import Constraint
from jaxadv.problems.losses import Loss, quadratic
from jaxadv.problems.networks import Network
from jaxadv.pytrees import pytree, static


@pytree
class Problem:
    """max L(δ) = ℓ(f(x + δ), y) over δ in a set (THEORY 2), for one network and one input.

    Batches of problems are made with `jax.vmap`; nothing here has a batch axis.

    Attributes:
        network: f, any pytree that maps an input to a scalar; wrap a plain function in
            `jax.tree_util.Partial`.
        x: the input.
        y: its label.
        constraint: the set of perturbations.
        loss: ℓ, ``loss(output, label) -> scalar``.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxadv import L2Ball
        >>> net = jax.tree_util.Partial(jnp.sum)
        >>> Problem(net, jnp.ones(3), jnp.float32(1), L2Ball(0.1)).objective(jnp.zeros(3))
        Array(2., dtype=float32)
    """

    network: Network
    x: Float[Array, " dim"]
    y: ScalarLike
    constraint: Constraint
    loss: Loss = static(default=quadratic)

    def objective(self, delta: Float[Array, " dim"]) -> Float[Array, ""]:
        """L(δ) = ℓ(f(x + δ), y)."""
        return self.loss(self.network(self.x + delta), self.y)

    def value_and_gradient(
        self, delta: Float[Array, " dim"]
    ) -> tuple[Float[Array, ""], Float[Array, " dim"]]:
        """L(δ) and g = ∇L(δ)."""
        return jax.value_and_grad(self.objective)(delta)

    def hessian_product(
        self, delta: Float[Array, " dim"], vector: Float[Array, " dim"]
    ) -> Float[Array, " dim"]:
        """H v, H = ∇²L(δ), without forming H."""
        return jax.jvp(jax.grad(self.objective), (delta,), (vector,))[1]
