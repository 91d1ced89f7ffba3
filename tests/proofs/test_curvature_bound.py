"""Bounds of the curvature hold on all of a set, for every activation that has one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.proofs.activation_ranges import TURNS, activation_range
from jaxadv.proofs.eigenvalues import largest_eigenvalue

SMOOTH = [name for name in ja.ACTIVATIONS if name != "relu"]


def derivative(name, order):
    function = lambda z: ja.ACTIVATIONS[name](z[None])[0]  # noqa: E731
    for _ in range(order):
        function = jax.grad(function)
    return jax.vmap(function)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("name", SMOOTH)
def test_the_range_of_a_derivative_is_that_of_a_scan(name, order):
    rng = np.random.default_rng(0)
    ends = np.sort(rng.normal(size=(2, 200)) * 10 ** rng.uniform(-2, 1, size=200), axis=0)
    low, high = activation_range(ja.ACTIVATIONS[name], order, *map(jnp.asarray, ends))
    scan = np.linspace(ends[0], ends[1], 2001)
    values = np.asarray(jax.vmap(derivative(name, order))(jnp.asarray(scan)))
    # A scan of 2,001 points misses an extreme by little.
    spacing = (ends[1] - ends[0]) / 2000
    assert (low <= values.min(axis=0)).all()
    assert (high >= values.max(axis=0)).all()
    np.testing.assert_allclose(low, values.min(axis=0), atol=1e-12 + spacing.max() ** 2)
    np.testing.assert_allclose(high, values.max(axis=0), atol=1e-12 + spacing.max() ** 2)


def test_every_activation_without_kinks_has_a_range_and_others_are_refused():
    assert {ja.ACTIVATIONS[name] for name in SMOOTH} == set(TURNS)
    with pytest.raises(ValueError, match="activation: 'relu' has no known bounds of σ''"):
        activation_range(jax.nn.relu, 2, jnp.zeros(1), jnp.ones(1))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("name", "make_set"),
    [(name, ja.L2Ball) for name in SMOOTH]
    + [
        ("gelu", make_set)
        for make_set in (
            ja.L2Sphere, ja.LInfBall, ja.L1Ball,
            lambda r: ja.Box(-r, 0.5 * r), lambda r: ja.L2BallInBox(r, -0.3 * r, 0.2 * r),
        )
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
        for dim in (1, 7, 60):
            hidden, weights = rng.normal(size=(40, dim)), size * rng.normal(size=40)
            exact = np.linalg.eigvalsh(hidden.T @ np.diag(weights) @ hidden)[-1]
            bound = float(largest_eigenvalue(jnp.asarray(hidden), jnp.asarray(weights)))
            assert exact < bound
            assert bound < exact + 0.01 * abs(exact) + 1e-10 * np.abs(weights).sum() * dim
    broken = largest_eigenvalue(jnp.asarray(hidden), jnp.full(40, jnp.inf))
    assert float(broken) == np.inf


@pytest.mark.usefixtures("float64")
def test_repeated_and_hidden_eigenvalues_are_bounded():
    """The largest eigenvalue is one among many equal ones, or has hardly any part in the start."""
    rng = np.random.default_rng(0)
    rows = np.eye(30)
    for weights in (np.ones(30), -np.ones(30), np.zeros(30), np.r_[np.ones(29), 1 + 1e-9]):
        bound = float(largest_eigenvalue(jnp.asarray(rows), jnp.asarray(weights)))
        assert weights.max() < bound < weights.max() + 0.01
    start = np.asarray(jax.random.normal(jax.random.key(0), (30,), jnp.float32), np.float64)
    basis, _ = np.linalg.qr(np.c_[start, rng.normal(size=(30, 29))])
    # The start of Lanczos is orthogonal to the eigenvector of the eigenvalue 5.
    weights = np.r_[np.linspace(0, 1, 29), 5.0]
    assert 5.0 < float(largest_eigenvalue(jnp.asarray(basis.T), jnp.asarray(weights))) < 10.0


@pytest.mark.usefixtures("float64")
def test_cheap_bounds_hold_as_well_and_batches_give_the_same():
    rng = np.random.default_rng(0)
    rows, weights = jnp.asarray(rng.normal(size=(40, 7))), jnp.asarray(rng.normal(size=(5, 40)))
    exact = [np.linalg.eigvalsh(rows.T @ (w[:, None] * rows))[-1] for w in weights]
    best = [float(largest_eigenvalue(rows, w)) for w in weights]
    square_norm = largest_eigenvalue(rows, jnp.ones(40))
    assert np.linalg.norm(rows, 2) ** 2 <= square_norm
    for options in ({"limits": ()}, {"limits": (1e6, 0.01)}, {"square_norm": square_norm}):
        bounds = [float(largest_eigenvalue(rows, w, **options)) for w in weights]
        assert (np.array(bounds) > exact).all()
    # A limit between the eigenvalue and the cheap bounds is worth a factorisation.
    cheap = [float(largest_eigenvalue(rows, w, limits=())) for w in weights]
    limits = [(one + other) / 2 for one, other in zip(best, cheap, strict=True)]
    decided = [
        float(largest_eigenvalue(rows, w, limits=(limit,)))
        for w, limit in zip(weights, limits, strict=True)
    ]
    np.testing.assert_allclose(decided, best, rtol=1e-9)
    together = jax.vmap(lambda w: largest_eigenvalue(rows, w))(weights)
    np.testing.assert_allclose(together, best, rtol=0.01)
    assert (np.asarray(together) > exact).all()


def random_mlp(seed, sizes, activation):
    keys = iter(jax.random.split(jax.random.key(seed), 2 * len(sizes)))
    shapes = [*zip(sizes[1:], sizes[:-1], strict=True), (sizes[-1],)]
    weights = [jax.random.normal(next(keys), s) / s[-1] ** 0.5 for s in shapes]
    biases = [0.3 * jax.random.normal(next(keys), s[:-1]) for s in shapes]
    return ja.MLP(weights, biases, activation)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("name", "sizes", "make_set"),
    [(name, (4, 8, 6), ja.L2Ball) for name in SMOOTH]
    + [("tanh", sizes, ja.LInfBall) for sizes in ((4, 8), (4, 8, 6, 5))]
    + [("gelu", (4, 8, 6), lambda r: ja.Box(-0.5 * r, r))],
)
def test_deeper_networks_are_no_more_curved_than_the_bound(name, sizes, make_set):
    for seed, radius in enumerate((1e-4, 0.1, 1.0)):
        network = random_mlp(seed, sizes, name)
        x = jax.random.normal(jax.random.key(7 + seed), (4,))
        constraint = make_set(radius)
        bound = ja.curvature_bound(network, x, constraint)
        starts = 2 * radius * jax.random.normal(jax.random.key(9), (300, 4))
        points = jax.vmap(constraint.project)(starts)
        hessians = jax.vmap(lambda z, n=network, x=x: jax.hessian(n)(x + z))(points)
        values = np.linalg.eigvalsh(hessians)
        assert values[:, -1].max() <= bound.above
        assert -values[:, 0].min() <= bound.below
        if seed == 0 and len(sizes) == 2:
            assert bound.above <= values[:, -1].max() + 0.01 * np.abs(values).max() + 1e-3


@pytest.mark.usefixtures("float64")
def test_a_normalised_network_is_bounded_in_the_units_of_the_input():
    inner = ja.init_two_layer(jax.random.key(0), 4, 16)
    network = ja.Normalized(inner, mean=jnp.full((2, 2), 0.5), std=0.25)
    x = jax.random.uniform(jax.random.key(1), (2, 2))
    bound = ja.curvature_bound(network, x, ja.L2Ball(0.01))
    exact = np.linalg.eigvalsh(jax.hessian(lambda z: network(z.reshape(2, 2)))(x.ravel()))
    assert exact[-1] <= bound.above <= exact[-1] + 0.2 * np.abs(exact).max()
    assert -exact[0] <= bound.below


def test_networks_without_a_bound_are_refused():
    classes = ja.init_two_layer(jax.random.key(0), 3, 4, classes=2)
    for network, message in (
        (jnp.sum, "network: proofs read the weights of a ja.TwoLayer or a ja.MLP"),
        (classes, "network: the bound is for a network with one output, and this one has 2"),
    ):
        with pytest.raises(TypeError, match=message):
            ja.curvature_bound(network, jnp.ones(3), ja.L2Ball(0.1))
    relu = ja.init_two_layer(jax.random.key(0), 3, 4, "relu")
    with pytest.raises(ValueError, match="activation: 'relu' has no known bounds"):
        ja.curvature_bound(relu, jnp.ones(3), ja.L2Ball(0.1))
