"""Images from files, as people have them; what is wrong with one is said in a line."""

import gzip
import io
import os
import pickle
import struct
import tarfile
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from jaxadv.data.examples import load_examples
from jaxadv.data.images import load_data
from jaxadv.data.sources import read

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
    pixels, classes, _ = read("mnist", data_dir=str(tmp_path))
    np.testing.assert_array_equal(pixels.reshape(DIGITS.shape), DIGITS)
    np.testing.assert_array_equal(classes, LABELS)
    examples = load_examples("mnist", str(tmp_path))
    np.testing.assert_array_equal(examples.labels, np.where(LABELS % 2 == 1, 1, -1))
    np.testing.assert_array_equal(examples.classes, LABELS)
    np.testing.assert_allclose(np.linalg.norm(examples.inputs, axis=1), 28.0, rtol=1e-5)


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
        ("other sizes", "' have 64 pixels; mnist needs 784"),
        ("other labels", "' must be whole numbers from 0 to 9"),
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
            read(name, data_dir=str(tmp_path))
        assert "\n" not in str(error.value)


def test_a_damaged_gzip_file_is_refused(tmp_path):
    """Zlib has errors of its own."""
    write_idx(tmp_path, packed=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    for place in (0, 10, 12, len(content) // 2, len(content) - 6):
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        with pytest.raises(ValueError, match=r"idx3-ubyte\.gz' is no whole gzip file"):
            read("mnist", data_dir=str(tmp_path))


def test_the_users_home_may_be_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "images").mkdir()
    np.savez(tmp_path / "images" / "mnist.npz", x=DIGITS, y=LABELS)
    assert len(read("mnist", data_dir="~/images").y) == 12


def packed(image):
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def write_cifar(folder, form):
    """The files of CIFAR-10 in one of its forms, seven images and five; where they are."""
    names = ["data_batch_1", "data_batch_2"]
    contents = []
    for rows in (slice(0, 7), slice(7, 12)):
        flat = PICTURES[rows].reshape(-1, 3072)
        if "python" in form:
            batch = {b"data": flat, b"labels": LABELS[rows].tolist(), b"batch_label": b"one"}
            contents.append(pickle.dumps(batch, protocol=2))
        else:
            contents.append(np.concatenate([LABELS[rows, None], flat], axis=1).tobytes())
    if "python" not in form:
        names = [f"{name}.bin" for name in names]
    below = "cifar-10-batches-py" if "python" in form else "cifar-10-batches-bin"
    if "archive" in form:
        path = folder / f"cifar-10-{'python' if 'python' in form else 'binary'}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name, content in zip(names, contents, strict=True):
                member = tarfile.TarInfo(f"{below}/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path
    (folder / below).mkdir()
    for name, content in zip(names, contents, strict=True):
        (folder / below / name).write_bytes(content)
    return folder / below


def write_tables(folder, form, images=None):
    """A table of Hugging Face, split over two files or not; where they are."""
    images = (
        [{"bytes": packed(image), "path": "a.png"} for image in DIGITS]
        if images is None
        else images
    )
    table = pa.table({"image": images, "label": LABELS[: len(images)].tolist()})
    if form == "parquet":
        below = folder / "datasets--own--mnist" / "snapshots" / "0123" / "mnist"
        below.mkdir(parents=True)
        pq.write_table(table.slice(0, 7), below / "train-00000-of-00002.parquet")
        pq.write_table(table.slice(7), below / "train-00001-of-00002.parquet")
        pq.write_table(table.slice(0, 3), below / "test-00000-of-00001.parquet")
        return folder / "datasets--own--mnist"
    path = folder / "mnist-train.arrow"
    new = pa.ipc.new_stream if form == "arrow stream" else pa.ipc.new_file
    with pa.OSFile(str(path), "wb") as sink, new(sink, table.schema) as writer:
        writer.write_table(table)
    return folder


def write_folders(folder, images=DIGITS):
    for image, label in zip(images, LABELS, strict=False):
        (folder / f"class {label}").mkdir(exist_ok=True)
        number = len(list((folder / f"class {label}").iterdir()))
        Image.fromarray(image).save(folder / f"class {label}" / f"{number}.png")
    return folder


CIFAR_FORMS = ["binary", "python", "binary archive", "python archive"]


@pytest.mark.parametrize("form", CIFAR_FORMS)
def test_cifar_is_read_in_every_form_that_its_authors_give(tmp_path, form):
    where = write_cifar(tmp_path, form)
    # The place itself, the folder that torchvision is given, and the name with that folder.
    for data in (load_data(where), load_data(tmp_path), load_data("cifar10", data_dir=tmp_path)):
        np.testing.assert_array_equal(data.y, LABELS)
        expected = PICTURES.transpose(0, 2, 3, 1) / 255
        np.testing.assert_allclose(data.x, expected, rtol=1e-6)


def test_a_python_file_of_cifar_can_run_nothing(tmp_path):
    class Harm:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    write_cifar(tmp_path, "python")
    path = tmp_path / "cifar-10-batches-py" / "data_batch_1"
    path.write_bytes(pickle.dumps({b"data": Harm(), b"labels": []}))
    with pytest.raises(ValueError, match=r"data_batch_1' is no Python file of CIFAR-10: it names"):
        load_data(tmp_path)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("form", ["parquet", "arrow stream", "arrow file"])
def test_tables_of_hugging_face_are_read_as_they_lie_in_a_cache(tmp_path, form):
    where = write_tables(tmp_path, form)
    for source in (where, tmp_path):
        data = load_data(source)
        np.testing.assert_array_equal(data.y, LABELS)
        np.testing.assert_allclose(data.x, DIGITS / 255, rtol=1e-6)
    if form == "parquet":
        assert len(load_data(where, "test")) == 3


def test_a_folder_for_each_class_is_read_in_the_order_of_the_names(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "test").mkdir()
    write_folders(tmp_path / "train")
    write_folders(tmp_path / "test", DIGITS[:3])
    data = load_data(tmp_path)
    assert data.names == tuple(f"class {number}" for number in range(10))
    order = np.argsort(LABELS, kind="stable")
    np.testing.assert_array_equal(data.y, LABELS[order])
    np.testing.assert_allclose(data.x, DIGITS[order] / 255, rtol=1e-6)
    assert len(load_data(tmp_path, "test")) == 3
    colour = tmp_path / "colour" / "one"
    colour.mkdir(parents=True)
    Image.fromarray(PICTURES[0].transpose(1, 2, 0)).save(colour / "a.png")
    assert load_data(tmp_path / "colour").x.shape == (1, 32, 32, 3)


def test_torchvisions_folder_is_read_as_it_lies_on_disk(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    write_idx(raw, packed=False)
    np.testing.assert_allclose(load_data(tmp_path).x, DIGITS / 255, rtol=1e-6)
    (raw / "t10k-images-idx3-ubyte").write_bytes(idx(DIGITS[:2]))
    (raw / "t10k-labels-idx1-ubyte").write_bytes(idx(LABELS[:2]))
    assert len(load_data(tmp_path, "test")) == 2


def test_both_parts_of_an_npz_file_are_read(tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, x_train=DIGITS, y_train=LABELS, x_test=DIGITS[:2] / 255, y_test=LABELS[:2])
    assert len(load_data(path)) == 12
    np.testing.assert_allclose(load_data(path, "test").x, DIGITS[:2] / 255, rtol=1e-6)


def cut(path, length):
    path.write_bytes(path.read_bytes()[:length])


def harm_idx(folder, harm):
    write_idx(folder, packed=False)
    images = folder / "train-images-idx3-ubyte"
    if harm == "cut":
        cut(images, 16 + 9000)
    elif harm == "of another kind":
        images.write_bytes(idx(LABELS))
    else:
        (folder / "train-labels-idx1-ubyte").unlink()


def harm_cifar(folder, form, harm):
    path = write_cifar(folder, form)
    if harm == "archive":
        cut(path, 5000)
        return
    path /= f"data_batch_1{'.bin' * (form == 'binary')}"
    short = pickle.dumps({b"data": np.zeros((2, 9), np.uint8), b"labels": [0, 1]})
    path.write_bytes(short if harm == "shape" else path.read_bytes()[:3000])


def harm_tables(folder, form, images=None):
    write_tables(folder, form, images)
    if images is None:
        for path in folder.rglob("*train*"):
            cut(path, 200)


def archive_of_others(folder):
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("other"))


def broken_image(folder):
    (folder / "class").mkdir()
    (folder / "class" / "a.png").write_bytes(packed(DIGITS[0])[:40])


def empty_class(folder):
    write_folders(folder)
    (folder / "empty").mkdir()


SMALL = {"bytes": packed(DIGITS[1, :9, :9])}
FIRST = {"bytes": packed(DIGITS[0])}
# What makes files that cannot be used, and what is said of them.
HARMS = {
    "IDX cut": (partial(harm_idx, harm="cut"), "has 9000 values, its header says"),
    "IDX of another kind": (
        partial(harm_idx, harm="of another kind"),
        "is no IDX file of bytes in 3 dimensions",
    ),
    "IDX without labels": (
        partial(harm_idx, harm="alone"),
        "there is no train-labels-idx1-ubyte[.gz]",
    ),
    "binary cut": (
        partial(harm_cifar, form="binary", harm="cut"),
        "data_batch_1.bin' has 3000 bytes; need a multiple of 3073",
    ),
    "python cut": (
        partial(harm_cifar, form="python", harm="cut"),
        "data_batch_1' is no Python file of CIFAR-10: ",
    ),
    "python of another shape": (
        partial(harm_cifar, form="python", harm="shape"),
        "data_batch_1' has data of shape (2, 9) and type uint8; need (2, 3072)",
    ),
    "archive cut": (
        partial(harm_cifar, form="python archive", harm="archive"),
        "cifar-10-python.tar.gz' is no whole archive: ",
    ),
    "archive of others": (archive_of_others, "holds no files of CIFAR-10, such as data_batch_1"),
    "parquet cut": (
        partial(harm_tables, form="parquet"),
        "parquet' is no whole parquet file: ",
    ),
    "arrow cut": (partial(harm_tables, form="arrow stream"), "arrow' is no whole arrow file: "),
    "other columns": (
        lambda folder: pq.write_table(
            pa.table({"text": ["a"], "label": [0]}), folder / "train.parquet"
        ),
        "has the columns ['text', 'label']; need images (image, ",
    ),
    "no image in a row": (
        partial(harm_tables, form="arrow stream", images=[FIRST, {"bytes": b"no"}]),
        "row 1 of '",
    ),
    "tables of mixed sizes": (
        partial(harm_tables, form="arrow stream", images=[FIRST, SMALL]),
        "has images of shapes (28, 28) and (9, 9); images must have one size",
    ),
    "folders of mixed sizes": (
        lambda folder: write_folders(folder, [DIGITS[0], DIGITS[1, :9, :9]]),
        "is 9×9, but '",
    ),
    "no image": (broken_image, "a.png' is no image: "),
    "empty class": (empty_class, "empty' is the folder of a class, but has no images in it"),
    "empty folder": (
        lambda folder: None,
        "has no training data in a known format: an .npz file, IDX files",
    ),
    "NaN": (
        lambda folder: np.savez(folder / "own.npz", x=np.full((2, 3), np.nan), y=[0, 1]),
        "x in 'HERE/own.npz' has NaN",
    ),
    "objects": (
        lambda folder: np.savez(folder / "own.npz", x=np.array([[1, None]], object), y=[0]),
        "is no .npz file with arrays of numbers",
    ),
    "no classes": (
        lambda folder: np.savez(folder / "own.npz", x=np.ones((2, 3)), y=[0.5, 1]),
        "must be numbers of classes, from 0",
    ),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_cannot_be_read_is_said_in_one_line(tmp_path, harm):
    damage, message = HARMS[harm]
    damage(tmp_path)
    own = tmp_path / "own.npz"
    source = own if own.exists() else tmp_path
    with pytest.raises(ValueError, match=r"^data: ") as error:
        load_data(source)
    assert message.replace("HERE", str(tmp_path)) in str(error.value)
    assert "\n" not in str(error.value)


def test_every_class_has_its_share_of_what_is_held_out():
    data = load_data("digits")
    kept, held_out = data.split(500, seed=3)
    assert (len(kept), len(held_out)) == (1297, 500)
    shares = np.bincount(held_out.y) - np.bincount(data.y) * 500 / 1797
    assert np.abs(shares).max() < 1
    again = data.split(500, seed=3)[1]
    np.testing.assert_array_equal(again.x, held_out.x)
    assert (data.split(500, seed=4)[1].x != held_out.x).any()
    rows = np.concatenate([kept.x, held_out.x]).reshape(1797, -1)
    np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(data.x.reshape(1797, -1), axis=0))
    for number in (0, 1797, -1, 0.2):
        with pytest.raises(ValueError, match="held_out"):
            data.split(number)


def test_five_thousand_real_images_come_with_a_package():
    x, y = load_data("mnist5k")
    assert x.shape == (5000, 28, 28)
    assert (x.min(), x.max()) == (0, 1)
    assert np.bincount(y).tolist() == [500] * 10
    centred = load_data("mnist5k", center=True).x
    np.testing.assert_allclose(centred.mean(axis=0, dtype=float), 0, atol=1e-6)
    assert centred.min() < 0


def test_examples_are_pixels_where_they_are_asked_for():
    pixels = load_examples("mnist5k", kind="pixels")
    assert (pixels.dim, pixels.inputs.max()) == (784, 1)
    np.testing.assert_array_equal(pixels.labels == 1, pixels.classes % 2 == 1)
    centred = load_examples("mnist5k", kind="centred").inputs
    np.testing.assert_allclose(
        centred, pixels.inputs - pixels.inputs.mean(0, dtype=float), atol=1e-6
    )


def test_grey_values_of_sixteen_bits_are_rounded_to_bytes(tmp_path):
    (tmp_path / "one").mkdir()
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / "one" / "a.png")
    (tmp_path / "one" / "._a.png").write_bytes(b"not an image")
    np.testing.assert_allclose(load_data(tmp_path).x[0], ramp / 65535, atol=0.5 / 255)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.fromarray(np.zeros((4, 4), np.float32)), "its pixels are of mode F"),
        (Image.fromarray(np.zeros((4, 4, 4), np.uint8)), "it has transparent pixels"),
    ],
)
def test_images_that_bytes_do_not_hold_are_refused(tmp_path, image, message):
    (tmp_path / "one").mkdir()
    image.save(tmp_path / "one" / "a.tiff")
    with pytest.raises(ValueError, match=message):
        load_data(tmp_path)


