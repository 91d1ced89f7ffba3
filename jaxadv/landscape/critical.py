"""Every critical point of the loss on the circle (d = 2) or the sphere (d = 3) of radius ε.

They are the ground truth for ascent in few dimensions. Candidates are the points of a mesh at
which the tangent gradient is smaller than at all neighbours; Newton's method takes each to a
critical point. The mesh is refined until nothing new is found and the numbers fit Euler's
characteristic: maxima − minima = 0 on the circle, maxima − saddles + minima = 2 on the sphere.

Where the output meets the loss's own minimum, ℓ'(f) = 0 (f = y, for the quadratic loss), the loss
has a *valley*: a point of the circle, one of the minima; but a closed curve on the sphere, all of
it critical, with Euler's characteristic 0. On the sphere, therefore, critical points of the output
f are sought: those of the loss beside its valleys.

The points are sought on the sphere because in few dimensions the ball has maxima inside as well.
"""

import dataclasses
import enum
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, ScalarLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from jaxadv.experiments.draws import IntLike
from jaxadv.landscape.meshes import EULER, SphereMesh, climb_on, sphere_mesh
from jaxadv.landscape.regularity import tangent_basis, tangent_eigenvalues
from jaxadv.problems.norms import l2_norm, over
from jaxadv.problems.problem import Problem

FIRST_POINTS = {2: 2048, 3: 8192}  # of the coarsest mesh, by dimension
REFINEMENTS = 4  # at most; each has twice as many points along a circle
NEWTON_STEPS = 40
# The number of candidates is filled up to this times a power of two, so that few programs suffice.
FEWEST_CANDIDATES = 64
SAME = 1e-7  # in radii; ends of Newton's method that are closer are one point


class Critical(enum.IntEnum):
    """What a critical point on the sphere is."""

    MINIMUM = 0
    SADDLE = 1
    MAXIMUM = 2


@dataclass(frozen=True)
class CriticalPoints:
    """All critical points on the sphere of radius ε, the highest first.

    Attributes:
        perturbation: δ, of norm ε.
        loss: L(δ).
        kind: a `Critical`.
        basin: the share of the sphere from which steepest ascent on the mesh ends there; 0 but for
            maxima.
        euler: Σ (−1)^(number of directions in which the loss falls).
        valleys: how many points (d = 2) or curves (d = 3) there are with ℓ'(f) = 0. The points are
            among the minima.
        settled: whether a finer mesh gave as many points, ``euler`` is what it must be, the loss is
            finite all over the mesh, and no point was left out because its curvature is NaN.
        num_points: of the finest mesh.
    """

    perturbation: Float[np.ndarray, "critical dim"]
    loss: Float[np.ndarray, " critical"]
    kind: Int[np.ndarray, " critical"]
    basin: Float[np.ndarray, " critical"]
    euler: int
    valleys: int
    settled: bool
    num_points: int

    def count(self, kind: Critical) -> int:
        """How many points of a kind there are."""
        return int((self.kind == kind).sum())


def find_critical_points(problem: Problem) -> CriticalPoints:
    """All critical points of a problem on the sphere of its radius, in double precision.

    Raises:
        ValueError: if the dimension is not 2 or 3.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=2, width=16)
        >>> points = find_critical_points(ja.Problem(net, jnp.ones(2), 0.0, ja.L2Ball(0.5)))
        >>> points.count(Critical.MAXIMUM) == points.count(Critical.MINIMUM), points.settled
        (True, True)
    """
    dim = problem.x.size
    if dim not in EULER:
        raise ValueError(f"dim: {dim} must be 2 or 3, for all critical points to be found")
    with jax.enable_x64(True):
        problem = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), problem)
        points, before = _on_mesh(problem, sphere_mesh(dim, FIRST_POINTS[dim])), None
        for level in range(1, REFINEMENTS + 1):
            finer = sphere_mesh(dim, FIRST_POINTS[dim] * 2 ** (level * (dim - 1)))
            before, points = points, _on_mesh(problem, finer)
            as_many = len(points.loss) == len(before.loss)
            if points.settled and points.euler == EULER[dim] and as_many:
                return points
    return dataclasses.replace(points, settled=False)


def _on_mesh(problem: Problem, mesh: SphereMesh) -> CriticalPoints:
    """The critical points that one mesh shows, settled as far as this mesh alone can tell."""
    directions = mesh.points.shape[1] - 1
    height = problem if directions == 1 else dataclasses.replace(problem, loss=_output)
    radius = float(problem.circumradius)
    losses, sides, slopes = map(np.asarray, _look(problem, height, radius * mesh.points))
    candidates = mesh.points[(slopes[:, None] <= slopes[mesh.neighbours]).all(axis=1)]
    size = _filled_up(len(candidates))
    ends, converged = _newton(height, np.resize(candidates, (size, directions + 1)), mesh.spacing)
    ends, converged = (np.asarray(array)[: len(candidates)] for array in (ends, converged))
    points = _distinct(ends[converged])
    padded = np.resize(points, (_filled_up(len(points)), directions + 1))
    loss, rising = (np.asarray(v)[: len(points)] for v in _classify(problem, radius * padded))
    is_known = rising >= 0
    order = np.argsort(-loss)
    order = order[is_known[order]]
    points, loss, rising = points[order], loss[order], rising[order]
    kind = np.select(
        [rising == 0, rising == directions], [Critical.MAXIMUM, Critical.MINIMUM], Critical.SADDLE
    )
    regions = _num_regions(mesh, sides)
    return CriticalPoints(
        perturbation=radius * points,
        loss=loss,
        kind=kind,
        basin=_basins(mesh, losses, points, kind),
        euler=int(((-1) ** (directions - rising)).sum()),
        # Each curve on a sphere parts it once more; a circle is first parted by two points.
        valleys=regions - 1 if directions == 2 or regions == 1 else regions,
        settled=bool(np.isfinite(losses).all() and is_known.all()),
        num_points=len(mesh.points),
    )


