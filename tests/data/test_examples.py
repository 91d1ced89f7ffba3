"""Real inputs: digits and users' files."""

import gzip
import io
import pickle
import sys
import zipfile

import numpy as np
import pytest
from sklearn.datasets import load_digits

from jaxadv.data.arrays import read_npz
from jaxadv.data.examples import Examples, load_examples


@pytest.fixture
def save(tmp_path):
    def to_file(**arrays):
        np.savez(tmp_path / "own.npz", **arrays)
        return str(tmp_path / "own.npz")

    return to_file


def test_digits_are_odd_against_even():
    digits = load_examples("digits")
    assert digits.inputs.shape == (1797, 64)
    np.testing.assert_array_equal(digits.labels == 1, load_digits().target % 2 == 1)
    assert set(digits.labels.tolist()) == {-1.0, 1.0}
    np.testing.assert_allclose(np.linalg.norm(digits.inputs, axis=1), 8, rtol=1e-6)


def test_a_users_inputs_lose_their_mean_and_their_norm_but_not_their_direction(save):
    rng = np.random.default_rng(0)
    x, y = 5 + rng.normal(size=(20, 9)), rng.normal(size=20)
    own = load_examples(save(x=x, y=y))
    centred = x - x.mean(0)
    cosines = (own.inputs * centred).sum(1) / 3 / np.linalg.norm(centred, axis=1)
    np.testing.assert_allclose(cosines, 1, rtol=1e-6)
    np.testing.assert_array_equal(own.labels, y.astype(np.float32))


def test_the_digest_is_that_of_the_values(save, tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4, 3)), rng.normal(size=4)
    one = load_examples(save(x=x, y=y)).digest
    np.savez(tmp_path / "moved.npz", y=y, x=x)
    assert load_examples(str(tmp_path / "moved.npz")).digest == one
    assert load_examples(save(x=x, y=-y)).digest != one


def test_the_digest_does_not_depend_on_the_order_in_memory_or_of_bytes(save):
    """Inputs far from 0, whose mean is rounded in the order in which it is summed."""
    rng = np.random.default_rng(0)
    x, y = 1e8 + rng.normal(size=(200, 9)), rng.normal(size=200)
    one = load_examples(save(x=x, y=y))
    padded = np.zeros((200, 18))
    padded[:, ::2] = x
    for other in (np.asfortranarray(x), padded[:, ::2], x.astype(">f8")):
        again = load_examples(save(x=other, y=y.astype(">f8")))
        assert again.digest == one.digest
    for directions in (np.asfortranarray(one.inputs), one.inputs.astype(">f4")):
        held = Examples(directions, one.labels[::-1].copy()[::-1])
        assert held.digest == one.digest


def test_the_digest_is_what_it_was_in_stores_that_are_there(save):
    x, y = np.arange(12.0).reshape(4, 3) ** 2, np.array([0.5, -1.0, 2.0, 3.0])
    assert load_examples(save(x=x, y=y)).digest == "c462f356e495c632"
    assert load_examples("digits").digest == "b9b4e19fa340db60"


GOOD = {"x": np.arange(12.0).reshape(4, 3), "y": np.ones(4)}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": GOOD["x"]}, r"neither x and y nor x_train and y_train, but \['x'\]"),
        ({"x": GOOD["y"], "y": GOOD["y"]}, r"x \(n, d\)"),
        ({"x": GOOD["x"], "y": GOOD["y"][:2]}, r"y \(n,\)"),
        ({"x": np.zeros((0, 3)), "y": np.zeros(0)}, r"x \(n, d\)"),
        ({"x": np.full((4, 3), np.nan), "y": GOOD["y"]}, "NaN"),
        ({"x": GOOD["x"], "y": GOOD["y"] * np.inf}, "beyond"),
        ({"x": GOOD["x"] * 1e200, "y": GOOD["y"]}, "beyond"),
        ({"x": GOOD["x"] * 1j, "y": GOOD["y"]}, "x in .* must hold numbers, not complex128"),
        ({"x": GOOD["x"][:1], "y": GOOD["y"][:1]}, "two or more"),
        ({"x": np.ones((4, 3)), "y": GOOD["y"]}, "without direction"),
        ({"x": np.full((3, 3), 0.1), "y": np.ones(3)}, "without direction"),
        ({"x": np.full((4, 3), "a"), "y": GOOD["y"]}, "numbers"),
        (
            {"x": np.array([[1, None]], dtype=object), "y": np.ones(1)},
            "no .npz file with arrays of numbers",
        ),
        ({"x": GOOD["x"], "y": np.ones((4, 2))}, r"y \(4, 2\); need x"),
        ({"x": GOOD["x"], "y": np.array(["a"] * 4)}, "y in .* must hold numbers, not <U1"),
    ],
)
def test_files_that_cannot_be_used_say_why(save, arrays, message):
    with pytest.raises(ValueError, match=rf"^data: .*{message}"):
        load_examples(save(**arrays))


