"""A folder of images with a folder for each class."""

from pathlib import Path
from typing import BinaryIO

import numpy as np

from jaxadv.data.arrays import Part, check_arrays, reason_of

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")


def find_classes(folder: Path, part: Part) -> list[Path] | None:
    """The folders of the classes, in the order of their names; None if there are none.

    If the folder has folders ``train`` and ``test`` (or ``val``), the classes are in these.

    Raises:
        ValueError: if a folder of a class has no images.
    """
    if not folder.is_dir():
        return None
    below = {"train": ("train", "training"), "test": ("test", "testing", "val")}[part]
    inner = next((folder / name for name in below if (folder / name).is_dir()), folder)
    classes = sorted(p for p in inner.iterdir() if p.is_dir() and not p.name.startswith("."))
    counts = [len(_images(path)) for path in classes]
    if not any(counts):
        return None
    if 0 in counts:
        empty = str(classes[counts.index(0)])
        raise ValueError(f"{empty!r} is the folder of a class, but has no images in it")
    return classes


def read_classes(classes: list[Path]) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Images (n, height, width[, 3]) of bytes, classes (n,), and the names of the classes.

    Raises:
        ValueError: if a file is no image, or sizes differ; names the file.
    """
    paths = [(path, number) for number, folder in enumerate(classes) for path in _images(folder)]
    images = []
    for path, _ in paths:
        image = read_image(path)
        if images and image.shape != images[0].shape:
            first, own = "×".join(map(str, images[0].shape)), "×".join(map(str, image.shape))
            raise ValueError(
                f"{str(path)!r} is {own}, but {str(paths[0][0])!r} is {first}; images must have "
                "one size"
            )
        images.append(image)
    labels = np.array([number for _, number in paths], np.uint16)
    names = tuple(folder.name for folder in classes)
    return *check_arrays(classes[0].parent, np.stack(images), labels), names


def read_image(file: Path | BinaryIO) -> np.ndarray:
    """An image as bytes: (height, width) if it is grey, else (height, width, 3).

    Raises:
        ValueError: if it is no image.
    """
    from PIL import Image  # noqa: PLC0415  slow to import

    try:
        with Image.open(file) as image:
            is_grey = image.mode in {"1", "L", "LA", "I", "I;16", "F"}
            return np.asarray(image.convert("L" if is_grey else "RGB"))
    except Exception as error:  # each kind of damage has errors of its own
        raise ValueError(f"{str(file)!r} is no image: {reason_of(error)}") from error


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
