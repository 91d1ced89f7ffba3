"""Certificates against finite differences, dense NumPy, enumeration, and planted points."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import jaxadv as ja
from tests import reference
from tests.ascent.test_pga import as_problem

LINEAR_LOSS = lambda output, label: output - label  # noqa: E731


def solved(rng, *, dim=10, width=80, scale=1.0, tolerance=1e-8, **settings):
    """A random problem and the end of an ascent on it."""
    case = reference.random_case(rng, dim=dim, width=width, scale=scale, **settings)
    problem = as_problem(case)
    start = jnp.asarray(reference.random_start(rng, case, "ball"))
    sol = ja.ascend(problem, start, ja.PGA(tolerances=(tolerance,), max_steps=200_000))
    assert ja.Status(int(sol.status)) is ja.Status.CONVERGED
    return case, problem, sol


def half_form(matrix, linear, z):
    return 0.5 * z @ matrix @ z + linear @ z


def quadratic_form(matrix, linear):
    """f(z) = ½zᵀAz + bᵀz as a network."""
    return jax.tree_util.Partial(half_form, jnp.asarray(matrix), jnp.asarray(linear))


def kind_at(matrix, linear, delta, constraint, **options):
    dim = len(delta)
    problem = ja.Problem(
        quadratic_form(matrix, linear), jnp.zeros(dim), jnp.float64(0), constraint, LINEAR_LOSS
    )
    cert = ja.certify(problem, jnp.asarray(delta, float), step_size=0.01, **options)
    return ja.Kind(int(cert.kind))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("eigensolver", ["dense", "lanczos"])
@pytest.mark.parametrize("loss", ["quadratic", "logistic"])
def test_multiplier_curvature_and_rate_equal_numpys(eigensolver, loss):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        case, problem, sol = solved(rng, loss=loss, activation=["tanh", "gelu"][seed % 2])
        cert = ja.certify(problem, sol.perturbation, step_size=0.1, eigensolver=eigensolver)
        delta = np.asarray(sol.perturbation)
        _, g, H = case.derivatives(delta)
        # Q: the last d − 1 columns of a Householder reflector that takes e₁ to the normal.
        normal = delta / np.linalg.norm(delta)
        Q = np.linalg.qr(np.column_stack([normal, np.eye(10)[:, 1:]]))[0][:, 1:]
        h = np.linalg.eigvalsh(Q.T @ H @ Q)
        multiplier = g @ delta / case.radius**2
        np.testing.assert_allclose(cert.multiplier, multiplier, rtol=1e-10)
        np.testing.assert_allclose(cert.curvature_ratio, h[-1] / multiplier, rtol=1e-8)
        condition = (multiplier - h[0]) / (multiplier - h[-1])
        np.testing.assert_allclose(cert.condition_number, condition, rtol=1e-8)
        rate = np.abs((1 + 0.1 * h) / (1 + 0.1 * multiplier)).max()
        np.testing.assert_allclose(cert.local_rate, rate, rtol=1e-10)
        assert ja.Kind(int(cert.kind)) is ja.Kind.BOUNDARY_MAX


@pytest.mark.usefixtures("float64")
def test_the_numpy_hessian_equals_finite_differences():
    """The oracle's own oracle."""
    for activation in reference.SMOOTH:
        for loss in reference.LOSSES:
            rng = np.random.default_rng(1)
            case = reference.random_case(
                rng, dim=5, width=20, scale=1.0, activation=activation, loss=loss
            )
            delta, step = reference.random_start(rng, case, "ball"), 1e-5
            _, gradient, hessian = case.derivatives(delta)
            for i, e in enumerate(np.eye(5) * step):
                up, down = case.derivatives(delta + e), case.derivatives(delta - e)
                np.testing.assert_allclose((up[0] - down[0]) / (2 * step), gradient[i], atol=1e-8)
                np.testing.assert_allclose((up[1] - down[1]) / (2 * step), hessian[i], atol=1e-8)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("eigensolver", ["dense", "lanczos"])
