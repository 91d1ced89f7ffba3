"""Bounds of the curvature hold on all of a set, for every activation that has one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.proofs.curvature_bound import largest_eigenvalue
from jaxadv.proofs.second_derivatives import TURNS, second_derivative_range

SMOOTH = [name for name in ja.ACTIVATIONS if name != "relu"]


def second(name):
    activation = ja.ACTIVATIONS[name]
    return jax.vmap(jax.grad(jax.grad(lambda z: activation(z[None])[0])))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", SMOOTH)
def test_the_range_of_the_second_derivative_is_that_of_a_scan(name):
    rng = np.random.default_rng(0)
    ends = np.sort(rng.normal(size=(2, 200)) * 10 ** rng.uniform(-2, 1, size=200), axis=0)
    low, high = second_derivative_range(ja.ACTIVATIONS[name], *map(jnp.asarray, ends))
    scan = np.linspace(ends[0], ends[1], 2001)
    values = np.asarray(jax.vmap(second(name))(jnp.asarray(scan)))
    # A scan of 2,001 points misses an extreme by little.
    spacing = (ends[1] - ends[0]) / 2000
    assert (low <= values.min(axis=0)).all()
    assert (high >= values.max(axis=0)).all()
    np.testing.assert_allclose(low, values.min(axis=0), atol=1e-12 + spacing.max() ** 2)
    np.testing.assert_allclose(high, values.max(axis=0), atol=1e-12 + spacing.max() ** 2)


def test_every_activation_without_kinks_has_a_range_and_others_are_refused():
    assert {ja.ACTIVATIONS[name] for name in SMOOTH} == set(TURNS)
    with pytest.raises(ValueError, match="activation: no bound of σ'' is known for 'relu'"):
        second_derivative_range(jax.nn.relu, jnp.zeros(1), jnp.ones(1))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize(
    "make_set",
    [
        ja.L2Ball, ja.L2Sphere, ja.LInfBall, ja.L1Ball,
        lambda r: ja.Box(-r, 0.5 * r), lambda r: ja.L2BallInBox(r, -0.3 * r, 0.2 * r),
    ],
)  # fmt: skip
def test_no_point_of_a_set_is_more_curved_than_the_bound(name, make_set):
    tightest = []
    for seed in range(4):
        key = jax.random.key(seed)
        network = ja.init_two_layer(key, 5, 30, name)
        x = 2 * jax.random.normal(jax.random.fold_in(key, 1), (5,))
        constraint = make_set([0.01, 0.3, 2.0, 10.0][seed])
        bound = ja.curvature_bound(network, x, constraint)
        starts = constraint.circumradius(5) * jax.random.normal(jax.random.key(9), (200, 5))
        points = jax.vmap(constraint.project)(starts)
        values = jnp.linalg.eigvalsh(jax.vmap(lambda z: jax.hessian(network)(x + z))(points))
        assert values[:, -1].max() <= bound.above
        assert -values[:, 0].min() <= bound.below
        tightest.append((values[:, -1].max(), bound.above))
    # In a small set the bound is nearly the curvature itself.
    curvature, bound = tightest[0]
    assert bound - curvature <= 0.05 * max(abs(curvature), 1e-3) + 0.05


@pytest.mark.usefixtures("float64")
def test_the_largest_eigenvalue_is_bounded_from_above_and_by_little():
    rng = np.random.default_rng(0)
    for size in (1e-150, 1.0, 1e150):
        hidden, weights = rng.normal(size=(40, 7)), size * rng.normal(size=40)
        exact = np.linalg.eigvalsh(hidden.T @ np.diag(weights) @ hidden)[-1]
        found = float(largest_eigenvalue(jnp.asarray(hidden), jnp.asarray(weights)))
        assert exact < found < exact + 1e-10 * np.abs(weights).sum() * 40
    broken = largest_eigenvalue(jnp.asarray(hidden), jnp.full(40, jnp.inf))
    assert float(broken) == np.inf


def test_networks_without_a_bound_are_refused():
    classes = ja.init_two_layer(jax.random.key(0), 3, 4, classes=2)
    for network in (jnp.sum, classes):
        with pytest.raises(TypeError, match="network: bounds of the curvature are known for a ja"):
            ja.curvature_bound(network, jnp.ones(3), ja.L2Ball(0.1))
    relu = ja.init_two_layer(jax.random.key(0), 3, 4, "relu")
    with pytest.raises(ValueError, match="activation: no bound"):
        ja.curvature_bound(relu, jnp.ones(3), ja.L2Ball(0.1))
