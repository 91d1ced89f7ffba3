"""Bounds of a network's Hessian over all of a set of perturbations.

Source: docs/theory.md, section 9.4. Singla and Feizi 2020 (arXiv:2006.00731) write the Hessian of a
deep network as such a sum over layers.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from jaxadv.problems.constraints import Constraint
from jaxadv.proofs.activation_ranges import activation_range
from jaxadv.proofs.eigenvalues import largest_eigenvalue
from jaxadv.proofs.enclosures import Range, exactly, layers_of, slope_before
from jaxadv.proofs.readable import Readable
from jaxadv.proofs.rounding import SAFETY
from jaxadv.pytrees import pytree

Scalar = Float[Array, ""]


@pytree
class HessianBound:
    """∇²h(x + δ) is at most Wᵀ diag(v) W + c·I, in the order of symmetric matrices, on a set.

    Attributes:
        hidden: W, the weights of the first layer.
        weights: v.
        rest: c, what the other layers add.
        square_norm: an upper bound of ‖W‖₂²; inf if none is known.
    """

    hidden: Float[Array, "width dim"]
    weights: Float[Array, " width"]
    rest: Scalar
    square_norm: ScalarLike

    def scaled(self, scale: Float[Array, " dim"]) -> "HessianBound":
        """A bound of D ∇²h D, D = diag(scale) and at least 0."""
        largest = jnp.max(scale) ** 2
        # Of no entry at all, the norm is 0 also where it is not known.
        square_norm = jnp.where(largest > 0, self.square_norm * largest, 0)
        return HessianBound(
            self.hidden * scale[None], self.weights, self.rest * largest, square_norm
        )

    def largest_eigenvalue(self, limits: Sequence[Scalar] | None = None) -> Scalar:
        """K, an upper bound of the largest eigenvalue; ``limits`` as of `largest_eigenvalue`."""
        shifted = None if limits is None else [limit - self.rest for limit in limits]
        return self.rest + largest_eigenvalue(
            self.hidden, self.weights, square_norm=self.square_norm, limits=shifted
        )


def hessian_bound(h: Readable, x: Float[Array, " dim"], constraint: Constraint) -> HessianBound:
    """A bound of the Hessian of a network with one output, over x plus a set.

    ∇²h is the sum over layers of J_lᵀ diag(g_l ∘ σ''(p_l)) J_l, with the pre-activations p_l, their
    derivatives J_l by the input, and the derivatives g_l of h by σ(p_l). Each of them is enclosed
    entry by entry. The first layer has J_1 = W_1. With J within J_c ± R and v at least 0,
    ‖diag(√v) J‖ ≤ ‖diag(√v) J_c‖ + ‖diag(√v) R‖ bounds the others.
    """
    pre, jacobians, _ = layers_of(h, x, constraint)
    # From the last hidden layer to the first: g_l.
    slope, rest = exactly(h.weights[-1]), jnp.zeros((), x.dtype)
    for layer in range(len(pre) - 1, 0, -1):
        curved = _curved(h, slope, pre[layer])
        rest += _largest_square(jacobians[layer], jnp.maximum(curved, 0))
        slope = slope_before(h, layer, slope, pre[layer])
    return HessianBound(h.weights[0], _curved(h, slope, pre[0]), rest, h.square_norm)


def _curved(h: Readable, slope: Range, pre: Range) -> Float[Array, " width"]:
    """An upper bound of g ∘ σ''(p)."""
    return slope.times(Range(*activation_range(h.activation, 2, *pre))).high


def _largest_square(jacobian: Range, weights: Float[Array, " width"]) -> Scalar:
    """An upper bound of the largest eigenvalue of Jᵀ diag(v) J, for v at least 0."""
    middle, reach = (
        jnp.maximum(largest_eigenvalue(part, weights), 0)
        for part in (jacobian.middle, jacobian.reach)
    )
    return (jnp.sqrt(middle) + jnp.sqrt(reach)) ** 2 * (1 + SAFETY * jnp.finfo(middle.dtype).eps)
