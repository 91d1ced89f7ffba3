"""Projected gradient ascent against NumPy, against closed forms, and at its edges."""

import functools
import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from tests import reference

ACTIVATIONS = [name for name in ja.ACTIVATIONS if name != "relu"]


def as_problem(case, constraint=ja.L2Ball):
    net = ja.TwoLayer(
        jnp.asarray(case.hidden), jnp.asarray(case.output), ja.ACTIVATIONS[case.activation]
    )
    loss = {"quadratic": ja.quadratic, "logistic": ja.logistic}[case.loss]
    y, radius = jnp.asarray(np.asarray(case.y)), jnp.asarray(np.asarray(case.radius))
    return ja.Problem(net, jnp.asarray(case.x), y, constraint(radius), loss)


def small_problem(**changes):
    rng = np.random.default_rng(0)
    case = reference.random_case(rng, dim=4, width=16, scale=1.0)
    for name, value in changes.items():
        setattr(case, name, value)
    return as_problem(case)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.usefixtures("float64")
def test_float64_step_counts_equal_numpys_on_random_problems(activation):
    """25 problems per activation, 200 in all: both losses, all scales, all kinds of start."""
    rng = np.random.default_rng(ACTIVATIONS.index(activation))
    losses = itertools.cycle(["quadratic", "logistic"])
    scales = itertools.cycle([0.1, 0.3, 1.0, 3.0, 10.0])
    wheres = itertools.cycle(["ball", "zero", "sphere"])
    tolerances, budget = (1e-2, 1e-4, 1e-6), 3000
    pga = ja.PGA(ja.ConstantStep(0.1), tolerances, budget)
    for _ in range(25):
        case = reference.random_case(
            rng, dim=12, width=48, scale=next(scales), activation=activation, loss=next(losses)
        )
        start = reference.random_start(rng, case, next(wheres))
        counts, reached, edge, delta, _ = reference.ascend(case, start, 0.1, tolerances, budget)
        sol = ja.ascend(as_problem(case), jnp.asarray(start), pga)
        assert sol.num_steps.tolist() == counts
        assert sol.reached.tolist() == reached
        assert int(sol.boundary_step) == edge
        np.testing.assert_allclose(sol.perturbation, delta, rtol=1e-6, atol=1e-9 * case.radius)


