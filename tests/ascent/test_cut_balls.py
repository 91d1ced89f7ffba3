"""Certificates in the part of a ball that lies in a box, against NumPy and feasible neighbours."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.ascent.certifying import certify_each
from jaxadv.ascent.kinds import MAXIMA
from tests import reference
from tests.ascent.test_pga import as_problem

TOLERANCE = 1e-8


def ends_of(dim, scale, trials, seed=0):
    """Ends of ascents on one network in balls whose boxes cut off more or less of them."""
    rng = np.random.default_rng(seed)
    cases = [reference.random_case(rng, dim=dim, width=4 * dim + 8, scale=scale)]
    for _ in range(trials - 1):
        other = reference.random_case(rng, dim=dim, width=4 * dim + 8, scale=scale)
        other.hidden, other.output = cases[0].hidden, cases[0].output
        cases.append(other)
    network = as_problem(cases[0]).network
    x, y = (np.array([getattr(case, name) for case in cases]) for name in ("x", "y"))
    radius = np.array([case.radius for case in cases])
    width = radius[:, None] / np.sqrt(dim) * rng.uniform(0.3, 4, size=(trials, dim))
    lower, upper = -width, width * rng.uniform(0.1, 1, size=(trials, dim))

    def trial_of(row):
        x, y, radius, lower, upper, start = row
        return ja.Problem(network, x, y, ja.L2BallInBox(radius, lower, upper)), start

    @jax.jit
    def run(rows):
        method = ja.PGA(ja.InverseCurvatureStep(0.5), TOLERANCE, 3_000)
        solutions = jax.vmap(lambda row: ja.ascend(*trial_of(row), method))(rows)
        certificates = certify_each(
            lambda row: (trial_of(row[0])[0], row[1].end), (rows, solutions),
            tolerance=10 * TOLERANCE, lanes=16,
        )  # fmt: skip
        return solutions, certificates

    rows = (x, y, radius, lower, upper, np.zeros((trials, dim)))
    solutions, certificates = jax.tree.map(np.asarray, run(rows))
    return cases, (radius, lower, upper), solutions, certificates


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("dim", "trials"), [(2, 60), (8, 60), (32, 40)])
def test_kinds_and_multipliers_equal_numpys(dim, trials):
    kinds, skipped, held_by_both = set(), 0, 0
    for scale in (0.1, 1.0, 3.0, 10.0):
        cases, sets, solutions, found = ends_of(dim, scale, trials)
        reached = solutions.reached[:, -1]
        assert reached.mean() > 0.9
        for i in np.flatnonzero(reached):
            radius, lower, upper = (array[i] for array in sets)
            kind, multiplier, margin = reference.cut_certificate(
                cases[i], solutions.perturbation[i], lower, upper, radius
            )
            name = ja.Kind(int(found.kind[i])).name
            if abs(margin) < 1e-6 or (name, kind) == ("UNCONFIRMED", "NOT_MAX"):
                skipped += 1  # something that is active is hardly held
                continue
            assert name == kind, (scale, i, margin)
            kinds.add(kind)
            if kind == "BOUNDARY_MAX":
                np.testing.assert_allclose(found.multiplier[i], multiplier, rtol=1e-5)
                held_by_both += found.num_free[i] < dim - 1
    assert skipped <= 0.05 * 4 * trials
    assert "BOUNDARY_MAX" in kinds
    assert dim > 8 or {"FACE_MAX", "VERTEX_MAX"} & kinds
    assert dim == 2 or held_by_both > 10


@pytest.mark.usefixtures("float64")
def test_no_feasible_neighbour_of_a_certified_end_is_better():
    rng = np.random.default_rng(1)
    for dim, scale in ((3, 3.0), (24, 3.0)):
        cases, sets, _, found = ends_of(dim, scale, 20)
        certified = np.flatnonzero(np.isin(found.kind, MAXIMA))
        assert len(certified) >= 15
        for i in certified:
            radius, lower, upper = (array[i] for array in sets)
            project = ja.L2BallInBox(radius, lower, upper).project
            best = cases[i].derivatives(found.maximum[i])[0]
            for size in (1e-4, 1e-6):
                moves = size * radius * rng.normal(size=(250, dim))
                neighbours = np.asarray(jax.vmap(project)(jnp.asarray(found.maximum[i] + moves)))
                losses = [cases[i].derivatives(delta)[0] for delta in neighbours]
                assert max(losses) <= best + 1e-12 * abs(best)


def test_an_image_in_the_range_of_pixels_gets_a_certificate():
    image = jax.random.uniform(jax.random.key(0), (5, 5)).at[0].set(0.0).at[1].set(1.0)
    network = ja.init_two_layer(jax.random.key(1), 25, 60, classes=3)
    constraint = ja.in_range(ja.L2Ball(0.5), image)
    problem = ja.Problem(network, image, 1, constraint, "cross-entropy")
    sol = ja.ascend(problem, jnp.zeros((5, 5)), ja.PGA(ja.NormalizedStep(0.1), 1e-3, 3_000))
    cert = ja.certify(problem, sol.perturbation, step_size=sol.step_size)
    assert ja.Kind(int(cert.kind)) is ja.Kind.BOUNDARY_MAX
    assert float(cert.multiplier) > 0
    assert int(cert.num_free) < 24
    end = image + cert.maximum
    assert 0 <= float(end.min()) <= float(end.max()) <= 1
