"""Cases in which a careless proof would be false: underflow, NaN, centres, cancellation, labels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.proofs.ends import prove_input

FAR = ja.ACTIVATIONS["softplus"]


@pytest.mark.usefixtures("float64")
def test_a_loss_whose_slope_underflows_is_not_taken_for_a_growing_one():
    """The loss grows with −f, which has two maxima, however large f is."""
    hidden = jnp.array([[0.2, 0.0], [0.0, 3.0], [0.0, -3.0]])
    for bias in (0.0, 800.0):
        network = ja.MLP(
            [hidden, jnp.array([5.0, -1.0, -1.0])], [jnp.zeros(3), jnp.array(bias)], FAR
        )
        problem = ja.Problem(network, jnp.zeros(2), 1.0, ja.L2Ball(0.5), "logistic")
        proof = ja.prove(problem, jnp.array([0.5, 0.0]))
        assert proof.num_maxima == jnp.inf
        assert proof.loss_bound > 0


@pytest.mark.usefixtures("float64")
def test_nothing_is_proved_of_nan():
    network = ja.TwoLayer(jnp.ones((1, 1)), jnp.ones(1))
    for constraint in (ja.LInfBall(0.1), ja.L2Ball(0.1)):
        problem = ja.Problem(network, jnp.array([0.2]), -1.0, constraint, ja.margin)
        proof = ja.prove(problem, jnp.array([jnp.nan]))
        assert not proof.is_global
        assert not proof.is_unique


@pytest.mark.usefixtures("float64")
def test_the_centre_is_no_point_of_a_sphere():
    """The maximum of −f over the ball is its centre; on the circle there are four."""
    hidden = jnp.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    network = ja.TwoLayer(hidden, -jnp.ones(4), "softplus")
    for constraint, is_known in ((ja.L2Sphere(0.5), False), (ja.L2Ball(0.5), True)):
        problem = ja.Problem(network, jnp.zeros(2), -1.0, constraint, ja.margin)
        assert bool(prove_input(problem, 4.0)) == is_known


def test_the_distance_is_that_of_the_point_that_was_given():
    network = ja.TwoLayer(jnp.ones((1, 1)), jnp.ones(1))
    for constraint in (ja.LInfBall(0.1), ja.L2Ball(0.1)):
        problem = ja.Problem(network, jnp.array([0.2]), -1.0, constraint, ja.margin)
        for delta in (0.1, 5.0):
            proof = ja.prove(problem, jnp.array([delta]))
            assert proof.distance >= abs(np.float64(np.float32(delta)) - 0.1)
            assert proof.gap >= 0


@pytest.mark.usefixtures("float64")
def test_a_mean_that_cancels_the_bias_leaves_its_rounding():
    rng = np.random.default_rng(0)
    for seed in range(20):
        dim, width = 8, 3
        hidden, mean = rng.normal(size=(width, dim)), 1e6 * rng.normal(size=dim)
        bias = hidden @ mean + 0.1 * rng.normal(size=width)
        output = rng.normal(size=width)
        inner = ja.MLP([hidden, output], [bias, jnp.zeros(())])
        network = ja.Normalized(inner, mean=jnp.asarray(mean), std=1.0)
        problem = ja.Problem(network, jnp.zeros(dim), -1.0, ja.L2Ball(0.0), ja.margin)
        bound = float(ja.prove(problem, jnp.zeros(dim)).loss_bound)
        exact = np.longdouble(bias) - np.longdouble(hidden) @ np.longdouble(mean)
        assert bound >= float(np.longdouble(output) @ np.tanh(exact)), seed


@pytest.mark.usefixtures("float64")
def test_a_box_whose_middle_cancels_the_input_leaves_its_rounding():
    rng = np.random.default_rng(0)
    for _ in range(40):
        x, hidden = rng.uniform(0.3, 1, size=4), 1e4 * rng.normal(size=(1, 4))
        network = ja.TwoLayer(jnp.asarray(hidden), jnp.ones(1), "identity")
        box = ja.Box(jnp.asarray(-x - 1e-9), jnp.asarray(-x + 1e-9))
        problem = ja.Problem(network, jnp.asarray(x), -1.0, box, ja.margin)
        proof = ja.prove(problem, jnp.asarray(-x))
        lower, upper = (np.longdouble(np.asarray(b)) for b in (box.lower, box.upper))
        row = np.longdouble(hidden[0])
        exact = np.sum(row * (np.longdouble(x) + np.where(row > 0, upper, lower)))
        assert float(proof.loss_bound) >= float(exact)


def test_a_box_without_the_input_proves_nothing_where_the_input_itself_is_wrong():
    network = ja.TwoLayer(jnp.eye(2), jnp.ones(2))
    x = jnp.full((1, 2), -0.2)
    found = ja.attack(
        network, x, [1], constraint=ja.Box(0.5, 1.0), loss="logistic", prove=True, starts=2,
        certify=False, progress=False,
    )  # fmt: skip
    assert found.robust_bounds == (0.0, 0.0)


def test_labels_of_classes_may_be_floats_and_must_be_classes():
    for classes in (2, 3):
        network = ja.init_two_layer(jax.random.key(0), 4, 16, classes=classes)
        settings = {"constraint": ja.L2Ball(0.1), "loss": "cross-entropy"}
        one, other = (
            ja.prove(ja.Problem(network, jnp.ones(4), y, **settings), jnp.zeros(4)).loss_bound
            for y in (1, 1.0)
        )
        assert one == other
        with pytest.raises(ValueError, match="y: 5 must be a class"):
            ja.prove(ja.Problem(network, jnp.ones(4), 5, **settings), jnp.zeros(4))


def test_a_set_that_is_derived_from_a_ball_may_be_another_set():
    class Other(ja.L2Ball):
        def project(self, delta):
            return 3 * super().project(delta)

    network = ja.init_two_layer(jax.random.key(0), 4, 16)
    problem = ja.Problem(network, jnp.ones(4), 0.0, Other(0.1))
    with pytest.raises(TypeError, match="constraint: bounds are known for the built-in sets"):
        ja.prove(problem, jnp.zeros(4))


def test_what_does_not_fit_is_refused_in_words():
    network = ja.init_two_layer(jax.random.key(0), 4, 16)
    normalized = ja.Normalized(network, mean=jnp.ones(3), std=1.0)
    cases = [
        (lambda: ja.curvature_bound(network, jnp.ones(4), ja.Box(-jnp.ones(3), jnp.ones(3))),
         "constraint: project cannot be called on a perturbation of shape"),
        (lambda: ja.curvature_bound(normalized, jnp.ones(4), ja.L2Ball(0.1)),
         r"mean \(3,\) and std \(\) do not broadcast"),
        (lambda: ja.curvature_bound(lambda z: z.sum(), jnp.ones(4), ja.L2Ball(0.1)),
         "and not those of .*<lambda>"),
        (lambda: ja.MLP(5, [1.0]), "weights: must be a list of arrays, not of type int"),
        (lambda: ja.MLP([jnp.ones((3, 4))], [jnp.ones(3)]), "1 and 1 must be as many"),
        (lambda: ja.MLP([jnp.ones((3, 4)), jnp.ones((2, 5))], [jnp.ones(3), jnp.ones(2)]),
         "layer 2 takes 5 numbers, and the one before it gives 3"),
        (lambda: ja.MLP([jnp.ones((3, 4)), jnp.ones((2, 3))], [jnp.ones(3), jnp.ones(3)]),
         r"layer 2 has shapes \(2, 3\) and \(3,\)"),
    ]  # fmt: skip
    for call, message in cases:
        with pytest.raises((TypeError, ValueError), match=message):
            call()
