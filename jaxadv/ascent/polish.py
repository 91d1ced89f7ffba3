"""From an approximate maximum to the true one: Newton's method on the face that holds it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import cg
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxadv.ascent.curvature import Curvature, LanczosCurvature
from jaxadv.ascent.entry import check_problem, check_trial
from jaxadv.ascent.first_order import FirstOrder, first_order, gradient_at, with_faces
from jaxadv.ascent.precision import as_double, in_double
from jaxadv.problems.checks import Floats, as_floats
from jaxadv.problems.faces import Face
from jaxadv.problems.norms import l2_norm, over, rounding
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import cast_floats

Scalar = Float[Array, ""]
Vector = Float[Array, "*shape"]

MAX_ITERS = 20
# In radii. Newton's method starts close to a maximum, and a longer move would leave it.
LONGEST_MOVE = 0.1


class View(NamedTuple):
    """A point on the way, its face, gradient, multiplier, tangent gradient and residual."""

    point: Vector
    face: Face
    gradient: Vector
    multiplier: Scalar
    slope: Vector
    residual: Scalar


class NewtonEnd(NamedTuple):
    """Where Newton's method ended, whether it converged, and after how many steps."""

    view: View
    converged: Bool[Array, ""]
    num_iters: Int[Array, ""]


# The view at the point, the residual before the last step, and the number of steps.
Carry = tuple[View, Scalar, Int[Array, ""]]


class Polished(NamedTuple):
    """A stationary point, as close as the precision allows.

    ``residual`` is the norm of the tangent gradient over the gradient scale, ``converged`` whether
    it is below eps^¾, and ``num_iters`` the number of Newton steps.
    """

    perturbation: Float[Array, "*shape"]
    residual: Float[Array, ""]
    converged: Bool[Array, ""]
    num_iters: Int[Array, ""]


def polish(problem: Problem, delta: Floats) -> Polished:
    """The stationary point close to δ, by Riemannian Newton in float64.

    Source: docs/theory.md, section 4.4.

    Inside a transformation the precision cannot be changed: enter ``jax.enable_x64(True)`` around
    it for float64.

    Args:
        problem: its constraint must have faces (`CertifiableConstraint`).
        delta: δ, a point of the set close to a maximum. From another point the method may end in
            any stationary point, or in none.

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
    check_problem(problem)
    with_faces(problem.constraint)
    point: Array = as_floats("delta", delta)
    return in_double(_polish, problem, point, dtype=point.dtype)


@jax.jit
def _polish(problem: Problem, delta: Float[Array, "*shape"]) -> Polished:
    check_trial(problem, delta, name="delta")
    slack = rounding(delta.size, delta.dtype)
    problem, delta = as_double((problem, delta))
    with jax.default_matmul_precision("highest"):
        first = first_order(problem, delta, 0.0, slack)
        end = newton(problem, delta, first, LanczosCurvature(problem, delta))
        return Polished(end.view.point, end.view.residual, end.converged, end.num_iters)


def newton(
    problem: Problem,
    delta: Float[Array, "*shape"],
    first: FirstOrder,
    curvature: Curvature,
    *,
    is_candidate: ArrayLike = True,
    least_fall: float = 0.0,
    max_iters: int = MAX_ITERS,
) -> NewtonEnd:
    """Newton's method from δ, on the face on which the ``first.active`` constraints hold.

    Each step solves (λI − PHP) ξ = Pg on the tangent space, λ the multiplier (0 inside), by
    conjugate gradients: at a strict maximum the matrix is positive definite, and the better
    conditioned the smaller κ is. The loop ends when a step no longer halves the tangent gradient.

    Gradients are in double precision, products with H in the precision of the curvature, which
    limits how much one step can gain, but not what all steps do.

    Args:
        problem: with a `CertifiableConstraint`.
        delta: the start; it is first put on the face.
        first: δ to first order: its gradient, the active constraints, and the residual's unit.
        curvature: products with H.
        is_candidate: where false, the start is returned at once, which saves time in `jax.vmap`.
        least_fall: how far the residual must fall, as a part of the first one; never further than
            to eps^¾.
        max_iters: the most steps.
    """
    constraint = with_faces(problem.constraint)
    radius = problem.circumradius
    eps = float(jnp.finfo(delta.dtype).eps)
    retract = constraint.face(delta, first.active).retract
    dtype = curvature.dtype
    finest = 1e-8 if dtype == delta.dtype else 1e-5  # to which a system can be solved

    def look(point: Vector, gradient: Vector) -> View:
        face = constraint.face(point, first.active)
        slope = face.tangent(gradient)
        residual = over(l2_norm(slope), first.gradient_scale)
        return View(point, face, gradient, face.multiplier(gradient), slope, residual)

    def improving(carry: Carry) -> Bool[Array, ""]:
        view, previous, iters = carry
        halved = view.residual < 0.5 * previous
        return jnp.asarray(is_candidate) & halved & (view.residual > goal) & (iters < max_iters)

    def iterate(carry: Carry) -> Carry:
        view, _, iters = carry
        face, multiplier = cast_floats((view.face, view.multiplier), dtype)
        product = curvature.products_at(view.point)

        def operator(vector: Vector) -> Vector:
            return multiplier * vector - face.tangent(product(vector))

        # Solved to the order of the residual, Newton's method converges quadratically.
        ahead = 0.5 * over(goal, view.residual)
        accuracy: Any = jnp.clip(jnp.maximum(view.residual, ahead), finest, 0.1)
        length = l2_norm(view.slope)
        direction = over(view.slope, length).astype(dtype)
        move, _ = cg(operator, direction, tol=accuracy, maxiter=2 * view.point.size)
        move = view.face.tangent(length * move)
        shrink = jnp.minimum(1, LONGEST_MOVE * over(radius, l2_norm(move)))
        point = retract(view.point + shrink * move)
        return look(point, gradient_at(problem, point)), view.residual, iters + 1

    start = retract(delta)
    begun = look(start, curvature.gradient_near(first.gradient, start))
    goal = jnp.maximum(eps, least_fall * begun.residual)
    carry = (begun, jnp.full_like(begun.residual, jnp.inf), jnp.int32(0))
    last, _, iters = jax.lax.while_loop(improving, iterate, carry)
    enough = jnp.maximum(eps**0.75, least_fall * begun.residual)
    return NewtonEnd(last, last.residual <= enough, iters)