def _output(output: Float[Array, ""], label: ScalarLike) -> Float[Array, ""]:
    """A loss that is the output itself."""
    del label
    return output


def _filled_up(number: int) -> int:
    size = FEWEST_CANDIDATES
    while size < number:
        size *= 2
    return size


@jax.jit
def _look(
    problem: Problem, height: Problem, deltas: Float[Array, "point dim"]
) -> tuple[Float[Array, " point"], Bool[Array, " point"], Float[Array, " point"]]:
    """At points of the sphere: the loss, the sign of ℓ'(f), and the height's tangent gradient."""

    def look(delta: Float[Array, " dim"]) -> tuple[Array, Array, Array]:
        output = problem.network(problem.x + delta)
        loss, slope = jax.value_and_grad(problem.loss)(output, problem.y)
        _, gradient = height.value_and_gradient(delta)
        tangent = tangent_basis(delta / l2_norm(delta)).T @ gradient
        return loss, slope > 0, l2_norm(tangent)

    return jax.lax.map(look, deltas, batch_size=4096)


@jax.jit
def _newton(
    problem: Problem, starts: Float[Array, "candidate dim"], longest: ScalarLike
) -> tuple[Float[Array, "candidate dim"], Bool[Array, " candidate"]]:
    """Newton's method on the unit sphere, from candidates; and whether it converged.

    On the tangent space (A − λI) ξ = −Qᵀg: to maxima, saddles and minima alike. No step is longer
    than ``longest``, about the distance of neighbouring candidates. A singular matrix ends in NaN.
    """
    radius = problem.circumradius

    def step(_index: IntLike, point: Float[Array, " dim"]) -> Float[Array, " dim"]:
        delta = radius * point
        _, gradient = problem.value_and_gradient(delta)
        basis = tangent_basis(point)
        hessian = jax.hessian(problem.objective)(delta)
        # In the unit of angles: ε²(A − λI) ξ = −ε Qᵀg.
        matrix = radius * (basis.T @ hessian @ basis)
        matrix -= (gradient @ point) * jnp.eye(len(matrix), dtype=point.dtype)
        move = basis @ jnp.linalg.solve(matrix, -(basis.T @ gradient))
        move *= jnp.minimum(1, over(longest, l2_norm(move)))
        return (point + move) / l2_norm(point + move)

    def run(start: Float[Array, " dim"]) -> tuple[Float[Array, " dim"], Bool[Array, ""]]:
        point = jax.lax.fori_loop(0, NEWTON_STEPS, step, start)
        moved = l2_norm(step(0, point) - point)
        return point, moved <= 0.1 * SAME

    return jax.vmap(run)(starts)


@jax.jit
def _classify(
    problem: Problem, deltas: Float[Array, "critical dim"]
) -> tuple[Float[Array, " critical"], Int[Array, " critical"]]:
    """The loss at critical points, and in how many directions it rises; −1 if that is unknown."""

    def classify(delta: Float[Array, " dim"]) -> tuple[Float[Array, ""], Int[Array, ""]]:
        eigenvalues, multiplier = tangent_eigenvalues(problem, delta)
        is_known = ~jnp.isnan(eigenvalues - multiplier).any()
        return problem.objective(delta), jnp.where(is_known, jnp.sum(eigenvalues > multiplier), -1)

    return jax.vmap(classify)(deltas)


def _distinct(points: Float[np.ndarray, "point dim"]) -> Float[np.ndarray, "distinct dim"]:
    """The points that are further than `SAME` from all before them."""
    left, kept = points, []
    while len(left):
        kept.append(left[0])
        left = left[np.linalg.norm(left - left[0], axis=1) > SAME]
    return np.array(kept).reshape(-1, points.shape[1])


def _basins(
    mesh: SphereMesh,
    losses: Float[np.ndarray, " point"],
    points: Float[np.ndarray, "critical dim"],
    kind: Int[np.ndarray, " critical"],
) -> Float[np.ndarray, " critical"]:
    """The share of the mesh from which steepest ascent ends next to each maximum."""
    tops = climb_on(mesh, losses)
    maxima = np.flatnonzero(kind == Critical.MAXIMUM)
    shares = np.zeros(len(points))
    if len(maxima):
        nearest = (mesh.points[tops] @ points[maxima].T).argmax(axis=1)
        np.add.at(shares, maxima[nearest], mesh.shares)
    return shares


def _num_regions(mesh: SphereMesh, sides: Bool[np.ndarray, " point"]) -> int:
    """Into how many connected parts the signs of ℓ'(f) divide the mesh."""
    rows = np.repeat(np.arange(len(sides)), mesh.neighbours.shape[1])
    columns = mesh.neighbours.ravel()
    together = sides[rows] == sides[columns]
    edges = (np.ones(together.sum()), (rows[together], columns[together]))
    return int(connected_components(coo_array(edges, shape=(len(sides),) * 2))[0])
