"""The sharpness of the clean loss in the weights, which bounds the steps of gradient descent."""

from collections.abc import Callable

import jax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from jaxadv.ascent.lanczos import extreme_ritz_values
from jaxadv.problems.losses import Loss

LANCZOS_ITERS = 32


def sharpness(
    outputs: Callable[[PyTree], Float[Array, "example *classes"]],
    weights: PyTree[Float[Array, "..."]],
    labels: Float[Array, " example"],
    *,
    loss: Loss,
) -> Float[Array, ""]:
    """λ₁, the largest eigenvalue of the Gauss-Newton matrix Jᵀ ℓ'' J/n of the mean loss.

    Source: docs/theory.md, section 7.2.

    J has the derivatives of all outputs in the weights. For the quadratic loss ℓ'' = 1, and λ₁ is
    the largest eigenvalue of the tangent kernel K/n = J Jᵀ/n: full-batch gradient descent is stable
    where lr·λ₁ < 2. The value is a Lanczos estimate from one fixed random vector, and not above λ₁.

    Args:
        outputs: from the weights to the outputs at all n examples.
        weights: the weights at which λ₁ is taken.
        labels: y.
        loss: ℓ.

    Example:
        >>> from jaxadv import quadratic
        >>> rows = jax.numpy.array([[3.0, 0.0], [0.0, 1.0]])
        >>> zeros = jax.numpy.zeros(2)
        >>> largest = sharpness(lambda w: rows @ w, zeros, zeros, loss=quadratic)
        >>> round(float(largest), 5)
        4.5
    """
    flat, unravel = ravel_pytree(weights)
    predictions, push = jax.linearize(lambda vector: outputs(unravel(vector)), flat)
    pull = jax.linear_transpose(push, flat)

    def product(vector: Float[Array, " weight"]) -> Float[Array, " weight"]:
        slopes = jax.vmap(jax.grad(loss))
        _, curved = jax.jvp(lambda values: slopes(values, labels), (predictions,), (push(vector),))
        return pull(curved)[0] / len(labels)

    start = jax.random.normal(jax.random.key(0), flat.shape, flat.dtype)
    with jax.default_matmul_precision("highest"):
        top, _ = extreme_ritz_values(product, start, min(LANCZOS_ITERS, flat.size))
    return top.value
