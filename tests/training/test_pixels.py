"""Trainings on pixels: inputs as they are, a scale that is undone, networks that are kept."""

import jax
import numpy as np
import optax
import pytest

import jaxadv as ja
from jaxadv.data.examples import load_examples
from jaxadv.experiments.draws import Source, Tag, key_of

SMALL = {
    "data": "digits", "inputs": "pixels", "widths": 8, "networks": 2, "examples": 24,
    "test_examples": 12, "batch": 8, "steps": 6, "layers": "both", "losses": "cross-entropy",
    "strong_steps": 5, "restarts": 0, "attack_steps": 3, "evaluate_at": 3, "ratios": 0.1,
}  # fmt: skip


def run(**changes):
    return ja.run_training(ja.Training(**{**SMALL, **changes}), progress=False)


@pytest.mark.parametrize("layers", ["hidden", "both"])
def test_undoing_the_scale_undoes_it_to_the_last_bit(layers):
    """Scales that are powers of two round nothing; all curves are those at scale 1."""
    settings = {"layers": layers, "optimizers": ("sgd", "adamw"), "rates": 0.02}
    spec = {"sharpness_rates": 0.3, "scales": (0.125, 1.0, 8.0), **settings}
    dataset = run(undo_scale=True, **spec)
    names = ("robust_loss", "robust_accuracy", "clean_loss", "inner_steps", "learning_rate")
    for (optimizer, unit), cells in dataset.groupby(["optimizer", "unit"]):
        for name in names:
            values = cells[name].values
            assert values.shape[0] == 3, (optimizer, unit)
            np.testing.assert_array_equal(values, np.broadcast_to(values[:1], values.shape))
    # It is a control: without it the curves differ.
    plain = run(**spec)
    assert (plain.robust_loss.values.std(axis=0) > 0).any()
    at_one = dataset.scale.values == 1
    np.testing.assert_array_equal(
        dataset.robust_loss.values[at_one], plain.robust_loss.values[plain.scale.values == 1]
    )


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_rates_of_hidden_weights_are_those_that_the_theory_says(name, float64):
    """By sgd at rate/s², by adam at rate/s with epsilon·s: steps of optax, layer by layer."""
    scale, rate = 8.0, 0.02
    spec = ja.Training(
        **{**SMALL, "networks": 1, "steps": 2, "evaluate_at": (), "batch": 0, "ratios": 0.0},
        scales=scale, optimizers=name, rates=rate, sharpness_rates=(), undo_scale=True,
        precision="double", save=True,
    )  # fmt: skip
    x = scale * load_examples("digits", kind="pixels").inputs.astype(float)
    hidden, output = (
        {"sgd": lambda: (optax.sgd(rate / scale**2), optax.sgd(rate)),
         "adam": lambda: (optax.adam(rate / scale, eps=1e-8 * scale), optax.adam(rate))}[name]()
    )  # fmt: skip
    losses = ja.run_training(spec, progress=False).clean_loss.values.squeeze()[:, 0]
    order = rows_of(spec, 0)
    rows, y = x[order], load_examples("digits").classes[order]
    source, key = source_and_key(spec)
    net = ja.init_two_layer(source.key_for(key, Tag.NETWORK, 0), 64, 8, "tanh", classes=10)
    weights = (np.asarray(net.hidden, float) / scale, np.asarray(net.output, float))
    states = hidden.init(weights[0]), output.init(weights[1])
    for step in range(3):

        def loss(weights, number=24):
            logits = jax.numpy.tanh(rows[:number] @ weights[0].T) @ weights[1]
            return optax.softmax_cross_entropy_with_integer_labels(logits, y[:number]).mean()

        np.testing.assert_allclose(losses[step], loss(weights, 12), rtol=1e-6)
        gradient = jax.grad(loss)(weights)
        moves = [
            each.update(part, state)
            for each, part, state in zip((hidden, output), gradient, states, strict=True)
        ]
        states = [state for _, state in moves]
        weights = tuple(w + move for w, (move, _) in zip(weights, moves, strict=True))


def source_and_key(spec):
    return Source.of(spec, spec.groups[0], examples=36, starts=0), key_of(spec)


def rows_of(spec, network):
    """The rows of the data that a network sees, in order."""
    source, key = source_and_key(spec)
    return np.asarray(jax.random.permutation(source.key_for(key, Tag.ROWS, network), 1797))[:36]


def test_networks_are_evaluated_when_they_are_asked_for():
    assert ja.Training(**SMALL).evaluations == (0, 3, 6)
    assert ja.Training(**{**SMALL, "evaluate_at": ()}).evaluations == tuple(range(7))
    with pytest.raises(ValueError, match="evaluate_at: 7 must be a whole number from 0 to 6"):
        ja.Training(**{**SMALL, "evaluate_at": 7})
    with pytest.raises(ValueError, match="inputs: unknown 'pixel'; did you mean 'pixels'"):
        ja.Training(**{**SMALL, "inputs": "pixel"})


def test_networks_are_kept_and_can_be_attacked(tmp_path):
    settings = {"optimizers": ("sgd", "adam"), "rates": 0.02, "sharpness_rates": (), "save": True}
    spec = ja.Training(**{**SMALL, **settings, "scales": (0.5, 1.0)})
    dataset = ja.run_training(spec, tmp_path, progress=False)
    files = sorted((tmp_path / "networks").iterdir())
    assert len(files) == 8
    for file in files:
        network, about = ja.load_network(file), ja.about_network(file)
        cell = int(
            np.flatnonzero(
                (dataset.optimizer.values == about["optimizer"])
                & (dataset.scale.values == about["scale"])
            )[0]
        )
        # The held-out examples are the last ones of the network's draws.
        x = load_examples("digits", kind="pixels").inputs
        order = rows_of(spec, about["network"])[24:]
        y = load_examples("digits").classes[order]
        logits = jax.vmap(network)(about["scale"] * jax.numpy.asarray(x[order]))
        accuracy = np.mean(logits.argmax(axis=1) == y)
        stored = dataset.clean_accuracy.sel(split="test").values[cell, about["network"], -1]
        assert accuracy == pytest.approx(stored)
    for file in files[:3]:
        file.unlink()
    with pytest.warns(UserWarning, match="save: 3 of 8 networks were trained before"):
        ja.run_training(spec, tmp_path, progress=False)
    # Weights are no values: a store with them goes on as one without.
    ja.run_training(ja.Training(**{**spec.to_dict(), "save": False}), tmp_path, progress=False)
