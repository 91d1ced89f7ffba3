"""Random problems of one structure, and searches for a false proof among them.

The search draws many points of the set, climbs from the best ones, and compares what it reaches
with what was proved.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxadv as ja

SCALES = (-2, 0.7)  # of the input, as powers of ten: from nearly linear to saturated
RATIOS = (-1.7, 0.4)
FAR = 1e-3  # points further from one another, over the radius, are different maxima


class Count(NamedTuple):
    """How many problems were looked at, and of how many something was proved."""

    problems: int
    are_global: int
    are_unique: int


def random_problems(seed, number, dim, make_set, *, loss, activation, width=24):
    """Problems with a leading axis; among them flat, saturated and degenerate ones."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(number, width, dim)) / dim**0.5
    output = rng.choice([-1, 1], size=(number, width)) / width**0.5
    x = rng.normal(size=(number, dim)) * 10 ** rng.uniform(*SCALES, size=(number, 1))
    radius = 10 ** rng.uniform(*RATIOS, size=number) * np.linalg.norm(x, axis=1)
    kind = rng.integers(0, 12, size=number)
    hidden[kind == 0] = hidden[kind == 0][:, :1]  # neurons that are all the same
    hidden[kind == 1] *= 1e3  # saturated
    hidden[kind == 2] *= 1e-6  # flat
    output[kind == 3] = np.abs(output[kind == 3])
    hidden[kind == 4, :, 0] = 0  # an entry that the network does not see
    radius[kind == 5] = 0
    x[kind == 6] = 0
    radius[kind == 7] *= 1e-6
    y = rng.choice([-1.0, 1.0], size=number)
    if loss == "quadratic":
        y = y * rng.uniform(0, 2, size=number)
        y[kind == 8] = 0

    def make(hidden, output, x, y, radius):
        return ja.Problem(ja.TwoLayer(hidden, output, activation), x, y, make_set(radius), loss)

    return jax.vmap(make)(*map(jnp.asarray, (hidden, output, x, y, radius)))


def one_ulp_away(problems, seed):
    """The same problems with each number of x, the weights and the set moved by at most one ulp."""
    rng = np.random.default_rng(seed)

    def move(values):
        values = np.asarray(values)
        return jnp.asarray(np.nextafter(values, rng.choice([-np.inf, np.inf], size=values.shape)))

    moved = jax.tree.map(move, (problems.network, problems.x, problems.constraint))
    radius = jax.tree.map(jnp.abs, moved[2])
    return jax.vmap(lambda network, x, y, limits: ja.Problem(network, x, y, limits, problems.loss))(
        moved[0], moved[1], problems.y, radius
    )


@partial(jax.jit, static_argnames=("number_of_points", "number_of_starts"))
def _search(problem, key, method, number_of_points, number_of_starts):
    """The proof of one end of ascent, all ends, and the largest loss of many points."""
    dim = problem.x.size
    draw_key, start_key = jax.random.split(key)
    spread = 3 * problem.circumradius * jax.random.normal(draw_key, (number_of_points, dim))
    shrink = jax.random.uniform(start_key, (number_of_points, 1)) ** 3
    points = jax.vmap(problem.constraint.project)(spread * shrink)
    losses = jax.vmap(problem.objective)(points)
    begin = points[jax.lax.top_k(losses, 2)[1]]
    starts = jnp.concatenate([begin, points[:number_of_starts]])
    ends = jax.vmap(lambda start: ja.ascend(problem, start, method))(starts)
    # The proof is about the end of a single ascent, as a user would ask.
    proof = ja.prove(problem, ends.perturbation[2])
    return proof, ends, losses.max()


def assert_no_false_proof(
    problems, seed, *, number_of_points=4000, number_of_starts=8, tolerance=1e-9, max_steps=3000
):
    """Compare what is proved of each problem with what a search finds."""
    method = ja.PGA(ja.InverseCurvatureStep(0.5), tolerance, max_steps)
    number = len(problems.x)
    keys = jax.random.split(jax.random.key(seed), number)
    search = partial(_search, number_of_points=number_of_points, number_of_starts=number_of_starts)
    proofs, ends, largest = jax.lax.map(lambda row: search(*row, method), (problems, keys))
    proofs, ends = jax.tree.map(np.asarray, (proofs, ends))
    radii = np.asarray(jax.vmap(lambda problem: problem.circumradius)(problems))
    highest = np.maximum(np.asarray(largest), ends.loss.max(axis=1))
    # If the maximum were not where it is proved to be, the bound of the loss would be too low.
    assert (proofs.loss_bound >= highest).all()
    assert (proofs.gap >= 0).all()
    assert (proofs.is_global | ~proofs.is_unique).all()
    # Where the loss underflows, every point counts as stationary.
    converged = (ends.residual <= tolerance) & (radii[:, None] > 0) & (ends.gradient_scale > 0)
    for row in np.flatnonzero(proofs.is_global & (radii > 0)):
        top = ends.loss[row].argmax()
        gain = ends.loss[row, top] - ends.loss[row, 2]
        # In a flat landscape the best end may be better by rounding alone.
        if converged[row, top] and gain > 1e-12 * abs(ends.loss[row, 2]):
            apart = np.linalg.norm(ends.perturbation[row, top] - ends.perturbation[row, 2])
            assert apart <= proofs.distance[row] + FAR * radii[row]
    for row in np.flatnonzero(np.isfinite(proofs.num_maxima)):
        points = ends.perturbation[row][converged[row]] / max(radii[row], 1e-300)
        assert _distinct(points) <= proofs.num_maxima[row]
    return Count(number, int(proofs.is_global.sum()), int(proofs.is_unique.sum()))


def _distinct(points):
    """How many of some points are far from one another."""
    kept = []
    for point in points:
        if all(np.linalg.norm(point - other) > FAR for other in kept):
            kept.append(point)
    return len(kept)