def test_planted_points_get_their_kinds(eigensolver):
    """The loss ½δᵀAδ + bᵀδ at chosen δ, on the ball of radius 1."""
    e1, ball, at = np.eye(3)[0], ja.L2Ball(1.0), {"eigensolver": eigensolver}
    maximum, saddle = np.diag([3.0, 1.0, -2.0]), np.diag([1.0, 3.0, -2.0])
    kinds = ja.Kind
    assert kind_at(maximum, 0 * e1, e1, ball, **at) is kinds.BOUNDARY_MAX
    assert kind_at(saddle, 0 * e1, e1, ball, **at) is kinds.NOT_MAX
    assert kind_at(np.eye(3), 0 * e1, e1, ball, **at) is kinds.DEGENERATE
    assert kind_at(-np.eye(3), 0 * e1, 0 * e1, ball, gradient_scale=1.0, **at) is kinds.INTERIOR_MAX
    assert kind_at(maximum, 0 * e1, 0 * e1, ball, gradient_scale=1.0, **at) is kinds.NOT_MAX
    flat = np.diag([0.0, -1.0, -1.0])
    assert kind_at(flat, 0 * e1, 0 * e1, ball, gradient_scale=1.0, **at) is kinds.DEGENERATE
    # A minimum on the boundary: the gradient points inwards.
    assert kind_at(0 * maximum, e1, -e1, ball, **at) is kinds.NOT_STATIONARY
    assert kind_at(maximum, 0 * e1, np.eye(3)[1] * 0.6 + e1 * 0.8, ball, **at) is (
        kinds.NOT_STATIONARY
    )
    # λ = 0 on the boundary: first order leaves the inward direction undecided, where the tangent
    # directions do not decide it.
    assert kind_at(-maximum, maximum @ e1, e1, ball, gradient_scale=1.0, **at) is kinds.NOT_MAX
    assert kind_at(0 * maximum, 0 * e1, e1, ball, gradient_scale=1.0, **at) is kinds.DEGENERATE
    # On the sphere all eigenvalues may be negative, and the multiplier too, so that the gradient
    # points inwards: PHP's spurious 0 would be h₁, and the whole gradient would lead to the centre.
    down, e2, sphere = -np.diag([2.0, 1.0, 3.0]), np.eye(3)[1], ja.L2Sphere(1.0)
    assert kind_at(down, -down @ e2 - 0.5 * e2, e2, sphere, **at) is kinds.BOUNDARY_MAX
    assert kind_at(down, -down @ e2 - 2.5 * e2, e2, sphere, **at) is kinds.NOT_MAX


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("eigensolver", ["auto", "lanczos", "dense"])
def test_a_curvature_that_is_a_thousandth_of_the_largest_is_decided(eigensolver):
    """In 300 dimensions, where 64 steps of Lanczos leave an error beyond the margin."""
    rng = np.random.default_rng(0)
    vectors = np.linalg.qr(rng.normal(size=(300, 300)))[0]
    for sign, kind in ((-1, ja.Kind.INTERIOR_MAX), (1, ja.Kind.NOT_MAX)):
        spectrum = -np.geomspace(1e-3, 1, 300)
        spectrum[0] *= -sign
        matrix = vectors * spectrum @ vectors.T
        for constraint in (ja.L2Ball(0.1), ja.LInfBall(0.1)):
            found = kind_at(
                matrix, np.zeros(300), np.zeros(300), constraint, eigensolver=eigensolver
            )
            assert found is kind


@pytest.mark.usefixtures("float64")
def test_an_ascent_that_ends_just_inside_the_sphere_is_judged_by_the_maximum_on_it():
    """A start along the gradient of a linear network meets the tolerance before the boundary."""
    v = jnp.array([3.0, 4.0])
    net = jax.tree_util.Partial(jnp.dot, v)
    problem = ja.Problem(net, jnp.zeros(2), jnp.float64(-1), ja.L2Ball(1.0))
    sol = ja.ascend(problem, jnp.zeros(2), ja.PGA(ja.ConstantStep(1e-4), (1e-2,)))
    assert ja.Status(int(sol.status)) is ja.Status.CONVERGED
    assert int(sol.boundary_step) == -1
    cert = ja.certify(problem, sol.perturbation, step_size=1e-4, tolerance=1e-2)
    assert ja.Kind(int(cert.kind)) is ja.Kind.BOUNDARY_MAX
    np.testing.assert_allclose(cert.distance, 1 - jnp.linalg.norm(sol.perturbation), rtol=1e-9)


