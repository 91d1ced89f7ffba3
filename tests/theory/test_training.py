"""The law of early training: its limits, and simulations of two sizes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.theory import forgetting_rate, robust_loss_curve, sign_linearity

STEPS = 10
RATE = 0.3


def test_a_linear_network_starts_and_ends_where_it_must():
    """Without an attack: from ½(‖β₀‖² + 1) to the labels' part that is not linear."""
    curve = robust_loss_curve(
        "identity", 0.5, 0.0, dim=30, examples=900, rate=0.5, steps=2000, linearity=0.6
    )
    np.testing.assert_allclose(curve.held_out[0], (0.25 + 1) / 2, rtol=1e-12)
    np.testing.assert_allclose(curve.held_out[-1], (1 - 0.6**2) / 2, rtol=1e-6)
    np.testing.assert_array_equal(curve.training, curve.held_out)
    assert forgetting_rate("identity", 0.5, dim=30, examples=900, rate=0.5) < 1e-30


def test_descent_is_along_the_gradient_of_the_loss():
    """Small steps lower the loss, the smaller ones by a share, and β ends where it rests."""
    curve = partial(robust_loss_curve, "tanh", 1.0, 0.1, dim=20, examples=400, linearity=0.7)
    coarse = curve(rate=1e-3, steps=20).held_out
    fine = curve(rate=1e-4, steps=200).held_out
    assert (np.diff(coarse) < 0).all()
    np.testing.assert_allclose(coarse[-1], fine[-1], rtol=1e-4)
    end = curve(rate=1.0, steps=500).held_out
    assert abs(end[-1] - end[-2]) < 1e-9
    assert end[-1] == pytest.approx(end.min(), rel=1e-6)


def test_small_scales_tie_and_training_examples_are_forgotten():
    curve = partial(robust_loss_curve, "tanh", dim=20, examples=400, linearity=sign_linearity())
    losses = [curve(scale, 0.1, rate=RATE, steps=100) for scale in (0.1, 0.3, 1.0, 3.0)]
    held_out = [float(curve.held_out[STEPS]) for curve in losses]
    # docs/theory.md, section 7.6, and the numbers of a prototype.
    np.testing.assert_allclose(held_out, [0.401, 0.401, 0.444, 0.765], rtol=0.05)
    assert losses[-1].training[-1] < 0.5 * losses[-1].held_out[-1]
    assert losses[0].training[-1] == pytest.approx(losses[0].held_out[-1], rel=1e-3)


def test_a_loss_can_fall_to_nothing_and_no_linearity_is_beyond_1():
    settings = {"dim": 30, "examples": 900, "rate": 1.0, "steps": 3000}
    curve = robust_loss_curve("identity", 0.5, 0.0, linearity=1.0, **settings)
    assert curve.held_out[-1] < 1e-100
    with pytest.raises(ValueError, match="linearity"):
        robust_loss_curve("identity", 0.5, 0.0, linearity=1.1, **settings)


def test_an_even_part_is_refused():
    with pytest.raises(ValueError, match="'sigmoid' is not odd"):
        robust_loss_curve("sigmoid", 1.0, 0.1, dim=20, examples=400, rate=RATE, steps=1)


@partial(jax.jit, static_argnames=("dim", "width", "examples", "scale", "ratio"))
def simulated(key, *, dim, width, examples, scale, ratio):
    """The held-out robust loss after each step of full-batch descent on the hidden layer."""
    radius = ratio * scale * dim**0.5
    keys = jax.random.split(key, 4)
    net = ja.init_two_layer(keys[0], dim, width)
    teacher = ja.init_two_layer(keys[1], dim, 16 * dim)

    def examples_of(key):
        normal = jax.random.normal(key, (examples, dim))
        directions = dim**0.5 * normal / jnp.linalg.norm(normal, axis=1, keepdims=True)
        return scale * directions, jnp.sign(jax.vmap(teacher)(directions))

    def worst(hidden, x, y):
        """The loss after two steps of δ ← ε g/‖g‖, whose perturbations are held fixed."""
        output = lambda delta: ja.TwoLayer(hidden, net.output)(x + delta)  # noqa: E731
        delta = jnp.zeros(dim)
        side = jnp.sign(output(delta) - y)
        for _ in range(2):
            gradient = jax.grad(output)(delta)
            delta = side * radius * gradient / jnp.linalg.norm(gradient)
        return 0.5 * (output(jax.lax.stop_gradient(delta)) - y) ** 2

    def loss(hidden, data):
        return jax.vmap(partial(worst, hidden))(*data).mean()

    training = examples_of(keys[2])
    x, _ = training
    held_out = examples_of(keys[3])
    pre = x @ net.hidden.T
    slopes = net.output[None] * (1 - jnp.tanh(pre) ** 2)
    kernel = (x @ x.T) * (slopes @ slopes.T) / examples
    sharpness = jnp.linalg.eigvalsh(kernel)[-1]

    def step(hidden, _):
        gradient = jax.grad(loss)(hidden, training)
        return hidden - RATE / sharpness * gradient, loss(hidden, held_out)

    _, losses = jax.lax.scan(step, net.hidden, length=STEPS + 1)
    return losses


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_simulations_come_closer_to_the_law_as_they_grow(scale):
    """At the larger size, the law holds to 10% of the loss at every step."""
    errors = []
    for dim, width, examples, networks in ((5, 40, 50, 40), (40, 2000, 1600, 6)):
        keys = jax.random.split(jax.random.key(1), networks)
        settings = {"dim": dim, "width": width, "examples": examples}
        runs = [simulated(key, **settings, scale=scale, ratio=0.1) for key in keys]
        law = robust_loss_curve(
            "tanh", scale, 0.1, dim=dim, examples=examples, rate=RATE, steps=STEPS,
            linearity=sign_linearity(),
        )  # fmt: skip
        errors.append(np.abs(np.mean(runs, axis=0) / law.held_out - 1).max())
    assert errors[1] < 0.1, errors
    assert errors[1] < errors[0], errors
