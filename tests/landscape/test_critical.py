"""Every critical point on circles and spheres: closed forms, Euler, dense sampling, and ascent."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.landscape.critical import Critical, _classify, find_critical_points
from jaxadv.landscape.meshes import climb_on, sphere_mesh
from tests import reference

pytestmark = pytest.mark.usefixtures("float64")


def problem_from(case):
    net = ja.TwoLayer(
        jnp.asarray(case.hidden), jnp.asarray(case.output), ja.ACTIVATIONS[case.activation]
    )
    loss = {"quadratic": ja.quadratic, "logistic": ja.logistic}[case.loss]
    return ja.Problem(net, jnp.asarray(case.x), jnp.asarray(case.y), ja.L2Ball(case.radius), loss)


def random_problem(seed, *, dim, scale, **settings):
    case = reference.random_case(
        np.random.default_rng(seed), dim=dim, width=64, scale=scale, **settings
    )
    return case, problem_from(case)


def kinds_by_sampling(case, num_angles):
    """Maxima and minima on the circle: sign changes of dL/dθ, by NumPy's own derivatives."""
    angles = np.linspace(0, 2 * np.pi, num_angles, endpoint=False)
    slopes = []
    for angle in angles:
        n, t = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        slopes.append(case.derivatives(case.radius * n)[1] @ t)
    up = np.array(slopes) > 0
    following = np.roll(up, -1)
    middles = angles + np.pi / num_angles
    return middles[up & ~following], middles[~up & following]


@pytest.mark.parametrize("loss", ["quadratic", "logistic"])
@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0])
def test_on_the_circle_they_are_where_the_derivative_changes_sign(scale, loss):
    for seed in range(4):
        case, problem = random_problem(seed, dim=2, scale=scale, loss=loss)
        found = find_critical_points(problem)
        assert found.settled
        angles = np.arctan2(*found.perturbation.T[::-1]) % (2 * np.pi)
        expected = kinds_by_sampling(case, 4000)
        for kind, wanted in zip((Critical.MAXIMUM, Critical.MINIMUM), expected, strict=True):
            np.testing.assert_allclose(np.sort(angles[found.kind == kind]), wanted, atol=2e-3)
        np.testing.assert_allclose(np.linalg.norm(found.perturbation, axis=1), case.radius)
        for delta, loss_found in zip(found.perturbation, found.loss, strict=True):
            value, gradient, _ = case.derivatives(delta)
            slope = gradient - delta * (gradient @ delta) / case.radius**2
            assert np.linalg.norm(slope) <= 1e-8 * np.linalg.norm(case.derivatives(0 * delta)[1])
            # Where f = y the loss is 0 up to the square of a rounding.
            np.testing.assert_allclose(loss_found, value, rtol=1e-10, atol=1e-20)


@pytest.mark.parametrize("scale", [1.0, 10.0, 30.0])
def test_on_the_sphere_no_sampled_point_is_higher_than_its_maximum(scale):
    """Each local maximum of a mesh lies by one that was found, and the other way round."""
    for seed in range(2):
        case, problem = random_problem(seed, dim=3, scale=scale)
        found = find_critical_points(problem)
        assert found.settled
        assert found.euler == 2
        cover = sphere_mesh(3, 8192)
        losses = np.array([case.derivatives(case.radius * point)[0] for point in cover.points])
        tops = np.unique(climb_on(cover, losses))
        maxima = found.perturbation[found.kind == Critical.MAXIMUM] / case.radius
        assert len(tops) >= len(maxima)
        gaps = np.linalg.norm(cover.points[tops][:, None] - maxima, axis=-1)
        assert gaps.min(axis=0).max() < 2 * cover.spacing
        # A flat ridge can have tops of the mesh beside that of the loss, but none that is higher.
        assert losses.max() <= found.loss.max()
        np.testing.assert_allclose(found.basin.sum(), 1)


