"""The input scale is the scale of the initial weights: exact equivalences of training.

Source: docs/theory.md, section 7.4. For the hidden layer alone, V = sW.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxadv as ja
from jaxadv.ascent.steps import ConstantStep
from jaxadv.learning import loop
from jaxadv.learning.adversary import Adversary
from jaxadv.problems.losses import LOSSES

pytestmark = pytest.mark.usefixtures("float64")
STEPS = 12
EPSILON = 1e-3  # of Adam, large enough to matter
RATIO = 0.2
TURNS = ja.PGA(ja.NormalizedStep(0.25), tolerances=(1e-12,), max_steps=5)


def trained(activation, scale, stretch, rate, optimizer, *, pga=TURNS, loss="quadratic"):
    """The hidden weights times the scale after some steps, and the loss at each step."""
    net_key, x_key, y_key = jax.random.split(jax.random.key(0), 3)
    net = ja.init_two_layer(net_key, 6, 24, activation)
    net = ja.TwoLayer(stretch * net.hidden.astype(float), net.output.astype(float), activation)
    inputs = scale * jax.random.normal(x_key, (10, 6))
    labels = jnp.sign(jax.random.normal(y_key, (10,)))
    objective = loop.Objective(LOSSES[loss], "hidden")
    options = {"optimizer": optimizer, "objective": objective}
    run, losses = loop.begin(net, jnp.asarray(rate), **options), []
    step = jax.jit(functools.partial(loop.step, attack=Adversary(RATIO, pga), **options))
    for _ in range(STEPS):
        run, value = step(run, (inputs, labels))
        losses.append(float(value))
    return scale * np.asarray(run.network.hidden), losses


def adam(epsilon):
    return lambda rate: optax.adam(rate, eps=epsilon)


@pytest.mark.parametrize("loss", ["quadratic", "logistic"])
@pytest.mark.parametrize("scale", [0.1, 3.0])
@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_training_at_a_scale_is_training_at_scale_1(kind, scale, loss):
    """(s, b, lr) is (1, sb, s² lr) for SGD, and (1, sb, s lr) with ε_Adam/s for Adam."""
    stretch, rate = 0.7, 0.05
    here, there = ("sgd", "sgd") if kind == "sgd" else (adam(EPSILON), adam(EPSILON / scale))
    same_rate = rate * (scale**2 if kind == "sgd" else scale)
    weights, losses = trained("tanh", scale, stretch, rate, here, loss=loss)
    others, other_losses = trained("tanh", 1.0, scale * stretch, same_rate, there, loss=loss)
    np.testing.assert_allclose(losses, other_losses, rtol=1e-9)
    np.testing.assert_allclose(weights, others, rtol=1e-8, atol=1e-12)
    assert losses[-1] < losses[0]


def test_adam_needs_another_epsilon():
    scale = 0.1
    _, losses = trained("tanh", scale, 1.0, 0.05, adam(EPSILON))
    _, others = trained("tanh", 1.0, scale, 0.05 * scale, adam(EPSILON))
    assert abs(losses[-1] / others[-1] - 1) > 1e-4


def test_a_constant_inner_step_becomes_another_one():
    """η at scale s is η/s² at scale 1."""
    scale, size = 3.0, 0.4
    pga = [
        ja.PGA(ConstantStep(step), tolerances=(1e-12,), max_steps=5)
        for step in (size, size / scale**2)
    ]
    weights, losses = trained("tanh", scale, 1.0, 0.01, "sgd", pga=pga[0])
    others, other_losses = trained("tanh", 1.0, scale, 0.01 * scale**2, "sgd", pga=pga[1])
    np.testing.assert_allclose(losses, other_losses, rtol=1e-9)
    np.testing.assert_allclose(weights, others, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("scale", [0.01, 7.0])
def test_the_landscape_of_relu_is_the_same_at_every_scale(scale):
    """f(s(x + δ)) = s f(x + δ), and so the same maxima in units of the radius."""
    net = ja.init_two_layer(jax.random.key(0), 5, 40, "relu")
    net = ja.TwoLayer(net.hidden.astype(float), net.output.astype(float), "relu")
    x = jax.random.normal(jax.random.key(1), (5,))
    starts = jax.random.normal(jax.random.key(2), (8, 5))
    pga = ja.PGA(ja.NormalizedStep(0.1), tolerances=(1e-12,), max_steps=50)

    def ends(scale):
        # The output itself is maximised: the label is far below.
        problem = ja.Problem(net, scale * x, -1e3 * scale, ja.L2Ball(0.3 * scale))
        run = jax.vmap(lambda start: ja.ascend(problem, 0.1 * scale * start, pga))
        return run(starts).perturbation / scale

    np.testing.assert_allclose(ends(scale), ends(1.0), rtol=1e-9, atol=1e-12)
