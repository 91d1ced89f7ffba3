"""Real inputs: digits and users' files."""

import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from jaxadv.problems.data import load_examples


@pytest.fixture
def save(tmp_path):
    def to_file(**arrays):
        np.savez(tmp_path / "own.npz", **arrays)
        return str(tmp_path / "own.npz")

    return to_file


def test_digits_are_odd_against_even():
    digits = load_examples("digits")
    assert digits.directions.shape == (1797, 64)
    np.testing.assert_array_equal(digits.labels == 1, load_digits().target % 2 == 1)
    assert set(digits.labels.tolist()) == {-1.0, 1.0}
    np.testing.assert_allclose(np.linalg.norm(digits.directions, axis=1), 8, rtol=1e-6)


def test_a_users_inputs_lose_their_mean_and_their_norm_but_not_their_direction(save):
    rng = np.random.default_rng(0)
    x, y = 5 + rng.normal(size=(20, 9)), rng.normal(size=20)
    own = load_examples(save(x=x, y=y))
    centred = x - x.mean(0)
    cosines = (own.directions * centred).sum(1) / 3 / np.linalg.norm(centred, axis=1)
    np.testing.assert_allclose(cosines, 1, rtol=1e-6)
    np.testing.assert_array_equal(own.labels, y.astype(np.float32))


def test_the_digest_is_that_of_the_values(save, tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=4)
    one = load_examples(save(x=x, y=y)).digest
    np.savez(tmp_path / "moved.npz", y=y, x=x)
    assert load_examples(str(tmp_path / "moved.npz")).digest == one
    assert load_examples(save(x=x, y=-y)).digest != one


GOOD = {"x": np.arange(12.0).reshape(4, 3), "y": np.ones(4)}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": GOOD["x"]}, "with arrays x .* y"),
        ({"x": GOOD["y"], "y": GOOD["y"]}, r"x \(n, d\)"),
        ({"x": GOOD["x"], "y": GOOD["y"][:2]}, r"y \(n,\)"),
        ({"x": np.zeros((0, 3)), "y": np.zeros(0)}, r"x \(n, d\)"),
        ({"x": np.full((4, 3), np.nan), "y": GOOD["y"]}, "NaN"),
        ({"x": GOOD["x"], "y": GOOD["y"] * np.inf}, "beyond"),
        ({"x": GOOD["x"] * 1e200, "y": GOOD["y"]}, "beyond"),
        ({"x": GOOD["x"] * 1j, "y": GOOD["y"]}, "numbers: complex"),
        ({"x": GOOD["x"][:1], "y": GOOD["y"][:1]}, "two or more"),
        ({"x": np.ones((4, 3)), "y": GOOD["y"]}, "without direction"),
        ({"x": np.full((3, 3), 0.1), "y": np.ones(3)}, "without direction"),
        ({"x": np.full((4, 3), "a"), "y": GOOD["y"]}, "numbers"),
        ({"x": np.array([[1, None]], dtype=object), "y": np.ones(1)}, "pickle"),
    ],
)
def test_files_that_cannot_be_used_say_why(save, arrays, message):
    with pytest.raises(ValueError, match=message):
        load_examples(save(**arrays))


def test_what_is_no_data_says_so(tmp_path):
    with pytest.raises(ValueError, match=r"no file 'missing\.npz'"):
        load_examples("missing.npz")
    with pytest.raises(ValueError, match="did you mean 'digits'"):
        load_examples("digit")
    (tmp_path / "text.npz").write_text("not a zip file")
    with pytest.raises(ValueError, match="with arrays x"):
        load_examples(str(tmp_path / "text.npz"))


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ValueError, match=r"pip install 'jaxadv\[data\]'"):
        load_examples("digits")
