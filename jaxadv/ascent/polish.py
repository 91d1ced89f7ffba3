"""From an approximate maximum to the true one: Newton's method on the face that holds it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import cg
from jaxtyping import Array, Bool, Float, Int

from jaxadv.ascent.entry import check_problem, check_trial
from jaxadv.ascent.precision import as_double, in_double
from jaxadv.ascent.tangent import first_order, gradient_at, with_faces
from jaxadv.problems.faces import Face
from jaxadv.problems.norms import l2_norm, over, rounding
from jaxadv.problems.problem import Floats, Problem, as_floats

Scalar = Float[Array, ""]
Vector = Float[Array, "*shape"]

MAX_ITERS = 20
# In radii. Newton's method starts close to a maximum, and a longer move would leave it.
LONGEST_MOVE = 0.1


class View(NamedTuple):
    """A point on the way, its face, multiplier, tangent gradient and residual."""

    point: Vector
    face: Face
    multiplier: Scalar
    slope: Vector
    residual: Scalar


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
        return newton(
            problem,
            delta,
            first.active,
            first.gradient_scale,
            is_candidate=jnp.bool_(True),
            hessian=None,
        )


def newton(
    problem: Problem,
    delta: Float[Array, "*shape"],
    active: Bool[Array, "..."],
    gradient_scale: Float[Array, ""],
    *,
    is_candidate: Bool[Array, ""],
    hessian: Float[Array, "dim dim"] | None,
) -> Polished:
    """Newton's method from δ, on the face on which the ``active`` constraints hold.

    Each step solves (λI − PHP) ξ = Pg on the tangent space, λ the multiplier (0 inside), by
    conjugate gradients: at a strict maximum the matrix is positive definite, and the better
    conditioned the smaller κ is. The loop ends when a step no longer halves the tangent gradient.

    Args:
        problem: with a `CertifiableConstraint`.
        delta: the start; it is first put on the face.
        active: the constraints that hold with equality at the maximum.
        gradient_scale: the unit of the residual.
        is_candidate: where false, the start is returned at once, which saves time in `jax.vmap`.
        hessian: H at the start, which is then used in all steps (the chord method: more steps, but
            much cheaper ones); None for products with H at each point.
    """
    constraint = with_faces(problem.constraint)
    radius = problem.circumradius
    eps = float(jnp.finfo(delta.dtype).eps)
    retract = constraint.face(delta, active).retract

    def product(point: Vector, vector: Vector) -> Vector:
        if hessian is None:
            return problem.hessian_product(point, vector)
        return (hessian @ vector.ravel()).reshape(vector.shape)

    def look(point: Vector) -> View:
        gradient = gradient_at(problem, point)
        face = constraint.face(point, active)
        slope = face.tangent(gradient)
        residual = over(l2_norm(slope), gradient_scale)
        return View(point, face, face.multiplier(gradient), slope, residual)

    def improving(carry: Carry) -> Bool[Array, ""]:
        view, previous, iters = carry
        halved = view.residual < 0.5 * previous
        return is_candidate & halved & (view.residual > eps) & (iters < MAX_ITERS)

    def iterate(carry: Carry) -> Carry:
        view, _, iters = carry

        def operator(vector: Vector) -> Vector:
            return view.multiplier * vector - view.face.tangent(product(view.point, vector))

        # Solved to the order of the residual, Newton's method converges quadratically. The chord
        # method converges linearly, at a rate of the order of the first residual.
        finest = 1e-8 if hessian is None else 1e-4
        accuracy: Any = jnp.clip(view.residual, finest, 0.1)
        move, _ = cg(operator, view.slope, tol=accuracy, maxiter=2 * view.point.size)
        move = view.face.tangent(move)
        shrink = jnp.minimum(1, LONGEST_MOVE * over(radius, l2_norm(move)))
        return look(retract(view.point + shrink * move)), view.residual, iters + 1

    first = look(retract(delta))
    carry = (first, jnp.full_like(first.residual, jnp.inf), jnp.int32(0))
    last, _, iters = jax.lax.while_loop(improving, iterate, carry)
    return Polished(last.point, last.residual, last.residual <= eps**0.75, iters)
