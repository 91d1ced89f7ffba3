"""MNIST and CIFAR-10 from files, as people have them; what is wrong with one is said in a line."""

import gzip
import struct

import numpy as np
import pytest

from jaxadv.problems.data import load_examples
from jaxadv.problems.images import load_images

RNG = np.random.default_rng(0)
DIGITS = RNG.integers(0, 256, (12, 28, 28), np.uint8)
PICTURES = RNG.integers(0, 256, (12, 3, 32, 32), np.uint8)
LABELS = np.arange(12, dtype=np.uint8) % 10


def idx(array):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write_idx(folder, *, packed):
    for name, array in (("train-images-idx3-ubyte", DIGITS), ("train-labels-idx1-ubyte", LABELS)):
        content = idx(array)
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


@pytest.mark.parametrize("form", ["idx", "idx.gz", "keras", "x and y"])
def test_mnist_is_read_from_any_of_its_files(tmp_path, form):
    if form.startswith("idx"):
        write_idx(tmp_path, packed=form.endswith("gz"))
    elif form == "keras":
        np.savez(tmp_path / "mnist.npz", x_train=DIGITS, y_train=LABELS, x_test=DIGITS[:1])
    else:
        np.savez(tmp_path / "mnist.npz", x=DIGITS.reshape(12, -1), y=LABELS[:, None])
    pixels, classes = load_images("mnist", str(tmp_path))
    np.testing.assert_array_equal(pixels, DIGITS.reshape(12, -1))
    np.testing.assert_array_equal(classes, LABELS)
    examples = load_examples("mnist", str(tmp_path))
    np.testing.assert_array_equal(examples.labels, np.where(LABELS % 2 == 1, 1, -1))
    np.testing.assert_array_equal(examples.classes, LABELS)
    np.testing.assert_allclose(np.linalg.norm(examples.directions, axis=1), 28.0, rtol=1e-5)


def test_cifar_is_read_from_its_binary_version(tmp_path):
    rows = np.concatenate([LABELS[:, None], PICTURES.reshape(12, -1)], axis=1)
    rows[:7].tofile(tmp_path / "data_batch_1.bin")
    rows[7:].tofile(tmp_path / "data_batch_2.bin")
    examples = load_examples("cifar10", str(tmp_path))
    assert examples.dim == 3072
    np.testing.assert_array_equal(examples.classes, LABELS)
    # Aeroplane, car, ship and lorry against animals.
    np.testing.assert_array_equal(examples.labels == 1, np.isin(LABELS, [0, 1, 8, 9]))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ("nothing there", "neither train-images-idx3-ubyte[.gz] nor mnist.npz"),
        ("no folder", "there is no folder 'nowhere' with the files of mnist"),
        ("cut short", "train-images-idx3-ubyte' has 9000 values, its header says [12, 28, 28]"),
        ("no idx", "train-images-idx3-ubyte' is no IDX file of bytes in 3 dimensions"),
        ("no arrays", "mnist.npz' has neither x and y nor x_train and y_train, but"),
        ("other sizes", "mnist.npz' have 64 pixels; mnist needs 784"),
        ("other labels", "mnist.npz' must be whole numbers from 0 to 9"),
        ("labels for images", "train-images-idx3-ubyte' is no IDX file of bytes in 3 dimensions"),
        ("no such home", "cannot read '~nobody-of-this-name': Could not determine home"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, harm, message):
    folder = str(tmp_path)
    if harm == "no folder":
        folder = "nowhere"
    elif harm in {"cut short", "no idx"}:
        write_idx(tmp_path, packed=False)
        path = tmp_path / "train-images-idx3-ubyte"
        content = path.read_bytes()
        path.write_bytes(content[: 16 + 9000] if harm == "cut short" else content[1:])
    elif harm == "no arrays":
        np.savez(tmp_path / "mnist.npz", images=DIGITS)
    elif harm == "other sizes":
        np.savez(tmp_path / "mnist.npz", x=np.zeros((12, 64)), y=LABELS)
    elif harm == "other labels":
        np.savez(tmp_path / "mnist.npz", x=DIGITS, y=LABELS + 0.5)
    elif harm == "labels for images":
        write_idx(tmp_path, packed=False)
        (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(LABELS))
    elif harm == "no such home":
        folder = "~nobody-of-this-name"
    with pytest.raises(ValueError, match="data_dir: ") as error:
        load_examples("mnist", folder)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("form", ["idx", "idx.gz", "bin", "npz"])
def test_a_file_that_was_cut_is_refused_at_any_length(tmp_path, form):
    name = "cifar10" if form == "bin" else "mnist"
    if form == "npz":
        path = tmp_path / "mnist.npz"
        np.savez_compressed(path, x=DIGITS, y=LABELS)
    elif form == "bin":
        path = tmp_path / "data_batch_1.bin"
        path.write_bytes(bytes(2 * 3073))
    else:
        write_idx(tmp_path, packed=form == "idx.gz")
        path = tmp_path / f"train-images-idx3-ubyte{form[3:]}"
    content = path.read_bytes()
    for size in {*range(64), *range(64, len(content), 97), len(content) - 1}:
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=rf"^data_dir: .*{path.name if size else ''}") as error:
            load_images(name, str(tmp_path))
        assert "\n" not in str(error.value)


def test_a_damaged_gzip_file_is_refused(tmp_path):
    """Zlib has errors of its own."""
    write_idx(tmp_path, packed=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    for place in (0, 10, 12, len(content) // 2, len(content) - 6):
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        with pytest.raises(ValueError, match=r"idx3-ubyte\.gz' is no whole gzip file"):
            load_images("mnist", str(tmp_path))


def test_the_users_home_may_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "images").mkdir()
    np.savez(tmp_path / "images" / "mnist.npz", x=DIGITS, y=LABELS)
    assert len(load_images("mnist", "~/images")[1]) == 12
