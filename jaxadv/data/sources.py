"""From a name, a file or a folder to labelled inputs: the format is read from what is there."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxadv.data.arrays import Part, read_npz, reason_of
from jaxadv.data.cifar import find_cifar, read_cifar
from jaxadv.data.hugging_face import find_tables, read_tables
from jaxadv.data.idx import OF_MNIST, find_idx, read_idx
from jaxadv.data.image_folder import find_classes, read_classes
from jaxadv.data.packaged import PACKAGED
from jaxadv.problems.names import suggest

# Names of data whose files are the user's, with the number of pixels.
SIZES = {"mnist": 784, "cifar10": 3072}
NUM_CLASSES = 10  # of both
FORMATS = (
    "an .npz file, IDX files (train-images-idx3-ubyte), CIFAR-10 (data_batch_1, an archive), a "
    "folder of images for each class, or Parquet and Arrow files of Hugging Face"
)


class Labelled(NamedTuple):
    """Inputs (n, ...) and labels (n,) as a file has them, and the names of classes, if any."""

    x: np.ndarray
    y: np.ndarray
    names: tuple[str, ...] = ()


def read(
    source: str, part: Any = "train", *, data_dir: str = "", others: tuple[str, ...] = ()
) -> Labelled:
    """The inputs and labels that a name, a file or a folder means.

    Args:
        source: ``"digits"`` or ``"mnist5k"``, which come with packages; ``"mnist"`` or
            ``"cifar10"``, whose files are in ``data_dir``; or the path of a file or folder.
        part: the training or the test part, where data is given in two parts.
        data_dir: the folder of mnist and cifar10.
        others: names that mean something else to the caller; an error may suggest them.

    Raises:
        ValueError: if there is no such data, or it cannot be read; says why in one line, which
            begins with the field to be mended, ``data`` or ``data_dir``.

    Example:
        >>> read("digits").x.shape
        (1797, 8, 8)
    """
    if part not in ("train", "test"):
        raise ValueError(f"part: {part!r} must be 'train' or 'test'")
    if source in SIZES:
        return _of_name(source, part, data_dir)
    if source in PACKAGED:
        if part == "test":
            raise ValueError(f"part: {source!r} has no test part; split it")
        return _mentioning("data", source, lambda: Labelled(*PACKAGED[source]()))
    return _mentioning("data", source, lambda: _of_path(source, part, others))


def _mentioning(field: str, place: str, reader: Callable[[], Labelled]) -> Labelled:
    """What a reader returns; its errors name the field."""
    try:
        return reader()
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from error
    except FileNotFoundError:
        raise ValueError(f"{field}: there is no file {place!r}") from None
    except (OSError, RuntimeError) as error:  # RuntimeError: of a home that is not known
        raise ValueError(f"{field}: cannot read {place!r}: {reason_of(error)}") from error


def _of_path(source: str, part: Part, others: tuple[str, ...]) -> Labelled:
    """What a path names."""
    path = Path(source).expanduser()
    if source.endswith(".npz"):
        return Labelled(*read_npz(path, part))
    if not path.exists():
        if "/" in source or path.suffix:
            raise ValueError(f"there is no file or folder {source!r}")
        hint = suggest(source, (*others, *PACKAGED, *SIZES))
        raise ValueError(f"unknown {source!r}{hint}, or a file FILE.npz or a folder")
    every = {name: files for name, (find, _) in FINDERS.items() if (files := find(path, part))}
    if len(every) > 1:
        raise ValueError(
            f"{source!r} holds data in several formats ({', '.join(every)}); give the folder of one"
        )
    if not every:
        raise ValueError(f"{source!r} has no {part}ing data in a known format: {FORMATS}")
    ((name, files),) = every.items()
    return Labelled(*FINDERS[name][1](files, part))


def _of_name(name: str, part: Part, data_dir: str) -> Labelled:
    """The images of mnist or cifar10, from the user's folder."""
    if not data_dir:
        raise ValueError(f"data_dir: {name} needs the folder with its files; give data_dir")
    return _mentioning("data_dir", data_dir, lambda: _checked(name, part, data_dir))


def _checked(name: str, part: Part, data_dir: str) -> Labelled:
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise ValueError(f"there is no folder {str(folder)!r} with the files of {name}")
    npz = folder / f"{name}.npz"
    if npz.is_file():
        labelled = Labelled(*read_npz(npz, part))
    else:
        find, reader = NAMED[name]
        if not (files := find(folder, part)):
            raise ValueError(f"in {str(folder)!r} there is neither {FILES[name]} nor {name}.npz")
        labelled = Labelled(*reader(files, part))
    pixels = int(np.prod(labelled.x.shape[1:]))
    if pixels != SIZES[name]:
        raise ValueError(
            f"images in {str(folder)!r} have {pixels} pixels; {name} needs {SIZES[name]}"
        )
    if not np.isin(labelled.y, range(NUM_CLASSES)).all():
        raise ValueError(
            f"labels in {str(folder)!r} must be whole numbers from 0 to {NUM_CLASSES - 1}"
        )
    return labelled


Finder = tuple[Callable[[Path, Part], Any], Callable[[Any, Part], Iterable[Any]]]
# The formats of files and folders: what finds the files of a part, and what reads them.
FINDERS: Mapping[str, Finder] = {
    "IDX": (find_idx, lambda files, _: read_idx(files)),
    "CIFAR-10": (find_cifar, read_cifar),
    "tables": (find_tables, lambda files, _: read_tables(files)),
    "folders of images": (find_classes, lambda classes, _: read_classes(classes)),
}
# Those of data that has a name: in a folder of torchvision, mnist is MNIST's own.
NAMED: Mapping[str, Finder] = {
    "mnist": (partial(find_idx, places=OF_MNIST), FINDERS["IDX"][1]),
    "cifar10": FINDERS["CIFAR-10"],
}
FILES = {"mnist": "train-images-idx3-ubyte[.gz]", "cifar10": "data_batch_1[.bin]"}
