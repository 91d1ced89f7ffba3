"""Robust accuracies are what another attack finds, also for ten classes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.data.examples import load_examples
from jaxadv.learning.adversary import Adversary
from jaxadv.learning.fit import fit
from jaxadv.problems.losses import cross_entropy
from jaxadv.problems.uniform import uniform_in_ball
from jaxadv.training.evaluate import worst

RATIO, SHOWN = 0.1, 200


def trained(loss, classes, *, attack):
    """A network trained on digits, and digits that it has not seen."""
    data = load_examples("digits")
    labels = data.labels if classes is None else data.classes.astype(np.float32)
    network = ja.init_two_layer(jax.random.key(0), dim=64, width=64, classes=classes)
    directions = jnp.asarray(data.inputs)
    network, _ = fit(
        network, directions[:1000], jnp.asarray(labels[:1000]), jax.random.key(1),
        loss=loss, attack=attack, num_steps=150, learning_rate=0.01, batch_size=64,
    )  # fmt: skip
    return network, directions[-SHOWN:], jnp.asarray(labels[-SHOWN:])


def ours(network, x, y, loss):
    """The share that `worst` leaves right."""
    attack = Adversary(RATIO, ja.PGA(ja.NormalizedStep(0.1), (1e-20,), 50))
    keys = jax.random.split(jax.random.key(2), SHOWN)
    starts = jax.vmap(lambda key: uniform_in_ball(key, 64))(keys)[:, None]
    found = jax.jit(jax.vmap(lambda x, y, starts: worst(attack, network, x, y, starts, loss=loss)))(
        x, y, starts
    )
    return float(found.correct.mean())


def numpys(network, x, y, slope_of, is_wrong, *, starts=5, steps=100):
    """The share that a NumPy attack with five starts leaves right at every point on its way."""
    hidden, output = (np.asarray(w, float) for w in (network.hidden, network.output))
    x, y, rng = np.asarray(x, float), np.asarray(y, float), np.random.default_rng(0)
    radius = RATIO * np.linalg.norm(x, axis=1, keepdims=True)
    right = np.ones(len(y), bool)
    for start in range(starts):
        delta = rng.normal(size=x.shape) * (start > 0)
        length = np.linalg.norm(delta, axis=1, keepdims=True)
        delta *= radius * rng.random(length.shape) / np.where(length == 0, 1, length)
        for _ in range(steps):
            act = np.tanh((x + delta) @ hidden.T)
            outputs = act @ output
            right &= ~is_wrong(outputs, y)
            gradient = ((1 - act**2) * (slope_of(outputs, y) @ output.T)) @ hidden
            delta += 0.05 * radius * gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
            length = np.linalg.norm(delta, axis=1, keepdims=True)
            delta *= np.minimum(1, radius / length)
    return right.mean()


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(None, marks=pytest.mark.slow, id="clean"),
        pytest.param(Adversary(RATIO), id="adversarial"),
    ],
)
def test_the_robust_accuracy_on_digits_is_that_of_another_attack(attack):
    network, x, y = trained(ja.quadratic, None, attack=attack)
    found = ours(network, x, y, ja.quadratic)
    # Outwards: against the label, whatever the loss.
    two = ja.TwoLayer(network.hidden, network.output[:, None])
    wanted = numpys(two, x, y, lambda _, y: -y[:, None], lambda o, y: np.sign(o[:, 0]) != y)
    assert 0.2 < wanted < 0.95
    assert abs(found - wanted) <= 0.01


def test_the_robust_accuracy_on_ten_classes_is_that_of_another_attack():
    network, x, y = trained(cross_entropy, 10, attack=Adversary(RATIO))
    found = ours(network, x, y, cross_entropy)

    def slope_of(outputs, y):
        shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return shares - np.eye(10)[y.astype(int)]

    wanted = numpys(network, x, y, slope_of, lambda o, y: o.argmax(axis=1) != y)
    assert 0.3 < wanted < 0.95
    assert abs(found - wanted) <= 0.01