def test_classes_of_the_test_part_are_numbered_as_those_of_training(tmp_path):
    for part, names in (("train", "abc"), ("test", "ac")):
        for name in names:
            (tmp_path / part / name).mkdir(parents=True)
            Image.fromarray(DIGITS[0]).save(tmp_path / part / name / "0.png")
    assert load_data(tmp_path, "test").y.tolist() == [0, 2]
    # A class may be called as a part is.
    for name in ("car", "train"):
        (tmp_path / "vehicles" / name).mkdir(parents=True)
        Image.fromarray(DIGITS[0]).save(tmp_path / "vehicles" / name / "0.png")
    assert load_data(tmp_path / "vehicles").names == ("car", "train")


def test_of_several_data_sets_none_is_chosen(tmp_path):
    write_tables(tmp_path, "parquet")
    other = tmp_path / "datasets--own--other" / "snapshots" / "0123" / "mnist"
    other.mkdir(parents=True)
    pq.write_table(pa.table({"image": [FIRST], "label": [0]}), other / "train-0.parquet")
    with pytest.raises(ValueError, match=r"holds several data sets, .*own--mnist"):
        load_data(tmp_path)
    raw = tmp_path / "torch"
    for name in ("MNIST", "FashionMNIST"):
        (raw / name / "raw").mkdir(parents=True)
        write_idx(raw / name / "raw", packed=False)
    with pytest.raises(ValueError, match=r"holds several data sets, .*FashionMNIST"):
        load_data(raw)
    assert len(load_data("mnist", data_dir=raw)) == 12
    write_cifar(raw / "MNIST" / "raw", "binary")
    with pytest.raises(ValueError, match=r"several formats \(IDX, CIFAR-10\)"):
        load_data(raw / "MNIST" / "raw")


def test_parts_that_are_not_there_are_refused(tmp_path):
    np.savez(tmp_path / "own.npz", x=DIGITS, y=LABELS, x_test=DIGITS[:2], y_test=LABELS[:2])
    assert len(load_data(tmp_path / "own.npz", "test")) == 2
    with pytest.raises(ValueError, match="part: 'val' must be 'train' or 'test'"):
        load_data(tmp_path / "own.npz", "val")
    with pytest.raises(ValueError, match=r"part: 'digits' has no test part; split it"):
        load_data("digits", "test")


def test_lists_of_bytes_are_bytes(tmp_path):
    kind = pa.list_(pa.list_(pa.uint8()))
    table = pa.table({"image": pa.array(DIGITS.tolist(), kind), "label": LABELS.tolist()})
    pq.write_table(table, tmp_path / "train.parquet")
    np.testing.assert_allclose(load_data(tmp_path).x, DIGITS / 255, rtol=1e-6)
