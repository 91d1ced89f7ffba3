"""Certificates in the part of a ball that lies in a box, against NumPy and feasible neighbours."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.ascent.kinds import MAXIMA
from tests import reference
from tests.ascent.ends import cases_on_one_network, certified_ends


def ends_of(dim, scale, trials, seed=0):
    """Ends of ascents on one network in balls whose boxes cut off more or less of them."""
    rng = np.random.default_rng(seed)
    cases = cases_on_one_network(rng, dim, scale, trials)
    radius = np.array([case.radius for case in cases])
    width = radius[:, None] / np.sqrt(dim) * rng.uniform(0.3, 4, size=(trials, dim))
    sets = radius, -width, width * rng.uniform(0.1, 1, size=(trials, dim))
    solutions, certificates = certified_ends(cases, ja.L2BallInBox, sets, np.zeros((trials, dim)))
    return cases, sets, solutions, certificates


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
