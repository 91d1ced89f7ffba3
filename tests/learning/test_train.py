"""`train`: steps as optax takes them, on the batches and against the attacks that are due."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import jaxadv as ja

KEY = jax.random.key(0)
QUIET = {"progress": False}


@pytest.fixture
def data():
    """Forty small images of three classes."""
    rng = np.random.default_rng(0)
    return rng.uniform(size=(40, 4, 4)).astype("f4"), rng.integers(3, size=40)


def small(activation="gelu"):
    return ja.init_mlp(KEY, 16, (12,), activation, classes=3)


def by_hand(net, data, *, epochs, attack=None, rate=0.01):
    """The same steps, one batch of 16 after the other; two whole batches make an epoch."""
    x, y = map(jnp.asarray, data)
    optimizer = optax.adam(rate)
    state = optimizer.init(net)
    losses = []
    order_key, start_key = jax.random.split(KEY)
    for number in range(2 * epochs):
        order = jax.random.permutation(jax.random.fold_in(order_key, number // 2), 40)
        for rows in (order[:16],) if number % 2 == 0 else (order[16:32],):
            deltas = jnp.zeros((16, 4, 4))
            if attack is not None:
                keys = jax.random.split(jax.random.fold_in(start_key, number), 16)
                deltas = attack(net, x[rows], y[rows], keys)

            def loss(net, rows=rows, deltas=deltas):
                logits = jax.vmap(net)(x[rows] + deltas)
                return optax.softmax_cross_entropy_with_integer_labels(logits, y[rows]).mean()

            value, gradient = jax.value_and_grad(loss)(net)
            moves, state = optimizer.update(gradient, state)
            net = optax.apply_updates(net, moves)
            losses.append(float(value))
    return net, losses


@pytest.mark.usefixtures("float64")
def test_clean_steps_are_those_of_optax_on_the_batches_of_each_epoch(data):
    trained = ja.train(small(), data, epochs=3, batch_size=16, learning_rate=0.01, key=KEY, **QUIET)
    expected, losses = by_hand(small(), data, epochs=3)
    np.testing.assert_allclose(trained.losses, losses, rtol=1e-5)
    for ours, theirs in zip(trained.network.weights, expected.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(trained.epochs, [0, 0.5, 1, 1.5, 2, 2.5])
    assert not trained.diverged


@pytest.mark.parametrize("constraint", [ja.LInfBall(0.1), ja.L2Ball(0.5)])
def test_adversarial_steps_are_at_the_ends_of_ten_steps_of_a_quarter(data, constraint):
    bounds = (0, 1) if isinstance(constraint, ja.LInfBall) else None

    def attack(net, x, y, keys):
        def one(x, y, key):
            within = constraint if bounds is None else ja.in_range(constraint, x)
            delta = ja.random_start(within, key, x.shape)
            for _ in range(10):
                g = jax.grad(lambda d: ja.cross_entropy(net(x + d), y))(delta)
                if isinstance(constraint, ja.LInfBall):
                    low, high = jnp.maximum(-0.1, -x), jnp.minimum(0.1, 1 - x)
                    delta = jnp.clip(delta + 0.025 * jnp.sign(g), low, high)
                else:
                    delta = delta + 0.125 * g / jnp.linalg.norm(g)
                    delta = delta / jnp.maximum(1, jnp.linalg.norm(delta) / 0.5)
            return delta

        return jax.vmap(one)(x, y, keys)

    settings = {"epochs": 2, "batch_size": 16, "learning_rate": 0.01, "key": KEY}
    trained = ja.train(small(), data, constraint=constraint, bounds=bounds, **settings, **QUIET)
    _, losses = by_hand(small(), data, epochs=2, attack=attack)
    np.testing.assert_allclose(trained.losses, losses, rtol=2e-4)


def test_snapshots_are_the_networks_at_their_epochs(data):
    settings = {"batch_size": 16, "learning_rate": 0.01, **QUIET}
    trained = ja.train(small(), data, epochs=2, snapshots=(0, 0.5, 0.51, 2), **settings)
    assert list(trained.snapshots) == [0, 0.5, 0.51, 2]
    np.testing.assert_array_equal(trained.snapshots[0].weights[0], small().weights[0])
    half = ja.train(small(), data, epochs=0.5, **settings).network
    np.testing.assert_array_equal(trained.snapshots[0.5].weights[0], half.weights[0])
    np.testing.assert_array_equal(trained.snapshots[2].weights[0], trained.network.weights[0])


class Own(nnx.Module):
    def __init__(self):
        self.layer = nnx.Linear(16, 3, rngs=nnx.Rngs(0))

    def __call__(self, image):
        return self.layer(image.ravel())


def plain(weights, image):
    return weights @ jnp.tanh(image.ravel())


NETWORKS = {
    "equinox": lambda: eqx.nn.Sequential(
        [eqx.nn.Lambda(jnp.ravel), eqx.nn.MLP(16, 3, 8, 1, activation=jax.nn.gelu, key=KEY)]
    ),
    "flax": Own,
    "function": lambda: functools.partial(plain, 0.1 * jax.random.normal(KEY, (3, 16))),
    "conv": lambda: ja.init_conv_net(KEY, (4, 4), channels=(4,), widths=(8,), classes=3),
    "normalised": lambda: ja.Normalized(small(), 0.5, 0.25),
    "two-layer": lambda: ja.init_two_layer(KEY, 16, 12, classes=3),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_any_network_is_trained_and_comes_back_as_what_it_was(data, kind):
    net = NETWORKS[kind]()
    trained = ja.train(net, data, epochs=30, learning_rate=0.01, **QUIET)
    assert type(trained.network) is type(net)
    assert trained.losses[-1] < 0.9 * trained.losses[0]
    logits = jax.vmap(trained.network)(jnp.asarray(data[0]))
    value = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.asarray(data[1])).mean()
    assert value < trained.losses[-1]
    if kind == "normalised":
        assert (trained.network.mean, trained.network.std) == (0.5, 0.25)


def test_a_run_that_diverges_keeps_its_last_weights(data):
    net = ja.init_two_layer(KEY, 16, 12)
    labels = np.where(data[1] > 0, 1.0, -1.0)
    settings = {"loss": "quadratic", "optimizer": "sgd", "learning_rate": 1e19, **QUIET}
    trained = ja.train(net, (data[0], labels), epochs=5, **settings)
    assert trained.diverged
    assert np.isfinite(trained.network.hidden).all()


def test_what_was_trained_can_be_kept(data, tmp_path):
    settings = {"learning_rate": np.float32(1e-3), "bounds": np.array([0.0, 1.0])}
    trained = ja.train(small(), data, epochs=1, constraint=ja.L2Ball(0.1), **settings, **QUIET)
    trained.save(tmp_path / "net.safetensors")
    again = ja.load_network(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(again.weights[0], trained.network.weights[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.ones(3)}, "data: must be ja.Data or a pair"),
        ({"data": (np.ones((3, 4, 4)), np.zeros(2, int))}, r"data: x \(3, 4, 4\) and y \(2,\)"),
        (
            {"data": (np.ones((3, 4, 4)), np.array([0, 1, 3]))},
            "y: 3 must be a class, a whole number from 0 to 2",
        ),
        ({"optimizer": "adamm"}, "did you mean 'adam"),
        ({"loss": "entropy"}, "cross-entropy"),
        ({"batch_size": 0}, "batch_size: 0 must be a whole number from 1"),
        ({"constraint": 0.1}, "constraint"),
        ({"bounds": (0, 1)}, "bounds: clean training has none; give a constraint as well"),
        ({"network": 3}, "network: an object of type int is no function"),
        ({"epochs": -1}, "epochs: -1 must be"),
        (
            {
                "data": (2 * np.ones((3, 4, 4)), np.zeros(3, int)),
                "constraint": ja.L2Ball(0.1),
                "bounds": (0, 1),
            },
            "data: has entries from 2 to 2, which are not between 0 and 1",
        ),
        ({"network": lambda z: jnp.zeros(3) * z.sum()}, "network: has no arrays of floats"),
        ({"snapshots": (0.5, 2)}, "snapshots: 2 is beyond the 1 epochs"),
        ({"learning_rate": 0}, "learning_rate: 0 must be a positive number"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(data, change, message):
    call = {"network": small(), "data": data, "epochs": 1, **change}
    with pytest.raises((TypeError, ValueError), match=message) as error:
        ja.train(call.pop("network"), call.pop("data"), **call, **QUIET)
    assert "\n" not in str(error.value)