@pytest.mark.usefixtures("float64")
def test_one_dimension_has_no_tangent_and_a_boundary_maximum():
    net = quadratic_form(np.eye(1), np.ones(1))
    problem = ja.Problem(net, jnp.zeros(1), jnp.float64(0), ja.L2Ball(1.0), LINEAR_LOSS)
    for eigensolver in ("dense", "lanczos"):
        cert = ja.certify(problem, jnp.ones(1), step_size=0.1, eigensolver=eigensolver)
        assert ja.Kind(int(cert.kind)) is ja.Kind.BOUNDARY_MAX
        assert float(cert.curvature_ratio) == -np.inf
        assert float(cert.local_rate) == 0
        assert float(cert.distance) == 0


def test_radius_zero_is_degenerate_and_nan_is_not_stationary():
    net = ja.init_two_layer(jax.random.key(0), dim=3, width=8)
    for x, radius, kind in ((1.0, 0.0, "DEGENERATE"), (np.nan, 1.0, "NOT_STATIONARY")):
        problem = ja.Problem(net, jnp.full(3, x), jnp.float32(0), ja.L2Ball(radius))
        assert ja.Kind(int(ja.certify(problem, jnp.zeros(3), step_size=0.1).kind)).name == kind


def test_a_network_with_kinks_is_never_certified():
    net = ja.init_two_layer(jax.random.key(0), dim=3, width=8, activation="relu")
    problem = ja.Problem(net, jnp.ones(3), jnp.float32(0), ja.L2Ball(0.01))
    sol = ja.ascend(problem, jnp.zeros(3), ja.PGA(ja.NormalizedStep(0.5)))
    assert ja.Status(int(sol.status)) is ja.Status.CONVERGED
    cert = ja.certify(problem, sol.perturbation, step_size=0.1)
    assert ja.Kind(int(cert.kind)) is ja.Kind.NOT_SMOOTH
    kinks = jnp.abs(net.hidden @ (problem.x + sol.perturbation))
    np.testing.assert_allclose(cert.kink_distance, kinks.min(), rtol=1e-5)
    assert np.isinf(cert.distance)
    assert not bool(cert.declared_smooth)


@pytest.mark.usefixtures("float64")
def test_in_two_dimensions_every_certified_end_is_an_enumerated_maximum():
    """docs/theory.md, section 5.2: on a circle all maxima are the falling zeros of dL/dθ."""
    angles = np.linspace(0, 2 * np.pi, 2001)
    found = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        case = reference.random_case(rng, dim=2, width=40, scale=6.0, ratio=0.8)

        def slope(angle, case=case):
            n = np.array([np.cos(angle), np.sin(angle)])
            return case.derivatives(case.radius * n)[1] @ np.array([-n[1], n[0]])

        slopes = np.array([slope(angle) for angle in angles])
        falls = np.flatnonzero((slopes[:-1] > 0) & (slopes[1:] <= 0))
        maxima = np.array([brentq(slope, angles[i], angles[i + 1], xtol=1e-13) for i in falls])
        problem = as_problem(case)
        starts = np.stack([reference.random_start(rng, case, "ball") for _ in range(20)])
        pga = ja.PGA(ja.ConstantStep(0.1), (1e-9,), 20_000)
        sols = jax.vmap(ja.ascend, in_axes=(None, 0, None))(problem, jnp.asarray(starts), pga)
        certs = jax.vmap(
            lambda delta, problem=problem: ja.certify(
                problem, delta, step_size=0.1, tolerance=1e-9, gradient_scale=1.0
            )
        )(sols.perturbation)
        for delta, kind in zip(np.asarray(sols.perturbation), certs.kind.tolist(), strict=True):
            if kind == ja.Kind.BOUNDARY_MAX:
                away = np.angle(np.exp(1j * (np.arctan2(delta[1], delta[0]) - maxima)))
                assert np.abs(away).min() < 1e-6
                found += 1
            elif kind == ja.Kind.INTERIOR_MAX:
                _, gradient, hessian = case.derivatives(delta)
                assert np.linalg.norm(gradient) < 1e-6
                assert np.linalg.eigvalsh(hessian)[-1] < 0
    assert found > 150