@pytest.mark.usefixtures("float64")
def test_a_linear_network_follows_the_recursion_in_the_plane():
    """docs/theory.md, section 5.1: with σ = identity, δ stays in span(δ₀, v), v = Wᵀa."""
    rng = np.random.default_rng(1)
    case = reference.random_case(rng, dim=20, width=30, scale=1.0, activation="identity")
    v = case.hidden.T @ case.output
    start = reference.random_start(rng, case, "ball")
    # Coordinates (p, q) along v̂ and along the part of δ₀ that is orthogonal to it.
    length = np.linalg.norm(v)
    p = start @ v / length
    orthogonal = start - p * v / length
    q = np.linalg.norm(orthogonal)
    num_steps = 40
    for _ in range(num_steps):
        p += 0.1 * (v @ case.x + p * length - case.y) * length
        shrink = min(1.0, case.radius / np.hypot(p, q))
        p, q = p * shrink, q * shrink
    expected = p * v / length + q * orthogonal / np.linalg.norm(orthogonal)
    sol = ja.ascend(as_problem(case), jnp.asarray(start), ja.PGA(tolerances=(1e-15,), max_steps=40))
    np.testing.assert_allclose(sol.perturbation, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.usefixtures("float64")
def test_a_linear_network_ends_in_the_pole_of_the_closed_form():
    rng = np.random.default_rng(2)
    for _ in range(20):
        case = reference.random_case(rng, dim=6, width=30, scale=1.0, activation="identity")
        v = case.hidden.T @ case.output
        error = v @ case.x - case.y
        start = jnp.zeros(6)
        sol = ja.ascend(as_problem(case), start, ja.PGA(tolerances=(1e-12,), max_steps=100_000))
        best = np.sign(error) * case.radius * v / np.linalg.norm(v)
        np.testing.assert_allclose(sol.perturbation, best, atol=1e-9 * case.radius)
        maximum = 0.5 * (abs(error) + case.radius * np.linalg.norm(v)) ** 2
        np.testing.assert_allclose(sol.loss, maximum, rtol=1e-10)


@pytest.mark.usefixtures("float64")
def test_rotating_the_inputs_and_shuffling_the_neurons_changes_nothing():
    rng = np.random.default_rng(3)
    case = reference.random_case(rng, dim=8, width=40, scale=3.0)
    start = reference.random_start(rng, case, "ball")
    rotation = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    order = rng.permutation(40)
    turned = reference.Case(
        case.hidden[order] @ rotation.T, case.output[order], rotation @ case.x, case.y, case.radius
    )
    pga = ja.PGA(tolerances=(1e-2, 1e-5), max_steps=5000)
    one = ja.ascend(as_problem(case), jnp.asarray(start), pga)
    two = ja.ascend(as_problem(turned), jnp.asarray(rotation @ start), pga)
    assert one.num_steps.tolist() == two.num_steps.tolist()
    assert bool(one.reached.all())
    np.testing.assert_allclose(two.perturbation, rotation @ one.perturbation, atol=1e-8)


def test_a_zero_gradient_at_the_start_is_stationary_after_no_step():
    problem = small_problem(output=np.zeros(16))
    sol = ja.ascend(problem, jnp.zeros(4), ja.PGA())
    assert sol.num_steps.tolist() == [0, 0, 0]
    assert ja.Status(int(sol.status)) is ja.Status.CONVERGED
    assert float(sol.residual) == 0


# An infinite x is the hard case: tanh saturates there, and the gradient is a finite 0.
@pytest.mark.parametrize("field", ["x", "y", "hidden"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_input_stops_at_once(field, value):
    case = reference.random_case(np.random.default_rng(0), dim=4, width=16, scale=1.0)
    if field == "y":
        case.y = value
    else:
        getattr(case, field).flat[0] = value
    case.radius = 0.1
    sol = ja.ascend(as_problem(case), jnp.zeros(4), ja.PGA())
    assert ja.Status(int(sol.status)) is ja.Status.NONFINITE
    assert int(sol.steps) == 0
    assert not sol.reached.any()


def test_a_value_that_becomes_infinite_is_reported_in_its_step():
    """The first step leads to the edge, z = 10, where exp(60 z) overflows."""
    steep = jax.tree_util.Partial(lambda z: jnp.exp(60 * jnp.sum(z)))
    problem = ja.Problem(steep, jnp.zeros(1), jnp.float32(0), ja.L2Ball(10.0))
    sol = ja.ascend(problem, jnp.zeros(1), ja.PGA(ja.ConstantStep(1.0)))
    assert ja.Status(int(sol.status)) is ja.Status.NONFINITE
    assert int(sol.steps) == 1
    assert (float(sol.loss_start), float(sol.loss)) == (0.5, np.inf)


def test_a_traced_radius_that_is_nan_stops_at_once():
    problem = small_problem()

    def status(radius):
        changed = ja.Problem(problem.network, problem.x, problem.y, ja.L2Ball(radius))
        return ja.ascend(changed, jnp.zeros(4), ja.PGA()).status

    assert int(jax.jit(status)(jnp.nan)) == ja.Status.NONFINITE


def test_radius_zero_converges_without_a_step():
    sol = ja.ascend(small_problem(radius=0.0), jnp.ones(4), ja.PGA())
    assert ja.Status(int(sol.status)) is ja.Status.CONVERGED
    assert int(sol.steps) == 0
    assert int(sol.boundary_step) == 0
    assert sol.perturbation.tolist() == [0, 0, 0, 0]


def test_no_budget_gives_the_start_censored():
    sol = ja.ascend(small_problem(), jnp.zeros(4), ja.PGA(max_steps=0))
    assert ja.Status(int(sol.status)) is ja.Status.MAX_STEPS
    assert sol.num_steps.tolist() == [0, 0, 0]
    assert not sol.reached.any()
    assert float(sol.loss) == float(sol.loss_start)


@pytest.mark.parametrize(("dim", "width"), [(1, 16), (4, 1), (1, 1)])
def test_one_dimension_and_one_neuron_work(dim, width):
    case = reference.random_case(np.random.default_rng(5), dim=dim, width=width, scale=1.0)
    sol = ja.ascend(as_problem(case), jnp.zeros(dim), ja.PGA(max_steps=100_000))
    assert ja.Status(int(sol.status)) is ja.Status.CONVERGED
    assert float(sol.loss) > float(sol.loss_start)


def test_a_start_outside_is_projected_first():
    problem = small_problem()
    outside = 100.0 * jnp.arange(1.0, 5.0)
    on_edge = problem.constraint.project(outside)
    one, two = (ja.ascend(problem, start, ja.PGA()) for start in (outside, on_edge))
    chex.assert_trees_all_equal(one, two)
    assert int(one.boundary_step) == 0


def test_the_precisions_floor_is_reported_as_stalled():
    sol = ja.ascend(small_problem(), jnp.zeros(4), ja.PGA(tolerances=(1e-2, 1e-30)))
    assert ja.Status(int(sol.status)) is ja.Status.STALLED
    assert sol.reached.tolist() == [True, False]
    assert int(sol.num_steps[1]) == int(sol.steps) > int(sol.num_steps[0])


def test_doubling_the_budget_changes_nothing_once_converged():
    problem = small_problem()
    one, two = (ja.ascend(problem, jnp.zeros(4), ja.PGA(max_steps=n)) for n in (4000, 8000))
    assert bool(one.reached.all())
    chex.assert_trees_all_equal(one, two)


@pytest.mark.parametrize("constraint", [ja.L2Ball, ja.L2Sphere, ja.LInfBall])
def test_every_constraint_is_kept_and_gains_loss(constraint):
    case = reference.random_case(np.random.default_rng(7), dim=6, width=64, scale=1.0)
    problem = as_problem(case, constraint)
    sol = ja.ascend(problem, jnp.full(6, 0.01), ja.PGA(max_steps=50_000))
    assert ja.Status(int(sol.status)) is ja.Status.CONVERGED
    order = np.inf if constraint is ja.LInfBall else 2
    assert np.linalg.norm(sol.perturbation, order) <= case.radius * (1 + 1e-5)
    assert float(sol.loss) > float(sol.loss_start)
    assert float(sol.frank_wolfe_gap) < 1e-3 * float(sol.loss)


def test_users_own_network_loss_and_activation_work():
    class Weights(dict):
        pass

    def deep(weights, z):
        return jnp.tanh(weights["b"] @ jnp.sin(weights["a"] @ z)) @ weights["c"]

    key = jax.random.key(0)
    weights = {"a": jax.random.normal(key, (8, 3)), "b": jnp.eye(8), "c": jnp.ones(8)}
    network = functools.partial(deep, weights)
    loss = lambda output, label: jnp.cosh(output - label)  # noqa: E731
    problem = ja.Problem(network, jnp.ones(3), jnp.float32(0), ja.L2Ball(0.1), loss)
    sol = ja.ascend(problem, jnp.zeros(3), ja.PGA(ja.ConstantStep(0.01)))
    assert ja.Status(int(sol.status)) is ja.Status.CONVERGED
    assert int(ja.certify(problem, sol.perturbation, step_size=0.01).kind) == ja.Kind.BOUNDARY_MAX
    own = ja.init_two_layer(key, 3, 8, activation=lambda z: z / (1 + jnp.abs(z)))
    assert jnp.isfinite(own(jnp.ones(3)))


@pytest.mark.usefixtures("float64")
def test_ascend_vmaps_jits_and_differentiates():
    problem = small_problem()
    pga = ja.PGA(tolerances=(1e-3,))
    starts = 0.1 * jax.random.normal(jax.random.key(0), (5, 4))
    batch = jax.jit(jax.vmap(ja.ascend, in_axes=(None, 0, None)))(problem, starts, pga)
    alone = [ja.ascend(problem, start, pga) for start in starts]
    assert batch.num_steps[:, 0].tolist() == [int(sol.num_steps[0]) for sol in alone]

    def loss_at(radius):
        changed = ja.Problem(problem.network, problem.x, problem.y, ja.L2Ball(radius))
        return ja.ascend(changed, starts[0], ja.PGA(tolerances=(1e-5,))).loss

    # By the envelope theorem the best loss grows with the radius ε at the rate λε.
    radius = jnp.float64(0.3)
    slope = jax.jvp(loss_at, (radius,), (jnp.float64(1),))[1]
    fixed = ja.Problem(problem.network, problem.x, problem.y, ja.L2Ball(radius))
    end = ja.ascend(fixed, starts[0], ja.PGA(tolerances=(1e-5,))).perturbation
    multiplier = ja.certify(fixed, end, step_size=0.1).multiplier
    np.testing.assert_allclose(slope, multiplier * radius, rtol=1e-3)


def test_one_compilation_serves_all_problems_of_a_shape():
    chex.clear_trace_counter()
    counted = jax.jit(chex.assert_max_traces(ja.ascend, n=1))
    for scale in (0.5, 1.0, 2.0):
        case = reference.random_case(np.random.default_rng(0), dim=4, width=16, scale=scale)
        problem = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), as_problem(case))
        counted(problem, jnp.zeros(4), ja.PGA(ja.ConstantStep(jnp.float32(0.1 * scale))))


@pytest.mark.parametrize(
    ("changes", "start", "error"),
    [
        ({}, np.zeros(3, np.float32), ValueError),
        ({}, np.zeros(4, np.float16), TypeError),
        ({}, np.zeros((4, 1), np.float32), ValueError),
        ({"network": jnp.tanh}, np.zeros(4, np.float32), TypeError),
    ],
)
def test_shapes_and_types_that_make_no_sense_are_refused(changes, start, error):
    good = small_problem()
    problem = ja.Problem(changes.get("network", good.network), good.x, good.y, good.constraint)
    with pytest.raises(error, match=r"x|start|scalar"):
        ja.ascend(problem, jnp.asarray(start), ja.PGA())


@pytest.mark.parametrize(
    "settings",
    [
        {"tolerances": ()},
        {"tolerances": (1e-4, 1e-2)},
        {"tolerances": (1e-2, 1e-2)},
        {"tolerances": (0.0,)},
        {"tolerances": (float("nan"),)},
        {"max_steps": -1},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        ja.PGA(**settings)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_radii_and_step_sizes_that_make_no_sense_are_refused(value):
    for make in (ja.L2Ball, ja.L2Sphere, ja.LInfBall):
        with pytest.raises(ValueError, match="radius"):
            make(value)
    for make in (ja.ConstantStep, ja.NormalizedStep, ja.InverseCurvatureStep):
        with pytest.raises(ValueError, match="step_size"):
            make(value)
