"""How the text of a flag becomes a value, by the type of its field."""

import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tyro.constructors import PrimitiveConstructorSpec


class FlagError(Exception):
    """The text of a flag is no value of its field.

    It is no `ValueError`, around which tyro would draw a box.
    """


class Shard(NamedTuple):
    """One of the parts of some work; the first is part 0."""

    part: int
    parts: int


class Reader(NamedTuple):
    """How a type of values is read.

    Attributes:
        metavar: what stands for a value in the help.
        read: from a text to the value; a `ValueError` says what the text should have been.
    """

    metavar: str
    read: Callable[[str], Any]


def constructor(name: str, hint: Any) -> PrimitiveConstructorSpec[Any]:
    """How tyro reads a field of type ``hint`` from one argument.

    Example:
        >>> constructor("scales", tuple[float, ...]).instance_from_str(["0.1,1"])
        (0.1, 1.0)
        >>> constructor("widths", tuple[int, ...]).instance_from_str(["1e3,x"])
        Traceback (most recent call last):
        ...
        jaxadv.cli.values.FlagError: widths: 'x' is not a whole number
    """
    reader = reader_of(hint)

    def instance_from_str(texts: list[str]) -> Any:
        try:
            return reader.read(texts[0])
        except ValueError as error:
            raise FlagError(f"{name}: {error}") from error

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=reader.metavar,
        instance_from_str=instance_from_str,
        is_instance=lambda _: True,
        str_from_instance=lambda value: [text_of(value)],
    )


def reader_of(hint: Any) -> Reader:
    """How values of a type are read: ``tuple[T, ...]`` from a comma-separated text, and so on.

    An empty text is an empty tuple, or None where the type has it.

    Example:
        >>> reader_of(tuple[int, ...]).read("8, 1e3"), reader_of(tuple[int, ...]).read("")
        ((8, 1000), ())
        >>> reader_of(int | None).read("") is None
        True
    """
    options = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        read_item = reader_of(options[0]).read
        return Reader(
            "A,B,…",
            lambda text: tuple(read_item(part.strip()) for part in text.split(",")) if text else (),
        )
    if types.NoneType in options:
        reader = reader_of(options[0])
        return Reader(reader.metavar, lambda text: reader.read(text) if text else None)
    # A function, or its name: in a shell it has a name.
    return READERS[str if str in options else hint]


def text_of(value: Any) -> str:
    """A value as it is written on a command line.

    Example:
        >>> text_of((0.1, 1.0)), text_of(20_000), text_of(None)
        ('0.1,1', '20000', '')
    """
    if isinstance(value, tuple):
        return ",".join(map(text_of, value))
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def read_number(text: str) -> float:
    """The number that a text means, which may be a fraction such as 8/255.

    Example:
        >>> read_number("1e-3"), read_number("1/4")
        (0.001, 0.25)
    """
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{text!r} is not a number") from None


def read_whole(text: str) -> int:
    """The whole number that a text means, which may be written as 1e3."""
    try:
        return int(float(text)) if not text.isdecimal() and float(text).is_integer() else int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a whole number") from None


def read_path(text: str) -> Path:
    """The file or folder that a text means; ``~`` is the user's home."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{text!r} is in no home that is known: {error}") from error


def read_shard(text: str) -> Shard:
    """The shard that "I/N" means."""
    part, _, parts = text.partition("/")
    try:
        return Shard(int(part), int(parts))
    except ValueError:
        raise ValueError(f"{text!r} is not I/N, such as 0/3") from None


READERS: dict[Any, Reader] = {
    float: Reader("X", read_number),
    int: Reader("N", read_whole),
    str: Reader("NAME", str),
    Path: Reader("PATH", read_path),
    Shard: Reader("I/N", read_shard),
}
