"""Networks, activations, losses and the objective against NumPy."""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.problems.names import label_of, labels, named, resolve
from tests import reference
from tests.ascent.test_pga import as_problem


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("loss", reference.LOSSES)
@pytest.mark.parametrize("activation", reference.SMOOTH)
def test_value_gradient_and_hessian_equal_numpys(activation, loss):
    rng = np.random.default_rng(0)
    case = reference.random_case(rng, dim=6, width=30, scale=2.0, activation=activation, loss=loss)
    delta = reference.random_start(rng, case, "ball")
    value, gradient, hessian = case.derivatives(delta)
    problem, delta = as_problem(case), jnp.asarray(delta)
    found_value, found_gradient = problem.value_and_gradient(delta)
    np.testing.assert_allclose(found_value, value, rtol=1e-12)
    np.testing.assert_allclose(found_gradient, gradient, rtol=1e-10, atol=1e-13)
    for product in (functools.partial(problem.hessian_product, delta), problem.hessian_at(delta)):
        products = jax.vmap(product)(jnp.eye(6))
        np.testing.assert_allclose(products, hessian, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("classes", [None, 3])
def test_products_that_share_a_forward_pass_are_those_of_any_network(classes):
    x, delta, vector = jax.random.normal(jax.random.key(1), (3, 2, 3))
    net = ja.init_two_layer(jax.random.key(0), dim=6, width=30, classes=classes)
    loss = "quadratic" if classes is None else "cross-entropy"
    problem = ja.Problem(net, 3 * x, 1, ja.L2Ball(1.0), loss)
    general = ja.Problem(ja.Normalized(net, 0.0, 1.0), 3 * x, 1, ja.L2Ball(1.0), loss)
    product = problem.hessian_product(delta, vector)
    assert product.shape == (2, 3)
    np.testing.assert_allclose(problem.hessian_at(delta)(vector), product, rtol=1e-12)
    np.testing.assert_allclose(general.hessian_at(delta)(vector), product, rtol=1e-12)


@pytest.mark.usefixtures("float64")
def test_products_do_not_trust_a_users_activation_or_a_subclass():
    """An activation that mixes its entries, and a subclass with another output."""

    class Doubled(ja.TwoLayer):
        def __call__(self, z):
            return super().__call__(z) ** 2

    net = ja.init_two_layer(jax.random.key(0), dim=6, width=30)
    x, delta, vector = jax.random.normal(jax.random.key(1), (3, 6))
    jax.tree_util.register_pytree_node(
        Doubled,
        lambda own: ((own.hidden, own.output), None),
        lambda _, leaves: Doubled(*leaves),
    )
    mixing = ja.TwoLayer(net.hidden, net.output, lambda z: z * jax.nn.softmax(z))
    for network in (mixing, Doubled(net.hidden, net.output)):
        problem = ja.Problem(network, x, 1.0, ja.L2Ball(1.0))
        expected = problem.hessian_product(delta, vector)
        np.testing.assert_allclose(problem.hessian_at(delta)(vector), expected, rtol=1e-10)


def test_relu_is_the_only_builtin_with_kinks():
    net = {name: ja.init_two_layer(jax.random.key(0), 3, 8, name) for name in ja.ACTIVATIONS}
    assert [name for name in net if not net[name].smooth] == ["relu"]
    assert not ja.init_two_layer(jax.random.key(0), 3, 8, "jax.nn:leaky_relu").smooth
    assert float(net["relu"](jnp.zeros(3))) == 0
    assert np.isinf(net["tanh"].kink_distance(jnp.ones(3)))


def test_random_networks_have_the_distribution_of_the_theory():
    net = ja.init_two_layer(jax.random.key(0), dim=100, width=2000)
    np.testing.assert_allclose(np.std(net.hidden), 0.1, rtol=0.01)
    np.testing.assert_allclose(np.mean(net.hidden), 0, atol=0.001)
    np.testing.assert_array_equal(np.unique(np.abs(net.output)), np.float32(1 / 2000**0.5))
    assert abs(np.mean(np.sign(net.output))) < 0.1


def test_the_logistic_loss_does_not_overflow():
    slope = jax.grad(ja.logistic)
    assert float(ja.logistic(jnp.float32(-1e30), jnp.float32(1))) == pytest.approx(1e30)
    assert float(ja.logistic(jnp.float32(1e30), jnp.float32(1))) == 0
    assert float(slope(jnp.float32(-1e30), jnp.float32(1))) == -1


def test_names_find_functions_and_functions_their_names():
    assert resolve("activation", "tanh", ja.ACTIVATIONS) is jnp.tanh
    assert resolve("activation", "jax.numpy:cos", ja.ACTIVATIONS) is jnp.cos
    for name in ja.ACTIVATIONS:
        assert named("activation", ja.ACTIVATIONS[name], ja.ACTIVATIONS) == name
    name = named("activation", reference.random_start, ja.ACTIVATIONS)
    assert resolve("activation", name, {}) is reference.random_start


def test_a_function_that_no_name_finds_stands_for_itself():
    def tanh(z):
        return z

    for function in (tanh, lambda z: z, functools.partial(jnp.clip, max=1), jax.jit(tanh)):
        assert named("activation", function, ja.ACTIVATIONS) is function


def test_labels_differ_from_each_other_and_from_all_names():
    def tanh(z):
        return z

    given = ("tanh", tanh, lambda z: z, lambda z: 2 * z, functools.partial(jax.jit(tanh)))
    assert labels(given, ja.ACTIVATIONS) == (
        "tanh", "tanh (2)", "<lambda>", "<lambda> (2)", "tanh (3)",
    )  # fmt: skip
    assert labels((tanh,), ja.ACTIVATIONS) == ("tanh (2)",)
    assert label_of(operator.itemgetter(0)) == "itemgetter"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tahn", "did you mean 'tanh'"),
        ("no_such_module:f", "cannot import"),
        ("math:no_such_name", "cannot import"),
        ("math:cosn", "module 'math' has no 'cosn'; did you mean 'math:cos'"),
        ("math:pi", "not a function"),
        (":", "cannot import"),
    ],
)
def test_names_of_nothing_are_refused(name, message):
    with pytest.raises(ValueError, match=message):
        resolve("activations", name, ja.ACTIVATIONS)


