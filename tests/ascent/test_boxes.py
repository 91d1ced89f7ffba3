"""Certificates in boxes, against NumPy, against feasible neighbours, and of networks with kinks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.ascent.kinds import MAXIMA
from tests import reference
from tests.ascent.ends import cases_on_one_network, certified_ends
from tests.ascent.test_pga import as_problem


def some_box(rng, case):
    """Bounds as those of an L∞ ball in the range of pixels: unequal, touching 0, and equal."""
    radius = case.radius / np.sqrt(len(case.x))
    lower, upper = np.full(len(case.x), -radius), np.full(len(case.x), radius)
    cut = rng.random(len(case.x))
    lower[cut < 0.2] = 0
    upper[(cut > 0.15) & (cut < 0.3)] *= rng.random()
    lower[cut > 0.9] = upper[cut > 0.9]
    return lower, upper


def ends_of(dim, scale, trials, seed=0):
    """Ends of ascents in one network, with their cases and bounds."""
    rng = np.random.default_rng(seed)
    cases = cases_on_one_network(rng, dim, scale, trials)
    boxes = [some_box(rng, case) for case in cases]
    lower, upper = map(np.array, zip(*boxes, strict=True))
    starts = lower + (upper - lower) * rng.random(lower.shape)
    solutions, certificates = certified_ends(cases, ja.Box, (lower, upper), starts)
    return cases, boxes, solutions, certificates


SHAPES = [(1, 60), (2, 70), (8, 70), (64, 60)]
SCALES = (0.1, 1.0, 3.0, 10.0)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("dim", "trials"), SHAPES)
def test_kinds_and_free_entries_equal_numpys(dim, trials):
    """Of 1,040 ends in all."""
    kinds, num_skipped = set(), 0
    for scale in SCALES:
        cases, boxes, solutions, found = ends_of(dim, scale, trials)
        reached = solutions.reached[:, -1]
        assert reached.mean() > 0.9
        for i in np.flatnonzero(reached):
            delta, step_size = solutions.perturbation[i], solutions.step_size[i]
            kind, num_free, ratio, rate, margin = reference.box_certificate(
                cases[i], delta, *boxes[i], step_size
            )
            name = ja.Kind(int(found.kind[i])).name
            if (boxes[i][0] == boxes[i][1]).all():
                assert name == "DEGENERATE"  # the box is one point
                continue
            if abs(margin) < 1e-6 or (name, kind) == ("UNCONFIRMED", "NOT_MAX"):
                num_skipped += 1  # an active entry is hardly held
                continue
            assert name == kind, (scale, i, margin)
            kinds.add(kind)
            assert found.num_free[i] == num_free
            np.testing.assert_allclose(found.curvature_ratio[i], ratio, rtol=1e-3)
            np.testing.assert_allclose(found.local_rate[i], rate, rtol=1e-3)
            np.testing.assert_allclose(found.complementarity[i], margin, rtol=1e-4, atol=1e-6)
    assert num_skipped <= 0.02 * len(SCALES) * trials
    assert "VERTEX_MAX" in kinds
    assert dim == 1 or "FACE_MAX" in kinds


@pytest.mark.usefixtures("float64")
def test_no_feasible_neighbour_of_a_certified_end_is_better():
    rng = np.random.default_rng(1)
    for dim, scale in ((3, 3.0), (24, 10.0)):
        cases, boxes, _, found = ends_of(dim, scale, 20)
        assert np.isin(found.kind, MAXIMA).sum() >= 15
        for i in np.flatnonzero(np.isin(found.kind, MAXIMA)):
            lower, upper = boxes[i]
            best = cases[i].derivatives(found.maximum[i])[0]
            for size in (1e-4, 1e-6):
                moves = size * case_width(boxes[i]) * rng.normal(size=(250, dim))
                neighbours = np.clip(found.maximum[i] + moves, lower, upper)
                losses = [cases[i].derivatives(delta)[0] for delta in neighbours]
                assert max(losses) <= best + 1e-12 * abs(best)


def case_width(box):
    """The largest width of a box."""
    return float((box[1] - box[0]).max())


def test_from_single_precision_vertices_are_certified_and_exact():
    case = reference.random_case(np.random.default_rng(0), dim=30, width=200, scale=0.3)
    problem = as_problem(case, ja.LInfBall)
    problem = ja.Problem(problem.network, np.float32(case.x), case.y, ja.LInfBall(0.01))
    method = ja.PGA(ja.NormalizedStep(0.25), 1e-3, 200, direction="sign")
    sol = ja.ascend(problem, jnp.zeros(30, jnp.float32), method)
    cert = ja.certify(problem, sol.perturbation, step_size=sol.step_size)
    assert ja.Kind(int(cert.kind)) is ja.Kind.VERTEX_MAX
    assert int(cert.num_free) == 0
    # Rounding the radius to single precision is all that is left.
    assert float(cert.distance) < 1e-7
    assert float(cert.residual) < 1e-7
    assert float(cert.complementarity) > 0
    assert float(cert.curvature_ratio) == -np.inf
    np.testing.assert_array_equal(np.abs(cert.maximum), np.float32(0.01))


@pytest.mark.usefixtures("float64")
def test_networks_with_kinks_are_certified_at_vertices_alone():
    """Where the gradient holds all entries, no second derivative is needed."""
    kinds = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        network = ja.init_two_layer(jax.random.key(seed), 6, 40, "relu")
        x = rng.normal(size=6)
        problem = ja.Problem(network, x, 0.0, ja.LInfBall(0.2), lambda output, _: output)
        sol = ja.ascend(
            problem, jnp.zeros(6), ja.PGA(ja.NormalizedStep(0.1), 1e-9, 300, direction="sign")
        )
        cert = ja.certify(problem, sol.perturbation, step_size=sol.step_size)
        kind = ja.Kind(int(cert.kind))
        kinds.append(kind)
        if kind is not ja.Kind.VERTEX_MAX:
            assert kind in (ja.Kind.NOT_SMOOTH, ja.Kind.NOT_STATIONARY)
            continue
        distance = float(cert.kink_distance)
        assert distance > 0
        # Within the region of linearity no feasible point is better.
        rows = np.linalg.norm(np.asarray(network.hidden), axis=1).max()
        moves = rng.normal(size=(500, 6))
        moves *= (0.99 * distance / rows / np.linalg.norm(moves, axis=1))[:, None]
        neighbours = np.clip(np.asarray(cert.maximum) + moves, -0.2, 0.2)
        losses = jax.vmap(problem.objective)(jnp.asarray(neighbours))
        assert float(losses.max()) <= float(problem.objective(cert.maximum)) + 1e-14
        for other in (
            ja.Problem(network, x, 0.0, ja.L2Ball(0.2), lambda output, _: output),
            ja.Problem(network, x, 0.0, ja.LInfBall(0.2), lambda output, _: jnp.abs(output)),
        ):
            refused = ja.certify(other, cert.maximum, step_size=0.1, tolerance=1e9)
            assert ja.Kind(int(refused.kind)) is ja.Kind.NOT_SMOOTH
    assert kinds.count(ja.Kind.VERTEX_MAX) >= 5
    assert ja.Kind.NOT_SMOOTH in kinds or ja.Kind.NOT_STATIONARY in kinds


def test_an_opaque_network_with_kinks_has_no_known_distance_and_no_certificate():
    network = lambda z: jnp.abs(z).sum()  # noqa: E731
    problem = ja.Problem(network, jnp.ones(3), 0.0, ja.LInfBall(0.1))
    cert = ja.certify(problem, jnp.full(3, 0.1), step_size=0.1)
    assert ja.Kind(int(cert.kind)) is ja.Kind.NOT_SMOOTH


@pytest.mark.usefixtures("float64")
def test_polishing_keeps_active_entries_and_solves_the_free_ones():
    cases, boxes, solutions, found = ends_of(24, 10.0, 10)
    rows = np.flatnonzero(found.kind == ja.Kind.FACE_MAX)
    assert len(rows) >= 3
    for i in rows:
        lower, upper = boxes[i]
        rough = np.round(solutions.perturbation[i], 4)
        at_bound = (solutions.perturbation[i] == lower) | (solutions.perturbation[i] == upper)
        rough = np.where(at_bound, solutions.perturbation[i], np.clip(rough, lower, upper))
        problem = as_problem(cases[i])
        problem = ja.Problem(problem.network, cases[i].x, cases[i].y, ja.Box(lower, upper))
        polished = ja.polish(problem, jnp.asarray(rough))
        assert bool(polished.converged)
        gradient = cases[i].derivatives(np.asarray(polished.perturbation))[1]
        assert np.abs(gradient[~at_bound]).max() <= 1e-9 * np.abs(gradient).max()
        np.testing.assert_array_equal(
            polished.perturbation[at_bound], solutions.perturbation[i][at_bound]
        )
