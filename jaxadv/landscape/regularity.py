"""How regular the landscape of one problem is: one step, gradients, valleys, curvature."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxadv.ascent.pga import STEEPEST, direction_of
from jaxadv.problems.norms import l2_norm, over
from jaxadv.problems.problem import Problem

Vector = Float[Array, " dim"]
Scalar = Float[Array, ""]


def one_step(problem: Problem, best: Vector) -> tuple[Scalar, Scalar]:
    """How good a single step is from the centre to the boundary, in the steepest direction.

    The step is δ = ε g/‖g‖ in an L2 set, and sign(g) times the radius in an L∞ ball.

    Returns:
        The cosine between δ and δ*; and the share of the best gain in loss that the step reaches,
        (L(δ) − L(0))/(L(δ*) − L(0)).

    Args:
        problem: the problem.
        best: δ*, the best maximum.

    Example:
        >>> import jaxadv as ja
        >>> line = ja.Problem(jax.tree_util.Partial(jnp.sum), jnp.ones(2), 0.0, ja.L2Ball(1.0))
        >>> [round(float(number), 5) for number in one_step(line, jnp.full(2, 0.5**0.5))]
        [1.0, 1.0]
    """
    centre = jnp.zeros_like(best)
    loss, gradient = problem.value_and_gradient(centre)
    direction = direction_of(STEEPEST, problem.constraint, gradient)
    step = problem.constraint.project(problem.circumradius * direction)
    cosine = over(step @ best, l2_norm(step) * l2_norm(best))
    return cosine, over(problem.objective(step) - loss, problem.objective(best) - loss)


def great_circle(
    one: Vector, other: Vector, angles: Float[Array, " angle"]
) -> Float[Array, "angle dim"]:
    """Points of the great circle from ``one`` through ``other``, at some angles from ``one``.

    Its radius is the norm of ``one``. Where the two are (anti)parallel, many circles go through
    both, and one of them is taken.

    Example:
        >>> great_circle(jnp.array([2.0, 0.0]), jnp.array([1.0, 1.0]), jnp.array([jnp.pi / 2]))
        Array([[-8.742278e-08,  2.000000e+00]], dtype=float32)
    """
    radius = l2_norm(one)
    normal = over(one, radius)

    def beside(vector: Vector) -> Vector:
        return vector - normal * (normal @ vector)

    across = beside(over(other, l2_norm(other)))
    # Where ``other`` gives no direction, take the axis that is least parallel to ``one``.
    spare = beside(jax.nn.one_hot(jnp.argmin(jnp.abs(normal)), one.size, dtype=one.dtype))
    undetermined = l2_norm(across) < 8 * float(jnp.finfo(one.dtype).eps) ** 0.5
    across = jnp.where(undetermined, spare, across)
    across = over(across, l2_norm(across))
    return radius * (jnp.outer(jnp.cos(angles), normal) + jnp.outer(jnp.sin(angles), across))


def angle_between(one: Vector, other: Vector) -> Scalar:
    """The angle from ``one`` to ``other`` seen from 0, in radians.

    Example:
        >>> round(float(angle_between(jnp.array([2.0, 0.0]), jnp.array([1.0, 1.0]))), 4)
        0.7854
    """
    one, other = over(one, l2_norm(one)), over(other, l2_norm(other))
    # The arc cosine would lose small angles to rounding.
    return 2 * jnp.arctan2(l2_norm(one - other), l2_norm(one + other))


def barrier(problem: Problem, one: Vector, other: Vector, num_points: int = 256) -> Scalar:
    """How deep the valley is between two maxima, along the shorter great circle through both.

    The value is min(L(a), L(b)) minus the least loss on the way, in units of the loss.

    Example:
        >>> import jaxadv as ja
        >>> line = ja.Problem(jax.tree_util.Partial(jnp.sum), jnp.zeros(2), 0.0, ja.L2Ball(1.0))
        >>> round(float(barrier(line, jnp.full(2, 0.5**0.5), jnp.full(2, -(0.5**0.5)))), 3)
        1.0
    """
    angles = jnp.linspace(0, 1, num_points, dtype=one.dtype) * angle_between(one, other)
    losses = jax.vmap(problem.objective)(great_circle(one, other, angles))
    return jnp.minimum(problem.objective(one), problem.objective(other)) - losses.min()


def gradient_change(
    problem: Problem, pairs: Float[Array, "circle 2 dim"], num_points: int = 256
) -> Scalar:
    """The largest change of the gradient over distance on the sphere, without a unit.

    max ‖g(a) − g(b)‖/‖a − b‖ over neighbouring points of great circles, times the radius, over the
    largest ‖g‖ there. It says how much of itself the gradient can change within a radius. It is 0
    where the radius is 0.

    Args:
        problem: with an L2 set.
        pairs: two points of each circle.
        num_points: on each circle, evenly.

    Example:
        >>> import jaxadv as ja
        >>> line = ja.Problem(jax.tree_util.Partial(jnp.sum), jnp.ones(2), 0.0, ja.L2Ball(1.0))
        >>> round(float(gradient_change(line, jnp.eye(2)[None])), 2)  # 2/(√2 (2 + √2))
        0.41
    """
    radius = problem.circumradius
    angles = jnp.linspace(0, 2 * jnp.pi, num_points + 1, dtype=pairs.dtype)

    def look(pair: Float[Array, "2 dim"]) -> tuple[Scalar, Scalar]:
        points = great_circle(radius * over(pair[0], l2_norm(pair[0])), pair[1], angles)
        gradients = jax.vmap(lambda point: problem.value_and_gradient(point)[1])(points)
        norm = jax.vmap(l2_norm)
        ways = norm(jnp.diff(points, axis=0))
        changes = jax.vmap(over)(norm(jnp.diff(gradients, axis=0)), ways)
        return changes.max(), norm(gradients).max()

    changes, norms = jax.lax.map(look, pairs)
    return over(changes.max() * radius, norms.max())


def tangent_basis(normal: Vector) -> Float[Array, "dim tangent"]:
    """An orthonormal basis of the tangent space n^⊥ of the sphere, by a Householder reflection.

    Example:
        >>> tangent_basis(jnp.array([0.0, 1.0])).tolist()
        [[-1.0], [0.0]]
    """
    sign = jnp.where(normal[0] < 0, -1.0, 1.0).astype(normal.dtype)
    axis = normal.at[0].add(sign)
    image = jnp.outer(axis, axis[1:]) / (1 + sign * normal[0])
    return jnp.eye(normal.size, dtype=normal.dtype)[:, 1:] - image


def tangent_eigenvalues(problem: Problem, delta: Vector) -> tuple[Float[Array, " tangent"], Scalar]:
    """The eigenvalues of A = QᵀHQ, ascending, and the multiplier λ, at a point of the sphere.

    Q is a basis of the tangent space. A strict maximum on the sphere has all of them below λ; the
    number of those above is the number of directions in which the loss rises.

    Example:
        >>> import jaxadv as ja
        >>> line = ja.Problem(jax.tree_util.Partial(jnp.sum), jnp.ones(2), 0.0, ja.L2Ball(1.0))
        >>> values, multiplier = tangent_eigenvalues(line, jnp.full(2, 0.5**0.5))
        >>> bool(values.max() < multiplier)
        True
    """
    _, gradient = problem.value_and_gradient(delta)
    multiplier = over(gradient @ delta, delta @ delta)
    basis = tangent_basis(over(delta, l2_norm(delta)))
    hessian = jax.hessian(problem.objective)(delta)
    return jnp.linalg.eigvalsh(basis.T @ hessian @ basis), multiplier
