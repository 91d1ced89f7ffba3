"""Data sets of Hugging Face as they lie on disk: Parquet or Arrow files of images and labels."""

import importlib.util
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxadv.data.arrays import Arrays, Part, check_arrays, reason_of
from jaxadv.data.image_folder import read_image

IMAGES = ("image", "img", "pixels", "x")  # names of the column of images
LABELS = ("label", "labels", "fine_label", "class", "y")


def find_tables(source: Path, part: Part) -> list[Path] | None:
    """The files of a part, wherever they lie below the folder; None if there are none.

    A cache of downloads keeps ``snapshots/REVISION/…/train-00000-of-00001.parquet``, and one of
    prepared data ``…/mnist-train.arrow``. Of several revisions the newest is read.

    Raises:
        ValueError: if there are several data sets.
    """
    if source.is_file():
        return [source] if source.suffix in {".parquet", ".arrow"} else None
    pattern = re.compile(rf"(.*[-_])?{part}([-_]\d+.*)?\.(parquet|arrow)")
    paths = [
        path
        for path in source.rglob("*")
        if path.suffix in {".parquet", ".arrow"}
        and (pattern.fullmatch(path.name) or path.parent.name == part)
    ]
    if not paths:
        return None
    sets = {_without_revision(path.parent) for path in paths}
    if len(sets) > 1:
        listed = ", ".join(sorted(map(str, sets))[:4])
        raise ValueError(f"{str(source)!r} holds several data sets, {listed}; give one of them")
    folder = max({path.parent for path in paths}, key=lambda path: (path.stat().st_mtime, path))
    chosen = [path for path in paths if path.parent == folder]
    # Both kinds would be the same rows twice.
    kind = min(path.suffix for path in chosen)
    return sorted(path for path in chosen if path.suffix == kind)


def _without_revision(folder: Path) -> Path:
    """The folder without the part of its path that names a revision, of which one is read."""
    parts = [part for part in folder.parts if not re.fullmatch(r"[0-9a-f]{16,}", part)]
    if "snapshots" in parts:
        at = folder.parts.index("snapshots")
        parts = [*folder.parts[:at], *folder.parts[at + 2 :]]
    return Path(*parts)


def read_tables(files: list[Path]) -> Arrays:
    """Images (n, height, width[, 3]) and labels (n,).

    Raises:
        ValueError: if a file is damaged, or has no columns of images and labels; names the file.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise ValueError(f"{str(files[0])!r} needs pyarrow: pip install pyarrow")
    images: list[np.ndarray] = []
    labels: list[Any] = []
    for path in files:
        for image, label in _rows(path):
            if images and image.shape != images[0].shape:
                raise ValueError(
                    f"{str(path)!r} has images of shapes {images[0].shape} and {image.shape}; "
                    "images must have one size"
                )
            images.append(image)
            labels.append(label)
    if not images:
        raise ValueError(f"{str(files[0])!r} has no rows")
    return check_arrays(files[0], np.stack(images), np.asarray(labels))


def _rows(path: Path) -> Iterator[tuple[np.ndarray, Any]]:
    """The image and the label of each row of a file."""
    table = _table(path)
    names = table.column_names
    columns = [next((n for n in known if n in names), None) for known in (IMAGES, LABELS)]
    if None in columns:
        raise ValueError(
            f"{str(path)!r} has the columns {names[:6]}; need images ({', '.join(IMAGES)}) and "
            f"labels ({', '.join(LABELS)})"
        )
    images, labels = (table[name].to_pylist() for name in columns)
    kind = table.schema.field(columns[0]).type
    while hasattr(kind, "value_type"):
        kind = kind.value_type
    dtype = np.uint8 if str(kind) == "uint8" else np.float64
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        yield _image(image, f"row {number} of {str(path)!r}", dtype), label


def _table(path: Path) -> Any:
    import pyarrow as pa  # noqa: PLC0415  an extra
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        if path.suffix == ".parquet":
            return pq.read_table(path)
        with pa.memory_map(str(path)) as file:
            # `datasets` writes streams; files of Arrow have an index at their end.
            opened = pa.ipc.open_file if file.read(6) == b"ARROW1" else pa.ipc.open_stream
            file.seek(0)
            return opened(file).read_all()
    except Exception as error:  # each kind of damage has errors of its own
        reason = reason_of(error)
        raise ValueError(f"{str(path)!r} is no whole {path.suffix[1:]} file: {reason}") from error


def _image(value: Any, where: str, dtype: Any) -> np.ndarray:
    """A cell of the column of images: a packed image, or nested lists of numbers."""
    if isinstance(value, dict):
        value = value.get("bytes")
    if isinstance(value, bytes):
        return _unpacked(value, where)
    try:
        return np.asarray(value, dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} has no image in it") from error


def _unpacked(content: bytes, where: str) -> np.ndarray:
    try:
        return read_image(io.BytesIO(content))
    except ValueError as error:
        raise ValueError(f"{where} is no image: {str(error).partition(': ')[2]}") from error
