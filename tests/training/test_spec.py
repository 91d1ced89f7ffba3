"""What a training experiment may be, and what is said of what it may not."""

import numpy as np
import pytest

import jaxadv as ja


def test_the_grid_has_rates_over_the_sharpness_for_gradient_descent_alone():
    spec = ja.Training(scales=(1.0, 3.0), ratios=0.1, rates=(0.01, 0.1), sharpness_rates=0.5)
    cells = [(c.optimizer, c.unit, c.rate, c.scale) for c in spec.cells]
    assert len(set(cells)) == len(cells) == 2 * (3 + 2)
    assert {c[0] for c in cells if c[1] == "sharpness"} == {"sgd"}


def test_all_phases_are_evaluated():
    every = ja.Training(steps=1000).evaluations
    assert every[:11] == tuple(range(11))
    assert {100, 1000} <= set(every)
    assert list(every) == sorted(set(every))
    assert ja.Training(steps=1).evaluations == (0, 1)


def test_fingerprints_do_not_tell_where_data_lies(tmp_path):
    pixels = np.random.default_rng(0).random((400, 784))
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        np.savez(tmp_path / place / "mnist.npz", x=pixels, y=np.arange(400) % 10)
    specs = [ja.Training(data="mnist", data_dir=str(tmp_path / place)) for place in ("a", "b")]
    assert specs[0].fingerprint == specs[1].fingerprint != ja.Training().fingerprint


def test_it_survives_its_file(tmp_path):
    spec = ja.Training(scales=(0.1, 2.0), sharpness_rates=(), optimizers="adam", layers="both")
    (tmp_path / "spec.toml").write_text(spec.to_toml())
    assert ja.Training.from_toml(tmp_path / "spec.toml") == spec


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("ratios", -0.1, "ratios: -0.1 must be a positive number"),
        ("optimizers", "adm", "optimizers: unknown 'adm'; did you mean 'adam'?"),
        ("optimizers", "lbfgs", "'lbfgs' must map a learning rate to an optimiser"),
        ("layers", "output", "layers: unknown 'output'. Known are hidden, both"),
        ("constraints", "l1", "constraints: unknown 'l1'"),
        ("losses", "cross-entropy", "losses: cross-entropy needs data with classes"),
        ("data", "cifar10", "data_dir: cifar10 needs the folder with its files"),
        ("data", "digit", "data: unknown 'digit'; did you mean 'digits'?"),
        ("attack_steps", 0, "attack_steps: 0 must be a whole number from 1"),
        ("attack_tolerance", "low", "attack_tolerance: 'low' must be a positive number"),
        ("network", "builtins:dict", "network: 'builtins:dict' must map"),
    ],
)
def test_what_cannot_be_used_is_named(field, value, message):
    with pytest.raises(ValueError, match=field.rstrip("s")) as error:
        ja.Training(**{field: value})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_there_must_be_a_rate_and_enough_data():
    with pytest.raises(ValueError, match="rates: none"):
        ja.Training(rates=(), optimizers="adam")
    with pytest.raises(ValueError, match="1700 and 128 test_examples are 1828, but data 'digits'"):
        ja.Training(data="digits", examples=1700)
    assert ja.Training(data="digits", losses="cross-entropy").classes_of("cross-entropy") == 10


def test_outputs_are_right_or_wrong_where_labels_are_signs_or_classes(tmp_path):
    rng = np.random.default_rng(0)
    path, x = tmp_path / "own.npz", rng.normal(size=(400, 3))
    for y, loss, has_answers in (
        (rng.normal(size=400), "quadratic", False),
        (np.arange(400) % 3 * 1.0, "quadratic", False),
        (np.arange(400) % 3, "cross-entropy", True),
        (np.arange(400) % 2 * 2 - 1, "quadratic", True),
    ):
        np.savez(path, x=x, y=y)
        assert ja.Training(data=path, losses=loss).has_answers(loss) == has_answers
    assert ja.Training(data="digits").has_answers("quadratic")
    assert ja.Training(data="gaussian", losses="logistic").has_answers("logistic")
