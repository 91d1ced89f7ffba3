"""Bounds of a network's curvature over all of a set of perturbations.

Source: docs/theory.md, section 9.4. Singla and Feizi 2020 (arXiv:2006.00731) introduced curvature
bounds of smooth networks.
"""

from typing import Any

import jax
from jaxtyping import Array, Float

from jaxadv.ascent.entry import check_trial
from jaxadv.ascent.precision import as_double, in_double
from jaxadv.problems.checks import as_floats
from jaxadv.problems.constraints import Constraint
from jaxadv.problems.networks import as_network
from jaxadv.problems.problem import Problem
from jaxadv.proofs.flat_sets import flattened, recentred, symmetric_hull
from jaxadv.proofs.hessian_bound import hessian_bound
from jaxadv.proofs.readable import Readable, as_readable
from jaxadv.proofs.rounding import rounded_up
from jaxadv.pytrees import pytree

Scalar = Float[Array, ""]


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
    """Bounds of the curvature of a smooth network over all of a set.

    For two layers K₊ = λ_max(Wᵀ diag(v) W), v_r the largest value of a_r σ'' over the
    pre-activations that the set allows, and K₋ likewise for −a. Deeper networks add a bound for
    each further hidden layer. They are rigorous to rounding: a Cholesky factorisation in float64
    shows that K I − Wᵀ diag(v) W is positive definite, with a margin for its own errors.

    Args:
        network: a `TwoLayer` or an `MLP` with one output and a built-in activation without kinks,
            also inside of a `Normalized`.
        x: the input.
        constraint: the set; for a sphere the bound is over its ball. Networks with more than one
            hidden layer need a built-in set.

    Raises:
        TypeError: for another network, or another set where one is needed.
        ValueError: for an activation without a known bound, or an input that does not fit.

    Example:
        >>> import jax.numpy as jnp
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> bound = curvature_bound(net, jnp.ones(4), ja.L2Ball(0.1))
        >>> hessian = jax.hessian(net)(jnp.ones(4))
        >>> bool(jnp.linalg.eigvalsh(hessian).max() <= bound.above)
        True
    """
    inputs = as_floats("x", x)
    readable = one_output(as_readable(as_network(network), inputs))
    problem = Problem(network, inputs, 0.0, constraint)
    check_trial(problem, inputs, name="x")
    limits = flattened(problem.constraint, inputs.shape)
    if len(readable.weights) > 2:
        symmetric_hull(limits)
    return in_double(_bound, readable, inputs.ravel(), limits, inputs.dtype, dtype=inputs.dtype)


def one_output(network: Readable) -> Readable:
    """The network, if its output is a number.

    Raises:
        TypeError: for a network with several outputs.
    """
    if network.num_outputs is not None:
        raise TypeError(
            "network: the bound is for a network with one output, and this one has "
            f"{network.num_outputs}"
        )
    return network


@jax.jit(static_argnums=3)
def _bound(
    network: Readable, x: Float[Array, " dim"], constraint: Constraint, dtype: Any
) -> CurvatureBound:
    network, x, constraint = as_double((network, x, constraint))
    x, constraint = recentred(x, constraint)
    with jax.default_matmul_precision("highest"):
        above, below = (
            hessian_bound(network.times(sign), x, constraint).largest_eigenvalue()
            for sign in (1, -1)
        )
    return CurvatureBound(rounded_up(above, dtype), rounded_up(below, dtype))
