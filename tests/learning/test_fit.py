"""Fitting a network: steps of Adam as NumPy takes them, attacks that are attacks, no noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.learning.adversary import Adversary, robust_loss
from jaxadv.learning.fit import fit
from tests import reference

pytestmark = pytest.mark.usefixtures("float64")
SETTINGS = {"loss": ja.quadratic, "learning_rate": 0.01}


def small(seed=0, examples=6, dim=4, width=8):
    rng = np.random.default_rng(seed)
    case = reference.random_case(rng, dim=dim, width=width, scale=1.0)
    network = ja.TwoLayer(jnp.asarray(case.hidden), jnp.asarray(case.output))
    inputs, labels = rng.normal(size=(examples, dim)), rng.choice([-1.0, 1.0], size=examples)
    return network, jnp.asarray(inputs), jnp.asarray(labels)


def gradients(hidden, output, inputs, labels):
    """Of the mean of ½(f − y)² in the weights, by the chain rule."""
    z = np.tanh(inputs @ hidden.T)
    error = (z @ output - labels) / len(labels)
    return ((error[:, None] * output * (1 - z**2)).T @ inputs), z.T @ error


def test_clean_steps_are_numpys_adam():
    network, inputs, labels = small()
    fitted, losses = fit(
        network, inputs, labels, jax.random.key(0), attack=None, num_steps=5, **SETTINGS
    )
    weights = [np.array(network.hidden), np.array(network.output)]
    x, y = np.asarray(inputs), np.asarray(labels)
    first, second = ([np.zeros_like(w) for w in weights] for _ in range(2))
    for step in range(1, 6):
        error = np.tanh(x @ weights[0].T) @ weights[1] - y
        np.testing.assert_allclose(losses[step - 1], 0.5 * np.mean(error**2), rtol=1e-10)
        for i, g in enumerate(gradients(*weights, x, y)):
            first[i] = 0.9 * first[i] + 0.1 * g
            second[i] = 0.999 * second[i] + 0.001 * g**2
            rate = first[i] / (1 - 0.9**step) / (np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8)
            weights[i] = weights[i] - 0.01 * rate
    np.testing.assert_allclose(fitted.hidden, weights[0], rtol=1e-8)
    np.testing.assert_allclose(fitted.output, weights[1], rtol=1e-8)


def test_the_robust_gradient_is_that_at_the_attacked_inputs():
    network, inputs, labels = small()
    found = jax.grad(robust_loss)(network, inputs, labels, Adversary(0.2), loss=ja.quadratic)
    deltas = [
        Adversary(0.2)(network, x, y, loss=ja.quadratic).perturbation
        for x, y in zip(inputs, labels, strict=True)
    ]
    moved = np.asarray(inputs) + np.array(deltas)
    wanted = gradients(
        np.asarray(network.hidden), np.asarray(network.output), moved, np.asarray(labels)
    )
    np.testing.assert_allclose(found.hidden, wanted[0], rtol=1e-8)
    np.testing.assert_allclose(found.output, wanted[1], rtol=1e-8)


def test_the_attack_stays_in_its_ball_and_comes_close_to_the_best():
    network, inputs, labels = small(examples=20)
    for x, y in zip(inputs, labels, strict=True):
        delta = Adversary(0.2)(network, x, y, loss=ja.quadratic).perturbation
        radius = 0.2 * float(jnp.linalg.norm(x))
        assert jnp.linalg.norm(delta) <= radius * (1 + 1e-12)
        problem = ja.Problem(network, x, y, ja.L2Ball(radius))
        starts = radius * jax.random.normal(jax.random.key(0), (8, 4)) / 2
        best = max(float(ja.ascend(problem, start, ja.PGA()).loss) for start in starts)
        clean = float(problem.objective(jnp.zeros(4)))
        assert (
            float(problem.objective(delta)) - clean >= 0.8 * (best - clean) or best - clean < 0.01
        )


def test_adversarial_training_lowers_the_robust_loss_more():
    network, inputs, labels = small(examples=40, width=32)
    fitted = [
        fit(network, inputs, labels, jax.random.key(1), attack=attack, num_steps=200, **SETTINGS)[0]
        for attack in (None, Adversary(0.3))
    ]
    robust = [
        float(robust_loss(net, inputs, labels, Adversary(0.3), loss=ja.quadratic))
        for net in (network, *fitted)
    ]
    assert robust[2] < robust[0]
    assert robust[2] < robust[1]


def test_a_step_that_is_not_finite_is_undone():
    network, inputs, labels = small()
    settings = {"loss": ja.quadratic, "learning_rate": 1e200, "attack": None}
    fitted, losses = fit(network, inputs, labels, jax.random.key(0), num_steps=5, **settings)
    assert not bool(jnp.isfinite(losses).all())
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(fitted))


def test_batches_are_drawn_by_the_key_alone():
    network, inputs, labels = small(examples=30)
    settings = {"attack": Adversary(0.1), "num_steps": 4, "batch_size": 8, **SETTINGS}
    one, two, other = (
        fit(network, inputs, labels, jax.random.key(seed), **settings)[1] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()
