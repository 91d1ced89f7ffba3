"""From an approximate maximum to the true one: Newton's method on the sphere or inside it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import cg
from jaxtyping import Array, Bool, Float, Int

from jaxadv.ascent.pga import check_trial
from jaxadv.ascent.precision import as_double, in_double
from jaxadv.ascent.stationarity import over
from jaxadv.ascent.tangent import Frame, check_constraint, first_order, frame_at
from jaxadv.problems.norms import l2_norm, rounding
from jaxadv.problems.problem import Problem

Scalar = Float[Array, ""]
Vector = Float[Array, " dim"]
Carry = tuple[Vector, Scalar, Scalar, Int[Array, ""]]
"""The point, its residual, the residual before, and the number of steps."""

MAX_ITERS = 20
LONGEST_MOVE = 0.1
"""In radii. Newton's method starts close to a maximum; a longer move would leave it."""


class Polished(NamedTuple):
    """A stationary point to the precision's floor.

    ``residual`` is the norm of the tangent gradient over the gradient scale, ``converged`` whether
    it is below eps^¾, and ``num_iters`` the number of Newton steps.
    """

    perturbation: Float[Array, " dim"]
    residual: Float[Array, ""]
    converged: Bool[Array, ""]
    num_iters: Int[Array, ""]


def polish(problem: Problem, delta: Float[Array, " dim"]) -> Polished:
    """The stationary point close to δ, by Riemannian Newton in float64 (THEORY 4).

    Inside a transformation, as `certify`: enter ``jax.enable_x64(True)`` around it for float64.

    Args:
        problem: its constraint must be an `L2Ball` or `L2Sphere`.
        delta: δ, a point of the set close to a maximum; from elsewhere the method may end in any
            stationary point, or in none.

    Raises:
        TypeError, ValueError: as `certify`.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> prob = ja.Problem(net, jnp.ones(4), jnp.float32(0), ja.L2Ball(0.2))
        >>> sol = ja.ascend(prob, jnp.zeros(4), ja.PGA(tolerances=(1e-2,)))
        >>> bool(ja.polish(prob, sol.perturbation).converged)
        True
    """
    check_constraint(problem.constraint)
    check_trial(problem, delta)
    return in_double(_polish, problem, delta, dtype=delta.dtype)


@jax.jit
def _polish(problem: Problem, delta: Float[Array, " dim"]) -> Polished:
    slack = rounding(delta.size, delta.dtype)
    problem, delta = as_double((problem, delta))
    with jax.default_matmul_precision("highest"):
        first = first_order(problem, delta, 0.0, slack)
        return newton(problem, delta, first.on_edge, first.gradient_scale, wanted=jnp.bool_(True))


def newton(
    problem: Problem,
    delta: Float[Array, " dim"],
    on_edge: Bool[Array, ""],
    gradient_scale: Float[Array, ""],
    wanted: Bool[Array, ""],
) -> Polished:
    """Newton's method from δ: on the sphere where ``on_edge``, in the whole space elsewhere.

    Each step solves (λI − PHP) ξ = Pg on the tangent space, λ = ⟨g, δ⟩/‖δ‖² (0 inside), by
    conjugate gradients: at a strict maximum the matrix is positive definite, and the better
    conditioned the smaller κ is. The loop ends when a step no longer halves the tangent gradient.

    Args:
        problem: with an `L2Ball` or `L2Sphere`.
        delta: the start; first put on the sphere where ``on_edge``.
        on_edge: whether the maximum is sought on the boundary.
        gradient_scale: the unit of the residual.
        wanted: where false the start is returned. (Under `jax.vmap` lanes wait for the slowest.)
    """
    radius = problem.constraint.radius
    eps = float(jnp.finfo(delta.dtype).eps)

    def retract(point: Vector) -> Vector:
        return jnp.where(on_edge, radius * over(point, l2_norm(point)), point)

    def look(point: Vector) -> tuple[Frame, Scalar, Vector, Scalar]:
        _, gradient = problem.value_and_gradient(point)
        frame = frame_at(point, on_edge)
        slope = frame.tangent(gradient)
        return frame, frame.multiplier(point, gradient), slope, over(l2_norm(slope), gradient_scale)

    def improving(carry: Carry) -> Bool[Array, ""]:
        _, residual, previous, iters = carry
        return wanted & (residual < 0.5 * previous) & (residual > eps) & (iters < MAX_ITERS)

    def iterate(carry: Carry) -> Carry:
        point, residual, _, iters = carry
        frame, multiplier, slope, _ = look(point)

        def operator(vector: Vector) -> Vector:
            return multiplier * vector - frame.tangent(problem.hessian_product(point, vector))

        # Solving to the order of the residual itself keeps the convergence quadratic.
        accuracy: Any = jnp.clip(residual, 1e-8, 0.1)
        move, _ = cg(operator, slope, tol=accuracy, maxiter=2 * point.size)
        move = frame.tangent(move)
        shrink = jnp.minimum(1, LONGEST_MOVE * over(radius, l2_norm(move)))
        point = retract(point + shrink * move)
        return point, look(point)[-1], residual, iters + 1

    point = retract(delta)
    first = look(point)[-1]
    carry = (point, first, jnp.full_like(first, jnp.inf), jnp.int32(0))
    point, last, _, iters = jax.lax.while_loop(improving, iterate, carry)
    return Polished(point, last, last <= eps**0.75, iters)