@pytest.mark.usefixtures("float64")
def test_the_opposite_pole_of_a_linear_network_is_a_maximum_where_theory_says():
    """docs/theory.md, section 5.1: iff ε‖v‖ > |v·x − y|."""
    outcomes = set()
    for seed in range(30):
        rng = np.random.default_rng(seed)
        case = reference.random_case(rng, dim=4, width=20, scale=1.0, activation="identity")
        case.radius *= 4
        v = case.hidden.T @ case.output
        error = v @ case.x - case.y
        expected = case.radius * np.linalg.norm(v) > abs(error)
        pole = -np.sign(error) * case.radius * v / np.linalg.norm(v)
        cert = ja.certify(as_problem(case), jnp.asarray(pole), step_size=0.1)
        assert (int(cert.kind) == ja.Kind.BOUNDARY_MAX) == expected
        if expected:
            np.testing.assert_allclose(cert.curvature_ratio, 0, atol=1e-9)
        outcomes.add(bool(expected))
    assert outcomes == {True, False}


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_dense_and_matrix_free_agree_above_the_number_of_lanczos_steps():
    rng = np.random.default_rng(0)
    _, problem, sol = solved(rng, dim=90, width=200, scale=3.0, tolerance=1e-4)
    dense, free = (
        ja.certify(problem, sol.perturbation, step_size=0.1, eigensolver=eigensolver)
        for eigensolver in ("dense", "lanczos")
    )
    assert float(free.curvature_error) > 0
    assert float(free.curvature_ratio) <= float(dense.curvature_ratio) * (1 + 1e-12)
    allowed = float(free.curvature_error) + 1e-12
    np.testing.assert_allclose(free.curvature_ratio, dense.curvature_ratio, atol=allowed)
    assert int(free.kind) == int(dense.kind) == ja.Kind.BOUNDARY_MAX


@pytest.mark.usefixtures("float64")
def test_the_predicted_rate_is_the_measured_decay_of_the_residual():
    """50 problems, in ln r per step over the last two decades.

    The rate is that of the slowest mode. From a start displaced along that mode it must agree
    within 3%. From a random start faster modes may still rule at r = 1e-10, so that the decay may
    be faster than predicted, but never slower.
    """

    def decay(case, start):
        residuals = reference.ascend(case, start, 0.1, (1e-10,), 30_000)[-1]
        assert residuals[-1] <= 1e-10
        last = residuals[residuals <= 100 * residuals[-1]]
        return np.log(last[-1] / last[0]) / (len(last) - 1)

    for seed in range(50):
        rng = np.random.default_rng(seed)
        case = reference.random_case(rng, dim=8, width=64, scale=[0.3, 1.0, 3.0][seed % 3])
        problem, start = as_problem(case), reference.random_start(rng, case, "ball")
        sol = ja.ascend(problem, jnp.asarray(start), ja.PGA(tolerances=(1e-10,), max_steps=30_000))
        predicted = np.log(float(ja.certify(problem, sol.perturbation, step_size=0.1).local_rate))
        assert decay(case, start) < 0.999 * predicted

        star = np.asarray(ja.polish(problem, sol.perturbation).perturbation)
        normal = star / case.radius
        tangent = np.eye(8) - np.outer(normal, normal)
        hessian = tangent @ case.derivatives(star)[2] @ tangent
        slowest = np.linalg.eigh(hessian - 1e3 * np.outer(normal, normal))[1][:, -1]
        displaced = star + 0.01 * case.radius * slowest
        assert abs(decay(case, displaced) / predicted - 1) < 0.03


def test_a_certificate_in_single_precision_is_computed_in_double():
    net = ja.init_two_layer(jax.random.key(0), dim=20, width=100)
    problem = ja.Problem(net, jnp.ones(20), jnp.float32(0.5), ja.L2Ball(0.4))
    sol = ja.ascend(problem, jnp.zeros(20), ja.PGA(tolerances=(1e-5,)))
    cert = ja.certify(problem, sol.perturbation, step_size=0.1)
    assert cert.curvature_ratio.dtype == sol.perturbation.dtype == jnp.float32
    assert int(cert.kind) == ja.Kind.BOUNDARY_MAX
    polished = ja.polish(problem, sol.perturbation)
    # Below what float32 can resolve: the gradient was evaluated in float64.
    assert float(polished.residual) < 1e-12
    with jax.enable_x64(True):
        inside = jax.jit(ja.certify, static_argnames=("tolerance", "eigensolver"))(
            problem, sol.perturbation, step_size=0.1
        )
    chex.assert_trees_all_close(cert, inside, rtol=1e-5)


