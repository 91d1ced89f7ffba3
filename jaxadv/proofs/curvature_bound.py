"""Bounds of a network's curvature over all of a set of perturbations.

Source: docs/theory.md, section 9.4. Singla and Feizi 2020 (arXiv:2006.00731) introduced curvature
bounds of smooth networks.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxadv.ascent.precision import as_double, in_double
from jaxadv.problems.checks import as_floats
from jaxadv.problems.constraints import Constraint
from jaxadv.problems.networks import TwoLayer, as_network
from jaxadv.problems.problem import as_constraint
from jaxadv.proofs.second_derivatives import second_derivative_range
from jaxadv.pytrees import pytree

Scalar = Float[Array, ""]
SAFETY = 4  # a factor on estimates of rounding errors, which leave out terms of higher order


@pytree
class CurvatureBound:
    """How much a scalar network f can curve on x plus a set of perturbations.

    Attributes:
        above: K₊ ≥ sup λ_max(∇²f), in units of f over δ²; inf if the computation overflows.
        below: K₋ ≥ sup λ_max(−∇²f), likewise.
    """

    above: Scalar
    below: Scalar


def curvature_bound(network: Any, x: Any, constraint: Any) -> CurvatureBound:
    """Bounds of the curvature of a two-layer network over all of a set.

    K₊ = λ_max(Wᵀ diag(v) W), v_r the largest value of a_r σ'' over the pre-activations that the set
    allows, and K₋ likewise for −a. They are rigorous to rounding: a Cholesky factorisation in
    float64 shows that K I − Wᵀ diag(v) W is positive definite, with a margin for its own errors.

    Args:
        network: a `TwoLayer` with one output and a built-in activation without kinks.
        x: the input.
        constraint: the set; for a sphere the bound is over its ball.

    Raises:
        TypeError: for another network.
        ValueError: for an activation without a known bound, or an input that does not fit.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> bound = curvature_bound(net, jnp.ones(4), ja.L2Ball(0.1))
        >>> hessian = jax.hessian(net)(jnp.ones(4))
        >>> bool(jnp.linalg.eigvalsh(hessian).max() <= bound.above)
        True
    """
    inputs = as_floats("x", x)
    two_layer = as_scalar(as_network(network), inputs.size)
    limits = as_constraint(constraint)
    return in_double(_bound, two_layer, inputs, limits, inputs.dtype, dtype=inputs.dtype)


def as_scalar(network: Any, dim: int) -> TwoLayer:
    """The network, if its curvature at inputs of ``dim`` entries can be bounded.

    Raises:
        TypeError: for another network; says what is needed.
        ValueError: for inputs that do not fit.
    """
    if not isinstance(network, TwoLayer) or network.output.ndim != 1:
        kind = type(network).__name__
        raise TypeError(
            "network: bounds of the curvature are known for a ja.TwoLayer with one output, not for "
            f"{kind}"
        )
    if network.hidden.shape[-1] != dim:
        raise ValueError(f"x: has {dim} entries, and the network takes {network.hidden.shape[-1]}")
    return network


def _bound(
    network: TwoLayer, x: Float[Array, "*shape"], constraint: Constraint, dtype: Any
) -> CurvatureBound:
    network, x, constraint = as_double((network, x, constraint))
    with jax.default_matmul_precision("highest"):
        low, high = pre_activations(network.hidden, x, constraint)
        least, most = second_derivative_range(network.activation, low, high)
        # Of a_r σ'' and of −a_r σ'' the largest values.
        above = jnp.maximum(network.output * most, network.output * least)
        below = jnp.maximum(-network.output * most, -network.output * least)
        bounds = (largest_eigenvalue(network.hidden, weights) for weights in (above, below))
        return CurvatureBound(*(rounded_up(bound, dtype) for bound in bounds))


def rounded_up(value: Scalar, dtype: Any) -> Scalar:
    """The least number of a precision that is not below a value, as bounds have to be returned.

    Example:
        >>> float(rounded_up(jnp.float32(0.5), jnp.float32))
        0.5
    """
    rounded = value.astype(dtype)
    is_below = rounded.astype(value.dtype) < value
    return jnp.where(is_below, jnp.nextafter(rounded, jnp.asarray(jnp.inf, dtype)), rounded)


def pre_activations(
    hidden: Float[Array, "width dim"], x: Float[Array, "*shape"], constraint: Constraint
) -> tuple[Float[Array, " width"], Float[Array, " width"]]:
    """Intervals that hold w_r·(x + δ) for all δ of a set, rounding included.

    max_δ ⟨w, δ⟩ is the Frank-Wolfe gap of the gradient w at δ = 0.
    """
    centre = jnp.zeros_like(x)

    def reach(row: Float[Array, " dim"]) -> tuple[Scalar, Scalar, Scalar]:
        vector = row.reshape(x.shape)
        above, below = (constraint.frank_wolfe_gap(centre, sign * vector) for sign in (1, -1))
        return jnp.sum(vector * x), above, below

    pre, above, below = jax.vmap(reach)(hidden)
    sizes = jnp.abs(hidden) @ jnp.abs(x).ravel() + above + below
    slack = SAFETY * x.size * jnp.finfo(x.dtype).eps * sizes
    return pre - below - slack, pre + above + slack


def largest_eigenvalue(
    hidden: Float[Array, "width dim"], weights: Float[Array, " width"]
) -> Scalar:
    """A number that is not below λ_max(Wᵀ diag(v) W); inf where that cannot be shown.

    Forming the matrix errs by at most γ Σ_r |v_r| ‖w_r‖² in the spectral norm, γ the number of
    terms times the precision. The Cholesky factorisation of K I − M succeeds for a matrix that lies
    within a similar error of it (Rump 2006). Both are added to the eigenvalue of LAPACK.
    """
    width, dim = hidden.shape
    matrix = hidden.T @ (weights[:, None] * hidden)
    matrix = (matrix + matrix.T) / 2
    eps = jnp.finfo(hidden.dtype).eps
    size = jnp.sum(jnp.abs(weights) * jnp.sum(hidden**2, axis=1))
    margin = SAFETY * (width + dim + 2) * eps * size + jnp.finfo(hidden.dtype).tiny
    bound = jnp.linalg.eigvalsh(matrix)[-1] + margin
    # The factorisation has to succeed with a part of the margin alone; the rest covers the errors.
    factor = jnp.linalg.cholesky((bound - margin / 2) * jnp.eye(dim, dtype=hidden.dtype) - matrix)
    return jnp.where(jnp.isfinite(factor).all(), bound, jnp.inf)
