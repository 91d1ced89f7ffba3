"""What proofs say of ends of ascent: the table of the theory, and bounds of losses and steps."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja

BY_CURVATURE = ja.PGA(ja.InverseCurvatureStep(0.3), 1e-4)


def sphere_problem(seed, dim, width, scale, y=0.3):
    """The problem of the theory: an input of norm s√d in a ball of ρ times that."""
    network = ja.init_two_layer(jax.random.key(seed), dim, width)
    x = jax.random.normal(jax.random.key(100 + seed), (dim,))
    x = scale * dim**0.5 * x / jnp.linalg.norm(x)
    return ja.Problem(network, x, y, ja.L2Ball(0.1 * jnp.linalg.norm(x)))


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("dim", "width", "scale", "ratio", "is_proved"),
    [
        (64, 512, 0.1, 0.011, True),
        (64, 512, 0.3, 0.073, True),
        (64, 512, 1.0, 0.42, True),
        (64, 512, 3.0, 2.1, False),
        (200, 4000, 1.0, 0.67, True),
    ],
)
def test_the_prototypes_table_is_reproduced(dim, width, scale, ratio, is_proved):
    """Median K/λ and the share proved at ρ = 0.1."""
    ratios, proved = [], []
    for seed in range(8 if dim == 64 else 3):
        problem = sphere_problem(seed, dim, width, scale)
        proof = ja.prove(problem, ja.ascend(problem, jnp.zeros(dim), BY_CURVATURE).perturbation)
        ratios.append(1 - float(proof.margin))
        proved.append(bool(proof.is_global))
    np.testing.assert_allclose(np.median(ratios), ratio, rtol=0.2)
    assert np.mean(proved) == is_proved


def test_a_linear_network_has_one_maximum_that_the_formula_gives():
    network = dataclasses.replace(
        ja.init_two_layer(jax.random.key(0), 6, 20), activation=ja.ACTIVATIONS["identity"]
    )
    weight = network.output @ network.hidden
    x = jnp.ones(6)
    far = float(weight @ x) - 10.0  # f is above the label on all of the ball
    problem = ja.Problem(network, x, far, ja.L2Ball(0.5))
    exact = 0.5 * weight / jnp.linalg.norm(weight)
    proof = ja.prove(problem, exact)
    assert proof.is_global
    assert proof.is_unique
    assert proof.num_maxima == 1
    assert proof.distance < 1e-5
    np.testing.assert_allclose(proof.loss_bound, problem.objective(exact), rtol=1e-6)
    between = ja.Problem(network, x, float(weight @ x), ja.L2Ball(0.5))
    assert ja.prove(between, exact).num_maxima == 2


def test_flat_and_empty_problems_prove_nothing_and_break_nothing():
    network = ja.init_two_layer(jax.random.key(0), 4, 16)
    saturated = ja.Problem(network, 1e6 * jnp.ones(4), 0.0, ja.L2Ball(1.0))
    one_point = ja.Problem(network, jnp.ones(4), 0.0, ja.L2Ball(0.0))
    for problem in (saturated, one_point):
        proof = ja.prove(problem, jnp.zeros(4))
        assert not proof.is_unique
        assert float(proof.loss_bound) >= float(problem.objective(jnp.zeros(4)))
    assert float(proof.gap) <= 1e-6


def test_bounds_in_single_precision_are_rounded_up():
    network = ja.init_two_layer(jax.random.key(0), 16, 64)
    for seed in range(10):
        x = 0.2 * jax.random.normal(jax.random.key(seed), (16,))
        problem = ja.Problem(network, x, 0.5, ja.L2Ball(0.05))
        end = ja.ascend(problem, jnp.zeros(16)).perturbation
        single = ja.prove(problem, end)
        with jax.enable_x64(True):
            double = ja.prove(problem, jnp.asarray(end, jnp.float64))
            for name in ("curvature", "distance", "loss_bound", "gap"):
                assert getattr(single, name).dtype == jnp.float32
                assert np.float64(getattr(single, name)) >= float(getattr(double, name))


@pytest.mark.parametrize("step_size", [0.02, 0.3])
@pytest.mark.parametrize(("loss", "y"), [("quadratic", 2.0), ("logistic", 1.0)])
def test_no_start_needs_more_steps_than_the_bound(step_size, loss, y):
    method = ja.PGA(ja.ConstantStep(step_size), (1e-2, 1e-4), 5000)
    closest = []
    for scale in (0.03, 0.2, 0.5):
        problem = sphere_problem(3, 16, 64, scale, y=y)
        problem = ja.Problem(problem.network, problem.x, y, problem.constraint, loss)
        keys = jax.random.split(jax.random.key(1), 200)
        starts = jax.vmap(lambda key, p=problem: ja.random_start(p.constraint, key, (16,)))(keys)
        # The longest way is that from the opposite pole.
        end = ja.ascend(problem, starts[0], method).perturbation
        starts = starts.at[0].set(-end)
        ends = jax.vmap(lambda start, p=problem: ja.ascend(p, start, method))(starts)
        for index, tolerance in enumerate(method.tolerances):
            proof = ja.prove(problem, end, step_size=step_size, tolerance=tolerance)
            assert ends.num_steps[:, index].max() <= proof.step_bound
            closest.append(float(ends.num_steps[:, index].max() / proof.step_bound))
    # It is a bound of use: never more than a few times what the worst start needs.
    assert min(closest) > 0.15


def test_the_bound_of_the_steps_is_infinite_where_it_is_not_known():
    near = sphere_problem(0, 16, 64, 0.1)
    f = float(near.network(near.x))
    for problem, settings in (
        (near, {}),  # no step size
        (sphere_problem(0, 16, 64, 10.0), {"step_size": 0.1}),  # too curved
        (dataclasses.replace(near, y=f), {"step_size": 0.1}),  # the start decides the side
        (dataclasses.replace(near, constraint=ja.L2Sphere(0.1)), {"step_size": 0.1}),
    ):
        assert ja.prove(problem, jnp.zeros(16), **settings).step_bound == jnp.inf


@pytest.mark.usefixtures("float64")
def test_inputs_may_have_any_shape_and_sets_bounds_for_each_entry():
    network = ja.Normalized(ja.init_two_layer(jax.random.key(0), 12, 64), mean=0.5, std=2.0)
    x = jax.random.uniform(jax.random.key(1), (3, 4))
    box = ja.in_range(ja.LInfBall(0.02), x)
    ball = ja.in_range(ja.L2Ball(0.05), x)
    results = []
    for constraint in (box, ja.L2Ball(0.05), ball, ja.L1Ball(0.05)):
        problem = ja.Problem(network, x, 2.0, constraint)
        end = ja.ascend(problem, jnp.zeros((3, 4)), ja.APGD(100))
        proof = ja.prove(problem, end.perturbation)
        assert proof.loss_bound >= end.loss
        results.append((bool(proof.is_global), float(proof.loss_bound / end.loss)))
    (box_proved, _), (ball_proved, _), (cut_proved, cut), (_, l1) = results
    assert box_proved
    assert ball_proved
    # In other sets there is the bound of the loss alone.
    assert not cut_proved
    assert max(cut, l1) < 1.01


@pytest.mark.usefixtures("float64")
def test_two_classes_are_one_number_and_more_have_a_bound_of_the_loss():
    for classes, loss in (
        (2, "cross-entropy"),
        (2, ja.margin),
        (5, "cross-entropy"),
        (5, ja.margin),
    ):
        network = ja.init_two_layer(jax.random.key(0), 16, 64, classes=classes)
        x = 0.3 * jax.random.normal(jax.random.key(1), (16,))
        problem = ja.Problem(network, x, 1, ja.L2Ball(0.1), loss)
        end = ja.ascend(problem, jnp.zeros(16), ja.APGD(100))
        proof = ja.prove(problem, end.perturbation)
        assert bool(proof.is_global) == (classes == 2)
        assert end.loss <= proof.loss_bound
        assert proof.gap < 0.03


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": lambda output, _: output**3}, "loss: proofs are for quadratic, logistic"),
        ({"network": jnp.sum}, "network: proofs read the weights of a ja.TwoLayer"),
        ({"delta": jnp.zeros(5)}, "delta: shape"),
        ({"step_size": 0.0}, "step_size: 0.0 must be positive"),
        ({"tolerance": -1.0}, "tolerance: -1.0 must be positive"),
    ],
)
def test_what_has_no_proof_is_refused(change, message):
    network = ja.init_two_layer(jax.random.key(0), 4, 16)
    given = {"network": network, "loss": "quadratic", "delta": jnp.zeros(4)} | change
    problem = ja.Problem(given.pop("network"), jnp.ones(4), 0.0, ja.L2Ball(0.1), given.pop("loss"))
    with pytest.raises((TypeError, ValueError), match=message):
        ja.prove(problem, given.pop("delta"), **given)


def test_inputs_of_other_sizes_and_sets_of_ones_own_are_refused():
    network = ja.init_two_layer(jax.random.key(0), 4, 16)
    with pytest.raises(ValueError, match="x: has 5 entries, and the network takes 4"):
        ja.curvature_bound(network, jnp.ones(5), ja.L2Ball(0.1))

    class Own(ja.L2Ball):
        pass

    class Other:
        project = tangent = circumradius = frank_wolfe_gap = active = Own(0.1).project

    problem = ja.Problem(network, jnp.ones(4), 0.0, Other())
    with pytest.raises(TypeError, match="constraint: bounds are known for the built-in sets"):
        ja.prove(problem, jnp.zeros(4))