def test_cross_entropy_is_exact_where_the_network_is_confident():
    """With NumPy in double precision; log-softmax gives 0 in single precision."""
    outputs = np.array([30.0, 0.5, -1.0])
    others = np.logaddexp(outputs[1], outputs[2])
    exact = np.log1p(np.exp(others - outputs[0]))
    value, gradient = jax.value_and_grad(ja.cross_entropy)(jnp.asarray(outputs, jnp.float32), 0)
    np.testing.assert_allclose(value, exact, rtol=1e-5)
    shares = exact * np.exp(outputs[1:] - others)
    np.testing.assert_allclose(gradient, [-exact, *shares], rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "output", "label"),
    [
        ("cross-entropy", [3.0, -1.0, 0.5], 1),
        ("cross-entropy", [3.0, -1.0, 0.5], 0),
        ("logistic", 1.5, -1.0),
        ("logistic", 1.5, 1.0),
    ],
)
def test_losses_of_answers_grow_with_the_log_odds(loss, output, label):
    output = jnp.asarray(output)
    z = ja.log_odds(output, label)
    of_loss = ja.Problem(jnp.sum, [1.0], label, ja.L2Ball(1.0), loss).loss
    np.testing.assert_allclose(of_loss(output, label), np.logaddexp(0, z), rtol=1e-6)
    one, two = (jax.grad(function)(output, label) for function in (of_loss, ja.log_odds))
    np.testing.assert_allclose(one, np.exp(z) / (1 + np.exp(z)) * two, rtol=1e-5)
