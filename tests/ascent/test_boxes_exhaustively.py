"""Boxes in two and three dimensions: every local maximum by a grid and SciPy, against ascents."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

import jaxadv as ja
from jaxadv.landscape.maxima import climb
from tests import reference
from tests.ascent.test_pga import as_problem

SAME = 1e-5  # in radii


def every_maximum(case, radius, points):
    """All local maxima in the box [−radius, radius]^d that a grid can tell apart.

    A grid point that is no lower than its neighbours starts SciPy's L-BFGS-B, which keeps bounds.
    """
    dim = len(case.x)
    ticks = np.linspace(-radius, radius, points)
    grid = np.stack(np.meshgrid(*[ticks] * dim, indexing="ij"), axis=-1)
    pre = (case.x + grid) @ case.hidden.T
    losses = 0.5 * (np.tanh(pre) @ case.output - case.y) ** 2
    padded = np.pad(losses, 1, constant_values=-np.inf)
    is_top = np.ones_like(losses, bool)
    for shift in itertools.product((-1, 0, 1), repeat=dim):
        if any(shift):
            rows = tuple(slice(1 + step, 1 + step + points) for step in shift)
            is_top &= losses >= padded[rows]
    maxima = []
    for start in grid[is_top]:
        end = minimize(
            lambda delta: tuple(-part for part in case.derivatives(delta)[:2]), start, jac=True,
            method="L-BFGS-B", bounds=[(-radius, radius)] * dim,
            options={"ftol": 1e-16, "gtol": 1e-13, "maxiter": 500},
        )  # fmt: skip
        if not any(np.linalg.norm(end.x - other) < SAME * radius for other in maxima):
            maxima.append(end.x)
    return np.array(maxima)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("dim", "points", "scale"),
    [
        (2, 301, 10.0),
        pytest.param(2, 301, 1.0, marks=pytest.mark.slow),
        pytest.param(3, 81, 1.0, marks=pytest.mark.slow),
        pytest.param(3, 81, 10.0, marks=pytest.mark.slow),
    ],
)
def test_ascents_from_ten_thousand_starts_find_all_maxima_and_no_others(dim, points, scale):
    counts = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        case = reference.random_case(rng, dim=dim, width=24, scale=scale)
        radius = 0.3 * np.linalg.norm(case.x) / np.sqrt(dim)
        maxima = every_maximum(case, radius, points)
        problem = as_problem(case)
        problem = ja.Problem(problem.network, problem.x, problem.y, ja.LInfBall(radius))
        starts = jnp.asarray(rng.uniform(-radius, radius, size=(10_000, dim)))
        method = ja.PGA(ja.InverseCurvatureStep(0.2), 1e-7, 3_000)
        ends = jax.jit(lambda starts: climb(lambda s: (problem, s), starts, method, num_lanes=256))(
            starts
        )
        certified = np.asarray(ends.certified)
        # The others go round about a maximum that is too curved for their step.
        assert certified.mean() > 0.5
        tops = np.asarray(ends.maximum)[certified]
        distances = np.linalg.norm(tops[:, None] - maxima, axis=-1)
        # Every certified end is one of the maxima, and every maximum is an end.
        assert distances.min(axis=1).max() < SAME * radius
        assert distances.min(axis=0).max() < SAME * radius
        counts.append(len(maxima))
    assert min(counts) >= 1
    assert scale < 10 or max(counts) > 1
