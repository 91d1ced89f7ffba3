"""Ascents from many starts: the same as one by one, with paths as NumPy sees them, and grouped."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.ascent.distinct import representatives, same_maxima
from jaxadv.experiments.variables import filled
from jaxadv.landscape.maxima import climb, path_ratio
from tests.landscape.test_critical import random_problem

pytestmark = pytest.mark.usefixtures("float64")
ETA = 1.0
PGA = ja.PGA(ja.ConstantStep(ETA), tolerances=(1e-6,), max_steps=3000)


@jax.jit
def climb_all(problem, starts, pga):
    """One program for all tests here."""
    return climb(lambda start: (problem, start), starts, pga, num_lanes=8)


def groups_of(ends, radius):
    return np.asarray(same_maxima(ends.maximum, ends.certified, radius))


@pytest.fixture(scope="module")
def climbed():
    with jax.enable_x64(True):
        case, problem = random_problem(0, dim=4, scale=10.0)
        starts = 0.7 * case.radius * jax.random.normal(jax.random.key(0), (24, 4)) / 2
        ends = climb_all(problem, starts, PGA)
        assert bool(ends.certified.all())
        assert len(set(groups_of(ends, case.radius).tolist())) == 2
        yield case, problem, starts, ends


def test_each_end_is_that_of_the_ascent_alone(climbed):
    case, problem, starts, ends = climbed
    for row in range(0, 24, 5):
        alone = ja.ascend(problem, starts[row], PGA)
        cert = ja.certify(
            problem, alone.perturbation, step_size=ETA, tolerance=1e-6,
            gradient_scale=alone.gradient_scale,
        )  # fmt: skip
        assert ends.steps[row] == alone.steps
        assert ends.status[row] == alone.status
        assert ends.kind[row] == cert.kind
        ratio = filled(ends.curvature_ratio)[row]
        np.testing.assert_allclose(ratio, cert.curvature_ratio, rtol=1e-6)
        np.testing.assert_allclose(ends.loss[row], alone.loss, rtol=1e-12)
        np.testing.assert_allclose(ends.maximum[row], cert.maximum, atol=1e-10 * case.radius)
        np.testing.assert_allclose(ends.loss_maximum[row], problem.objective(cert.maximum))


def test_paths_are_those_of_numpy(climbed):
    case, _, starts, ends = climbed
    for row in (0, 7):
        delta = np.asarray(starts[row])
        delta = delta * min(1, case.radius / np.linalg.norm(delta))
        points, losses = [delta], [case.derivatives(delta)[0]]
        for _ in range(int(ends.steps[row])):
            delta = delta + ETA * case.derivatives(delta)[1]
            delta = delta * min(1, case.radius / np.linalg.norm(delta))
            points.append(delta)
            losses.append(case.derivatives(delta)[0])
        length = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
        chord = np.linalg.norm(points[-1] - points[0])
        np.testing.assert_allclose(ends.path_ratio[row], length / chord, rtol=1e-8)
        assert ends.falls[row] == np.mean(np.diff(losses) < 0)


def test_a_step_that_is_too_long_lowers_the_loss(climbed):
    _, problem, starts, _ = climbed
    long = ja.PGA(ja.ConstantStep(300.0), tolerances=(1e-6,), max_steps=3000)
    assert climb_all(problem, starts, long).falls.max() > 0.2


def test_a_start_at_the_maximum_has_a_straight_path_of_no_length(climbed):
    _, problem, _, ends = climbed
    again = climb_all(problem, jnp.broadcast_to(ends.maximum[0], (24, 4)), PGA)
    assert set(again.steps.tolist()) == {0}
    assert set(again.path_ratio.tolist()) == {1}
    assert set(again.falls.tolist()) == {0}


def test_a_path_that_ends_at_its_start_is_no_straight_one():
    """Steps that are too long can go to and fro between two points."""
    lengths = jnp.array([2.0, 2.0, 2.0, 0.0, 1e-310, jnp.nan])
    chords = jnp.array([1.0, 0.0, 1e-310, 0.0, 1e-310, jnp.nan])
    ratios = jax.vmap(path_ratio)(lengths, chords)
    np.testing.assert_array_equal(ratios, [2, np.inf, np.inf, 1, 1, np.nan])


def test_groups_are_by_distance_and_never_by_loss(climbed):
    """Around x = 0 with y = 0 an odd network has pairs of maxima, opposite and of one loss."""
    case, problem, starts, _ = climbed
    centred = ja.Problem(problem.network, 0 * problem.x, 0 * problem.y, problem.constraint)
    ends = climb_all(centred, jnp.concatenate([starts[:12], -starts[:12]]), PGA)
    groups = groups_of(ends, case.radius)
    assert (groups >= 0).all()
    np.testing.assert_allclose(ends.loss_maximum[:12], ends.loss_maximum[12:], rtol=1e-10)
    np.testing.assert_allclose(ends.maximum[:12], -ends.maximum[12:], atol=1e-8)
    assert (groups[:12] != groups[12:]).all()


def test_what_is_not_certified_is_in_no_group():
    points = jnp.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1e-9]])
    groups = same_maxima(points, jnp.array([False, True, True, True]), 1.0)
    assert groups.tolist() == [-1, 1, 2, 1]
    rows, exist = representatives(groups, 3)
    assert rows[exist].tolist() == [1, 2]
    assert same_maxima(points, jnp.zeros(4, bool), 1.0).tolist() == [-1] * 4
    assert same_maxima(points * jnp.nan, jnp.ones(4, bool), 1.0).tolist() == [-1] * 4


def test_a_maximum_inside_has_no_curvature_ratio():
    """Its multiplier is 0: nothing to measure the curvature by."""
    hill = ja.Problem(lambda z: -z @ z, jnp.ones(2), 0.0, ja.L2Ball(4.0), lambda o, y: o - y)
    ends = climb_all(hill, jnp.eye(2), ja.PGA(0.1))
    assert ends.kind.tolist() == [ja.Kind.INTERIOR_MAX] * 2
    assert np.isnan(filled(ends.curvature_ratio)).all()