def test_what_is_no_data_says_so(tmp_path):
    with pytest.raises(ValueError, match=r"no file 'missing\.npz'"):
        load_examples("missing.npz")
    with pytest.raises(ValueError, match="did you mean 'digits'"):
        load_examples("digit")


def whole_file(arrays, *, packed):
    content = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(content, **arrays)
    return content.getvalue()


DAMAGES = {
    "text": b"not a zip file",
    "nothing": b"",
    "a pickle": pickle.dumps(GOOD),
    "gzip": gzip.compress(whole_file(GOOD, packed=False)),
    "two bytes": b"PK",
}


@pytest.mark.parametrize("damage", [*DAMAGES, "one array", "no arrays", "a folder"])
def test_a_file_that_is_no_npz_is_said_in_one_line(tmp_path, damage):
    path = tmp_path / "own.npz"
    if damage == "one array":
        np.save(tmp_path / "own.npy", GOOD["x"])
        (tmp_path / "own.npy").rename(path)
    elif damage == "no arrays":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", "text")
            archive.writestr("y.npy", b"\x93NUMPY\x01\x00")
    elif damage == "a folder":
        path.mkdir()
    else:
        path.write_bytes(DAMAGES[damage])
    with pytest.raises(ValueError, match=r"^data: '.*own\.npz' is no \.npz file.*; save one with"):
        load_examples(str(path))


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_was_cut_or_changed_anywhere_is_refused_or_reads_as_it_was(tmp_path, packed):
    path, content = tmp_path / "own.npz", whole_file(GOOD, packed=packed)
    cut = [content[:size] for size in range(len(content))]
    changed = [
        content[:place] + bytes([content[place] ^ bits]) + content[place + 1 :]
        for place in range(len(content))
        for bits in (1, 8, 64, 255)
    ]
    refusals = []
    for damaged in cut + changed:
        path.write_bytes(damaged)
        try:
            x, y = read_npz(path)
        except ValueError as error:
            refusals.append(str(error))
        else:
            np.testing.assert_array_equal(x, GOOD["x"])
            np.testing.assert_array_equal(y, GOOD["y"])
    assert len(refusals) > len(cut)
    assert all("own.npz' " in text and "\n" not in text for text in refusals)


def test_a_file_that_may_not_be_read_says_so(save, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    path = save(**GOOD)
    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    with pytest.raises(ValueError, match=r"^data: '.*own\.npz' .*Permission denied"):
        load_examples(path)


@pytest.mark.parametrize("keys", [("x", "y"), ("x_train", "y_train")])
def test_images_and_columns_of_labels_are_taken_from_either_pair_of_arrays(save, keys):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (6, 4, 4), np.uint8), rng.normal(size=(6, 1))
    own = load_examples(save(**dict(zip(keys, (x, y), strict=True))))
    flat = load_examples(save(x=x.reshape(6, 16), y=y[:, 0]))
    assert own.dim == 16
    np.testing.assert_array_equal(own.inputs, flat.inputs)
    assert own.digest == flat.digest


def test_x_and_y_go_before_training_arrays(save):
    x = np.random.default_rng(0).normal(size=(5, 3))
    both = load_examples(save(x_train=-x, y_train=np.zeros(5), x=x, y=np.ones(5)))
    assert both.digest == load_examples(save(x=x, y=np.ones(5))).digest


def test_a_file_in_the_users_home_is_found(save, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_examples("~/own.npz" if save(**GOOD) else "").digest
    with pytest.raises(ValueError, match=r"^data: .*home"):
        load_examples("~nobody-of-this-name/own.npz")


def test_integers_from_0_name_classes_and_floats_are_numbers(save):
    x = np.random.default_rng(0).normal(size=(4, 3))
    for y, are_named in (
        (np.arange(4), True),
        (np.array([False, True, True, False]), True),
        (np.arange(4.0), False),
        (np.array([-1, 1, -1, 1]), False),
        (np.arange(4) + 1000, False),
    ):
        assert load_examples(save(x=x, y=y)).are_named == are_named
    assert not load_examples("digits").are_named


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(
        ValueError, match=r"^data: 'digits' needs scikit-learn: pip install scikit-learn$"
    ):
        load_examples("digits")