@pytest.mark.parametrize("dim", [2, 3])
def test_a_linear_network_has_the_poles_of_the_closed_form(dim):
    """δ = ±εv/‖v‖; both are maxima iff ε‖v‖ > |v·x − y|, with a valley between.

    Source: docs/theory.md, section 5.1.
    """
    for seed in range(4):
        case, problem = random_problem(seed, dim=dim, scale=1.0, activation="identity")
        v = case.hidden.T @ case.output
        pole = case.radius * v / np.linalg.norm(v)
        for far in (True, False):
            away = (3.0 if far else 0.2) * case.radius * np.linalg.norm(v)
            moved = dataclasses.replace(problem, y=jnp.asarray(v @ case.x - away))
            found = find_critical_points(moved)
            assert found.settled
            maxima = found.perturbation[found.kind == Critical.MAXIMUM]
            np.testing.assert_allclose(maxima[0], pole, atol=1e-8)
            assert found.valleys == (0 if far else 1 if dim == 3 else 2)
            if far:
                assert len(maxima) == 1
                (minimum,) = found.perturbation[found.kind == Critical.MINIMUM]
                np.testing.assert_allclose(minimum, -pole, atol=1e-8)
            else:
                np.testing.assert_allclose(maxima[1], -pole, atol=1e-8)
                assert found.count(Critical.MINIMUM) == (0 if dim == 3 else 2)


@pytest.mark.slow
@pytest.mark.parametrize("dim", [2, 3])
def test_ascent_finds_the_large_maxima_and_certifies_nothing_else(dim):
    spec = ja.Landscape(
        scales=(1.0, 30.0), dims=dim, widths=64, networks=3, step_size=0.25, tolerance=1e-3
    )
    found = ja.run_critical(spec, starts=300, devices=3, progress=False)
    assert (found.settled == 1).all()
    assert (found.euler == {2: 0, 3: 2}[dim]).all()
    assert (found.maxima.isel(cell=1) > 1).any()
    # With so few starts 1% is not much: all that are missed have a small basin, or none is.
    assert not found.missed.any()
    assert not found.strays.any()
    assert (found.certified > 150).all()


def test_a_loss_that_is_nan_somewhere_on_the_circle_is_never_settled():
    """Between its poles, so that Euler's characteristic alone would not tell."""

    def network(z):
        is_hole = (z[0] > 0) & (jnp.abs(z[1] - 0.5) < 0.05)
        return jnp.where(is_hole, jnp.nan, z[0])

    problem = ja.Problem(network, jnp.zeros(2), 0.0, ja.L2Ball(1.0), lambda output, _: output)
    points = find_critical_points(problem)
    assert points.euler == 0
    assert not points.settled


def test_a_critical_point_whose_curvature_is_nan_is_of_no_kind():
    """It was a maximum: no eigenvalue is above the multiplier."""
    bend = ja.Problem(
        lambda z: jnp.abs(z[1]) ** 1.5 + z[0], jnp.zeros(3), 0.0, ja.L2Ball(1.0), lambda o, _: o
    )
    _, rising = _classify(bend, jnp.eye(3)[:1])
    assert rising.tolist() == [-1]


def test_more_dimensions_are_refused():
    net = ja.init_two_layer(jax.random.key(0), dim=4, width=8)
    with pytest.raises(ValueError, match="dim: 4 must be 2 or 3"):
        find_critical_points(ja.Problem(net, jnp.ones(4), 0.0, ja.L2Ball(0.1)))


def test_meshes_are_even_and_climbing_ends_on_tops():
    for dim, size in ((2, 100), (3, 2000)):
        cover = sphere_mesh(dim, size)
        np.testing.assert_allclose(np.linalg.norm(cover.points, axis=1), 1)
        np.testing.assert_allclose(cover.shares.sum(), 1)
        assert cover.shares.max() < 1.6 / size
        gaps = np.linalg.norm(cover.points[cover.neighbours] - cover.points[:, None], axis=-1)
        assert gaps.max() < 2.5 * cover.spacing
        heights = cover.points[:, -1]
        assert len(np.unique(climb_on(cover, heights))) == 1
        tops = climb_on(cover, np.abs(heights))
        shares = [cover.shares[heights[tops] * side > 0].sum() for side in (1, -1)]
        np.testing.assert_allclose(shares, 0.5, atol=0.01)