@pytest.mark.usefixtures("float64")
def test_the_distance_is_that_to_the_polished_maximum_and_near_its_estimate():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        case, problem, sol = solved(rng, scale=[0.1, 1.0, 5.0][seed % 3], tolerance=1e-5)
        cert = ja.certify(problem, sol.perturbation, step_size=0.1)
        polished = ja.polish(problem, sol.perturbation)
        assert bool(polished.converged)
        star = np.asarray(polished.perturbation)
        np.testing.assert_allclose(np.linalg.norm(star), case.radius, rtol=1e-14)
        _, g, _ = case.derivatives(star)
        slope = g - star * (g @ star) / case.radius**2
        assert np.linalg.norm(slope) < 1e-12 * np.linalg.norm(g)
        away = np.linalg.norm(star - sol.perturbation) / case.radius
        np.testing.assert_allclose(cert.distance, away, rtol=1e-6)
        np.testing.assert_allclose(cert.maximum, star, atol=1e-10 * case.radius)
        # The estimate is that of the stiffest direction: an upper bound to first order.
        assert cert.distance <= 1.05 * cert.distance_estimate


@pytest.mark.parametrize("function", ["certify", "polish"])
def test_sets_without_a_certificate_are_refused(function):
    net = ja.init_two_layer(jax.random.key(0), dim=3, width=8)
    problem = ja.Problem(net, jnp.ones(3), jnp.float32(0), ja.L1Ball(0.1))
    options = {"step_size": 0.1} if function == "certify" else {}
    with pytest.raises(TypeError, match="no method 'face'"):
        getattr(ja, function)(problem, jnp.zeros(3), **options)


def test_an_unknown_method_is_refused():
    net = ja.init_two_layer(jax.random.key(0), dim=3, width=8)
    problem = ja.Problem(net, jnp.ones(3), jnp.float32(0), ja.L2Ball(0.1))
    with pytest.raises((ValueError, TypeError), match="eigensolver"):
        ja.certify(problem, jnp.zeros(3), step_size=0.1, eigensolver="exact")


@pytest.mark.usefixtures("float64")
def test_kinks_hidden_in_a_network_or_a_loss_are_never_certified():
    """Ends of ascents that meet every condition of a maximum, but for the kinks."""
    rng = np.random.default_rng(0)
    first, second = (jnp.asarray(rng.normal(size=shape)) for shape in ((16, 4), (16,)))
    relu = ja.TwoLayer(first, second, "relu")

    def hinge(output, label):
        return jnp.maximum(0, 1 - label * output)

    smooth = lambda z: second @ jnp.tanh(first @ z)  # noqa: E731
    cases = {
        "a plain function": (lambda z: second @ jax.nn.relu(first @ z), "quadratic"),
        "a Partial of ours": (jax.tree_util.Partial(type(relu).__call__, relu), "quadratic"),
        "ours": (relu, "quadratic"),
        "leaky": (lambda z: second @ jax.nn.leaky_relu(first @ z), "quadratic"),
        "elu, whose second derivative jumps": (
            lambda z: second @ jax.nn.elu(first @ z),
            "quadratic",
        ),
        "a norm": (lambda z: jnp.sqrt(jnp.sum((first @ z) ** 2)), "quadratic"),
        "a loss": (smooth, hinge),
        "a margin": (lambda z: first[:3] @ jnp.tanh(z), ja.margin),
    }
    # At a tolerance of 10 every point counts as stationary.
    loose = {"step_size": 0.1, "tolerance": 10.0}
    for name, (network, loss) in cases.items():
        problem = ja.Problem(network, np.linspace(1, 2, 4), 1, ja.L2Ball(0.05), loss)
        assert ja.kinks(problem.objective, jnp.zeros(4)), name
        if name in {"a plain function", "a Partial of ours", "a loss"}:
            cert = ja.certify(problem, np.full(4, 0.01), **loose)
            assert ja.Kind(int(cert.kind)) is ja.Kind.NOT_SMOOTH, name
            assert not bool(cert.declared_smooth), name
    for network, is_declared in ((cases["ours"][0], True), (smooth, False)):
        declared = ja.Problem(network, problem.x, 1, problem.constraint, smooth=True)
        cert = ja.certify(declared, np.full(4, 0.01), **loose)
        assert ja.Kind(int(cert.kind)) is not ja.Kind.NOT_SMOOTH
        assert bool(cert.declared_smooth) == is_declared


