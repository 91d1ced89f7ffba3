"""A folder of images with a folder for each class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from jaxadv.data.arrays import Part, check_arrays, reason_of

OPAQUE = 255
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
# Names of folders of a part.
PARTS: Mapping[Part, tuple[str, ...]] = {
    "train": ("train", "training"),
    "test": ("test", "testing", "val", "validation"),
}


class Classes(NamedTuple):
    """The folders of classes, and the names of all classes, whose order numbers them."""

    folders: list[Path]
    names: tuple[str, ...]


def find_classes(folder: Path, part: Part) -> Classes | None:
    """The folders of the classes, in the order of their names; None if there are none.

    If all folders in it are parts (``train``, ``test``, ``val``), the classes are in that of the
    part. The classes are then numbered as in the training part.

    Raises:
        ValueError: if a folder of a class has no images, or a class is in the test part alone.
    """
    if not folder.is_dir():
        return None
    inside = {path.name for path in _folders(folder)}
    if not inside or not inside <= {name for names in PARTS.values() for name in names}:
        return _classes_in(folder)
    training, chosen = (
        next((folder / name for name in PARTS[each] if name in inside), None)
        for each in ("train", part)
    )
    if chosen is None:
        return None
    of_training = None if training is None else _classes_in(training)
    return _classes_in(chosen, None if of_training is None else of_training.names)


def _classes_in(folder: Path, names: tuple[str, ...] | None = None) -> Classes | None:
    """The classes of a part; ``names`` are those of all classes, if they are known."""
    folders = _folders(folder)
    counts = [len(_images(path)) for path in folders]
    if not any(counts):
        return None
    if 0 in counts:
        empty = str(folders[counts.index(0)])
        raise ValueError(f"{empty!r} is the folder of a class, but has no images in it")
    names = tuple(path.name for path in folders) if names is None else names
    for path in folders:
        if path.name not in names:
            raise ValueError(f"{str(path)!r} is the folder of a class without training images")
    return Classes(folders, names)


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def read_classes(classes: Classes) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Images (n, height, width[, 3]) of bytes, classes (n,), and the names of the classes.

    Raises:
        ValueError: if a file is no image, or sizes differ; names the file.
    """
    paths = [
        (path, classes.names.index(folder.name))
        for folder in classes.folders
        for path in _images(folder)
    ]
    images = []
    for path, _ in paths:
        image = read_image(path)
        if images and image.shape != images[0].shape:
            sizes = ["×".join(map(str, each.shape)) for each in (image, images[0])]
            raise ValueError(
                f"{str(path)!r} is {sizes[0]}, but {str(paths[0][0])!r} is {sizes[1]}; images must "
                "have one size"
            )
        images.append(image)
    labels = np.array([number for _, number in paths], np.uint16)
    return *check_arrays(classes.folders[0].parent, np.stack(images), labels), classes.names


def read_image(file: Path | BinaryIO) -> np.ndarray:
    """An image as bytes: (height, width) if it is grey, else (height, width, 3).

    Grey values of 16 bits are rounded to bytes.

    Raises:
        ValueError: if it is no image, has transparent pixels, or grey values that are no bytes.
    """
    from PIL import Image  # noqa: PLC0415  slow to import

    try:
        with Image.open(file) as image:
            image.load()
            return _as_bytes(image)
    except Exception as error:  # each kind of damage has errors of its own
        raise ValueError(f"{str(file)!r} is no image: {reason_of(error)}") from error


def _as_bytes(image: Any) -> np.ndarray:
    """The pixels of an image of Pillow."""
    if image.mode.startswith("I;16"):
        return np.round(np.asarray(image) / 257).astype(np.uint8)
    if image.mode in {"I", "F"}:
        raise ValueError(f"its pixels are of mode {image.mode}; save it with 8 or 16 bits")
    if image.has_transparency_data and np.asarray(image.convert("RGBA"))[..., 3].min() < OPAQUE:
        raise ValueError("it has transparent pixels; save it without")
    return np.asarray(image.convert("L" if image.mode in {"1", "L", "LA"} else "RGB"))


def _images(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in ENDINGS and not path.name.startswith(".")
    )
