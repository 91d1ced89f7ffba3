"""Projections: properties that must hold for any point and radius, in float32."""

import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optax import projections

import jaxadv as ja
from jaxadv.problems.constraints import on_boundary
from jaxadv.problems.norms import l2_norm, over, rounding

BALLS = [ja.L2Ball, ja.LInfBall, ja.L1Ball]
ALL = [*BALLS, ja.L2Sphere]
finite = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
vectors = hnp.arrays(np.float32, 5, elements=finite)
radii = st.floats(2**-10, 1e6, width=32)
SLACK = rounding(5, jnp.dtype("float32"))


@jax.jit
def project(constraint, delta):
    return constraint.project(delta)


def norm_of(shape, delta):
    """The norm that is at most the radius in the set."""
    norms = {ja.LInfBall: lambda v: jnp.max(jnp.abs(v)), ja.L1Ball: lambda v: jnp.sum(jnp.abs(v))}
    return norms.get(shape, l2_norm)(jnp.asarray(delta))


@pytest.mark.parametrize("ball", BALLS)
@given(delta=vectors, radius=radii)
@settings(deadline=None)
def test_a_point_inside_is_unchanged_and_one_outside_lands_on_the_boundary(ball, delta, radius):
    constraint = ball(np.float32(radius))
    projected = project(constraint, delta)
    if float(norm_of(ball, delta)) <= radius:
        np.testing.assert_array_equal(projected, delta)
    else:
        assert bool(on_boundary(constraint, projected, SLACK))
        assert float(norm_of(ball, projected)) <= radius * (1 + SLACK)


@pytest.mark.parametrize("shape", ALL)
@given(delta=vectors, radius=radii)
@settings(deadline=None)
def test_projecting_twice_is_projecting_once(shape, delta, radius):
    constraint = shape(np.float32(radius))
    once = project(constraint, delta)
    np.testing.assert_array_equal(project(constraint, once), once)


@pytest.mark.parametrize("ball", BALLS)
@given(one=vectors, two=vectors, radius=radii)
@settings(deadline=None)
def test_projections_bring_points_no_farther_apart(ball, one, two, radius):
    constraint = ball(np.float32(radius))
    before = np.linalg.norm(one.astype(float) - two)
    p, q = (np.asarray(project(constraint, v), float) for v in (one, two))
    largest = max(np.linalg.norm(p), np.linalg.norm(q))
    assert np.linalg.norm(p - q) <= before + 2 * SLACK * largest


@pytest.mark.parametrize("shape", ALL)
@given(delta=vectors, radius=radii, other=vectors)
@settings(deadline=None)
def test_the_projection_is_the_nearest_point(shape, delta, radius, other):
    constraint = shape(np.float32(radius))
    nearest = np.asarray(project(constraint, delta), float)
    feasible = np.asarray(project(constraint, other), float)
    rounding_error = 4 * SLACK * (np.linalg.norm(delta) + radius)
    assert np.linalg.norm(nearest - delta) <= np.linalg.norm(feasible - delta) + rounding_error


@pytest.mark.parametrize(
    ("shape", "reference"),
    [(ja.L2Ball, projections.projection_l2_ball), (ja.L2Sphere, projections.projection_l2_sphere)],
)
@given(delta=vectors.filter(lambda v: np.abs(v).max() > 2**-10), radius=radii)
@settings(deadline=None)
def test_projections_equal_those_of_optax(shape, reference, delta, radius):
    radius = np.float32(radius)
    expected = reference(jnp.asarray(delta), radius)
    np.testing.assert_allclose(project(shape(radius), delta), expected, rtol=SLACK, atol=1e-30)


@pytest.mark.parametrize("shape", ALL)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1.0, 1e30])
@pytest.mark.parametrize("radius", [0.0, 1e-30, 1.0, 1e30])
def test_no_value_and_no_gradient_is_nan_at_any_size(shape, size, radius):
    delta = jnp.full(3, size)
    projected = shape(radius).project(delta)
    jacobian = jax.jacrev(shape(radius).project)(delta)
    assert bool(jnp.isfinite(projected).all())
    assert not bool(jnp.isnan(jacobian).any())
    inside = shape is not ja.L2Sphere and float(norm_of(shape, delta)) <= radius
    expected = float(norm_of(shape, delta)) if inside else radius
    np.testing.assert_allclose(norm_of(shape, projected), expected, rtol=1e-6)


def test_the_jacobian_in_the_ball_is_the_identity():
    np.testing.assert_array_equal(jax.jacrev(ja.L2Ball(1.0).project)(jnp.zeros(3)), np.eye(3))


@given(delta=vectors)
@settings(deadline=None)
def test_the_norm_equals_numpys(delta):
    expected = np.linalg.norm(delta.astype(float))
    np.testing.assert_allclose(l2_norm(jnp.asarray(delta)), expected, rtol=1e-6)


def test_the_norm_passes_on_what_is_not_finite():
    assert np.isinf(l2_norm(jnp.array([1.0, jnp.inf])))
    assert np.isnan(l2_norm(jnp.array([1.0, jnp.nan])))
    assert jax.grad(l2_norm)(jnp.zeros(3)).tolist() == [0, 0, 0]


def test_a_quotient_by_0_is_0_and_nan_stays_nan():
    numerators, denominators = jnp.array([2.0, jnp.inf, jnp.nan]), jnp.array([0.0, 1e-40, 4.0])
    quotients = jax.vmap(lambda n: jax.vmap(lambda d: over(n, d))(denominators))(numerators)
    np.testing.assert_array_equal(quotients, [[0, 0, 0.5], [0, 0, np.inf], [np.nan] * 3])
    assert np.isnan(over(2.0, jnp.nan))
    assert jax.grad(lambda n: over(n, jnp.float32(0)))(2.0) == 0
    assert jax.grad(lambda d: over(2.0, d))(0.0) == 0


@pytest.mark.parametrize("shape", ALL)
def test_the_gap_is_the_most_that_a_linear_gain_can_be(shape):
    rng = np.random.default_rng(0)
    constraint = shape(2.0)
    delta, gradient = (jnp.asarray(rng.normal(size=5)) for _ in range(2))
    delta = constraint.project(delta)
    gap = float(constraint.frank_wolfe_gap(delta, gradient))
    points = jax.vmap(constraint.project)(jnp.asarray(100 * rng.normal(size=(2000, 5))))
    assert float((points @ gradient).max() - delta @ gradient) <= gap + 1e-5
    best = constraint.project(1e6 * gradient)
    np.testing.assert_allclose((best - delta) @ gradient, gap, rtol=1e-4)


@pytest.mark.parametrize("shape", ALL)
def test_the_circumradius_is_the_norm_of_the_farthest_point(shape):
    points = [shape(2.0).project(1e6 * point) for point in (jnp.ones(9), jnp.eye(9)[0])]
    np.testing.assert_allclose(shape(2.0).circumradius(9), max(map(l2_norm, points)), rtol=1e-6)