def test_nothing_is_known_of_the_kinks_of_a_users_network():
    net = ja.init_two_layer(jax.random.key(0), dim=3, width=8, activation="relu")
    pre = np.asarray(net.hidden) @ np.ones(3)
    known = {
        "relu": (net, np.abs(pre).min()),
        "no kink": (lambda z: jnp.sum(jnp.sin(z)), np.inf),
        "unknown": (lambda z: jnp.sum(jnp.abs(z)), 0.0),
        "ours, with an unknown activation": (
            ja.TwoLayer(net.hidden, net.output, lambda z: jnp.abs(z - 1)), 0.0,
        ),
        "hard tanh": (
            ja.TwoLayer(net.hidden, net.output, jax.nn.hard_tanh),
            min(np.abs(pre - 1).min(), np.abs(pre + 1).min()),
        ),
    }  # fmt: skip
    for name, (network, distance) in known.items():
        problem = ja.Problem(network, jnp.ones(3), 0.0, ja.L2Ball(0.01))
        cert = ja.certify(problem, jnp.zeros(3), step_size=0.1)
        np.testing.assert_allclose(cert.kink_distance, distance, rtol=1e-5, err_msg=name)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_at_a_loose_tolerance_what_is_claimed_has_a_maximum_near_and_the_rest_is_unconfirmed():
    """At s = 10 some ends at a residual of 1e-2 meet the conditions with no maximum near them."""
    net = jax.tree.map(lambda w: w.astype(float), ja.init_two_layer(jax.random.key(0), 32, 256))
    x = jax.random.normal(jax.random.key(1), (32,))
    x = 10 * 32**0.5 * x / jnp.linalg.norm(x)
    problem = ja.Problem(net, x, 0.5, ja.L2Ball(0.1 * jnp.linalg.norm(x)))
    starts = jax.vmap(lambda key: jax.random.ball(key, 32))(jax.random.split(jax.random.key(2), 30))
    pga = ja.PGA(ja.InverseCurvatureStep(0.1), 1e-2, 5000)
    sols = jax.vmap(ja.ascend, (None, 0, None))(problem, problem.circumradius * starts, pga)
    certs = jax.vmap(
        lambda delta, size, scale: ja.certify(
            problem, delta, step_size=size, tolerance=1e-2, gradient_scale=scale
        )
    )(sols.perturbation, sols.step_size, sols.gradient_scale)
    kinds = np.asarray(certs.kind)
    assert set(kinds.tolist()) == {ja.Kind.BOUNDARY_MAX, ja.Kind.UNCONFIRMED}
    for row in np.flatnonzero(kinds == ja.Kind.BOUNDARY_MAX):
        delta = np.asarray(certs.maximum[row])
        _, gradient = problem.value_and_gradient(jnp.asarray(delta))
        normal = delta / np.linalg.norm(delta)
        tangent = np.eye(32) - np.outer(normal, normal)
        hessian = tangent @ np.asarray(jax.hessian(problem.objective)(jnp.asarray(delta))) @ tangent
        assert np.linalg.norm(tangent @ gradient) < 1e-10 * np.linalg.norm(gradient)
        multiplier = gradient @ normal / np.linalg.norm(delta)
        assert np.linalg.eigvalsh(hessian)[-1] < multiplier
        assert float(certs.distance[row]) < 0.2
    unconfirmed = kinds == ja.Kind.UNCONFIRMED
    assert np.isinf(np.asarray(certs.distance)[unconfirmed]).all()
