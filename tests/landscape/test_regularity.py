"""What is measured of a landscape, against NumPy and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.landscape.regularity import (
    angle_between,
    barrier,
    gradient_change,
    great_circle,
    one_step,
    tangent_basis,
    tangent_eigenvalues,
)
from tests.landscape.test_critical import random_problem

pytestmark = pytest.mark.usefixtures("float64")


def test_one_step_is_numpys():
    case, problem = random_problem(0, dim=5, scale=3.0)
    best = case.radius * np.array([0.6, 0.8, 0, 0, 0])
    cosine, gain = one_step(problem, jnp.asarray(best))
    centre, gradient, _ = case.derivatives(np.zeros(5))
    reached = case.derivatives(case.radius * gradient / np.linalg.norm(gradient))[0]
    expected = gradient @ best / np.linalg.norm(gradient) / case.radius
    np.testing.assert_allclose(cosine, expected, rtol=1e-10)
    wanted = (reached - centre) / (case.derivatives(best)[0] - centre)
    np.testing.assert_allclose(gain, wanted, rtol=1e-8)


def test_a_great_circle_goes_through_both_points_and_stays_on_the_sphere():
    rng = np.random.default_rng(0)
    for _ in range(20):
        one, other = 2.5 * jnp.asarray([v / np.linalg.norm(v) for v in rng.normal(size=(2, 4))])
        angle = angle_between(one, other)
        points = great_circle(one, other, jnp.array([0.0, 1.0, float(angle)]))
        np.testing.assert_allclose(jnp.linalg.norm(points, axis=1), 2.5)
        np.testing.assert_allclose(points[jnp.array([0, 2])], jnp.stack([one, other]), atol=1e-12)
        np.testing.assert_allclose(angle, np.arccos(one @ other / 2.5**2))


@pytest.mark.parametrize("sign", [1, -1])
def test_between_parallel_points_some_great_circle_is_taken(sign):
    one = jnp.array([0.0, 3.0, 4.0])
    points = great_circle(one, sign * one, jnp.linspace(0, jnp.pi, 3))
    np.testing.assert_allclose(points[0], one)
    np.testing.assert_allclose(points[2], -one, atol=1e-12)
    np.testing.assert_allclose(points[1] @ one, 0, atol=1e-12)
    assert bool(jnp.isfinite(points).all())


def test_the_barrier_is_the_depth_of_the_valley_in_numpy():
    for seed in range(4):
        case, problem = random_problem(seed, dim=4, scale=10.0)
        angles = np.linspace(0, 2 * np.pi, 1020, endpoint=False)
        ring = np.stack([np.cos(angles), np.sin(angles), *np.zeros((2, 1020))], axis=1)
        losses = np.array([case.derivatives(case.radius * point)[0] for point in ring])
        # A quarter of the circle, of 256 points, around its lowest.
        way = (losses.argmin() + np.arange(-127, 129)) % 1020
        one, other = (jnp.asarray(case.radius * ring[end]) for end in way[[0, -1]])
        depth = barrier(problem, one, other, num_points=256)
        expected = min(losses[way[0]], losses[way[-1]]) - losses.min()
        np.testing.assert_allclose(depth, expected, rtol=1e-10)
        assert expected > 0.01
        assert abs(barrier(problem, one, one)) < 1e-14


def test_the_gradient_of_a_quadratic_changes_at_the_rate_of_its_curvature():
    """F = ½ zᵀAz + b·z with ℓ(o) = o: ‖Δg‖/‖Δδ‖ on the circle of two axes is at most |a|."""

    def network(z):
        return 0.5 * jnp.sum(jnp.array([3.0, 1.0, 1.0]) * z**2) + 5 * z[2]

    problem = ja.Problem(
        jax.tree_util.Partial(network), jnp.zeros(3), 0.0, ja.L2Ball(2.0), lambda o, _: o
    )
    found = gradient_change(problem, jnp.eye(3)[None, :2], num_points=1000)
    largest = np.hypot(3 * 2, 5)  # ‖g‖ on that circle: at δ = 2e₁
    np.testing.assert_allclose(found, 3 * 2 / largest, rtol=1e-5)


@pytest.mark.parametrize("radius", [0.0, 1e-310])
def test_the_gradient_changes_by_nothing_within_no_radius(radius):
    """Also within a subnormal one."""
    problem = ja.Problem(lambda z: z @ z, jnp.ones(3), 0.0, ja.L2Ball(radius))
    with jax.debug_nans(True):
        assert gradient_change(problem, jnp.eye(3)[None, :2], num_points=8) == 0


def test_a_gradient_that_is_nan_changes_by_nan():
    problem = ja.Problem(lambda z: jnp.sqrt(0 * z[0]) + z @ z, jnp.ones(3), 0.0, ja.L2Ball(1.0))
    assert np.isnan(gradient_change(problem, jnp.eye(3)[None, :2], num_points=8))


def test_the_tangent_basis_is_orthonormal_and_tangent():
    for normal in (*np.eye(4), *-np.eye(4), np.full(4, 0.5), np.full(4, -0.5)):
        basis = tangent_basis(jnp.asarray(normal))
        np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-15)
        np.testing.assert_allclose(basis.T @ normal, 0, atol=1e-15)


def test_tangent_eigenvalues_are_numpys():
    case, problem = random_problem(2, dim=6, scale=3.0)
    n = np.arange(1.0, 7) / np.linalg.norm(np.arange(1.0, 7))
    values, multiplier = tangent_eigenvalues(problem, jnp.asarray(case.radius * n))
    _, gradient, hessian = case.derivatives(case.radius * n)
    tangent = np.linalg.svd(n[None])[2][1:]
    np.testing.assert_allclose(values, np.linalg.eigvalsh(tangent @ hessian @ tangent.T))
    np.testing.assert_allclose(multiplier, gradient @ n / case.radius)
