"""Command lines from specifications: every field is a flag, every mistake is one line.

Flags take text, which is read here by the type of the field: grid axes are comma-separated. What a
value may be is said in one place, the specification's own checks.
"""

import contextlib
import dataclasses
import inspect
import io
import os
import re
import shlex
import signal
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn, TypeVar

import tyro

S = TypeVar("S")

EXIT_MISTAKE = 2
EXIT_SIGNAL = 128
"""Plus the signal's number."""


def fail(message: str) -> NoReturn:
    """Print one line and end the program with exit code 2."""
    line = " ".join(message.split())
    print(f"error: {line}", file=sys.stderr)  # noqa: T201
    raise SystemExit(EXIT_MISTAKE)


def stop_at_once(message: str) -> None:
    """From now on, let Ctrl-C and SIGTERM print one line and end the program within a moment.

    Nothing is cleaned up, for nothing may have to be: what is written must be safe from any kill.
    (Python's own way would wait for what the devices are at.)
    """

    def stop(number: int, _: FrameType | None) -> NoReturn:
        with contextlib.suppress(OSError):
            os.write(sys.stderr.fileno(), f"\n{message}\n".encode())
        os._exit(EXIT_SIGNAL + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def command(without: Sequence[str] = ()) -> str:
    """The program's command line, to be typed again, but for some flags."""
    return shlex.join(["python", *(arg for arg in sys.argv if arg not in without)])


@contextlib.contextmanager
def mistakes_in_one_line() -> Iterator[None]:
    """Turn a `ValueError`, `TypeError` or `OSError` into one line and exit code 2."""
    try:
        yield
    except (ValueError, TypeError, OSError) as error:
        fail(str(error))


def whole_number(name: str, text: str) -> int:
    """The whole number that an option's text means.

    Raises:
        ValueError: if it means none; names the option.

    Example:
        >>> whole_number("lanes", "64")
        64
    """
    return _convert(name, text, int)


def local_path(name: str, text: str | Path) -> Path:
    """The file or folder that an option's text means; ``~`` is the user's home.

    Raises:
        ValueError: if the home is not known; names the option.

    Example:
        >>> local_path("folder", "results").as_posix()
        'results'
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{name}: {str(text)!r} is in no home that is known: {error}") from error


@dataclasses.dataclass(frozen=True)
class Option:
    """A flag that is no field of the specification: with a value of some kind, or a switch."""

    help: str
    kind: str = ""


def parse(
    spec: type[S],
    options: Mapping[str, Option],
    read_config: Callable[[str], dict[str, Any]],
    description: str,
    args: Sequence[str] | None = None,
) -> tuple[S, dict[str, Any]]:
    """A specification and further options from the command line.

    A value comes from its flag, else from the TOML file that ``--config`` names, else it is the
    field's default.

    Args:
        spec: a dataclass with an "Attributes" section in its docstring, which becomes the help.
        options: further flags by name; their values are returned as text, empty if not given,
            or as booleans.
        read_config: from the path of a file to the fields that it gives.
        description: what the program does, for ``--help``.
        args: the command line; by default the program's.

    Raises:
        SystemExit: 0 after ``--help``, 2 after a mistake.
    """
    config = Option("TOML file with any of the fields above, or a run's manifest.json", "PATH")
    options = {"config": config, **options}
    with mistakes_in_one_line():
        given = _read_flags(spec, options, {}, description, args)
        if given["config"]:
            given = _read_flags(spec, options, read_config(given["config"]), description, args)
        hints = typing.get_type_hints(spec)
        fields = {
            field.name: _read(field.name, given.pop(field.name), hints[field.name])
            for field in dataclasses.fields(typing.cast(Any, spec))
        }
        return spec(**fields), given


def ask(options: type[S], description: str, args: Sequence[str] | None = None) -> S:
    """The command line as a dataclass, by tyro.

    Raises:
        ValueError: for a mistake, in one line.
        SystemExit: 0 after ``--help``.
    """
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            return tyro.cli(options, description=description, args=args)
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        # tyro draws a box of several lines around its message.
        words = re.sub(r"[\s─│╭╮╰╯]+", " ", errors.getvalue())
        message = words.partition("For full helptext")[0].strip()
        raise ValueError(f"{message} (--help explains all flags)") from stop


def _read_flags(
    spec: type[Any],
    options: Mapping[str, Option],
    config: Mapping[str, Any],
    description: str,
    args: Sequence[str] | None,
) -> dict[str, Any]:
    """The text of every flag, or whether it is there."""
    helps, hints = _attribute_helps(spec), typing.get_type_hints(spec)
    flags = []
    for field in dataclasses.fields(spec):
        hint, value = hints[field.name], config.get(field.name, field.default)
        if hint is bool:
            arg = tyro.conf.arg(help=helps[field.name])
            flags.append((field.name, Annotated[bool, arg, tyro.conf.FlagCreatePairsOff], value))
            continue
        arg = tyro.conf.arg(help=helps[field.name], metavar=_metavar(hint))
        flags.append((field.name, Annotated[str, arg], _write(value)))
    for name, option in options.items():
        if option.kind:
            arg = tyro.conf.arg(help=option.help, metavar=option.kind)
            flags.append((name, Annotated[str, arg], ""))
        else:
            arg = tyro.conf.arg(help=option.help)
            flags.append((name, Annotated[bool, arg, tyro.conf.FlagCreatePairsOff], False))
    values = ask(dataclasses.make_dataclass("CommandLine", flags), description, args)
    return dataclasses.asdict(typing.cast(Any, values))


def _metavar(hint: Any) -> str:
    """What stands for a field's value in the help."""
    if typing.get_origin(hint) is tuple:
        return "A,B,…"
    return "N" if hint in (int, int | None) else "X" if hint is float else "NAME"


def _attribute_helps(spec: type[Any]) -> dict[str, str]:
    """The "Attributes" section of a docstring, by field."""
    section = (inspect.getdoc(spec) or "").partition("Attributes:")[2].partition("\n\n")[0]
    entries = re.split(r"\n {4}(\w+): ", section)[1:]
    return {
        name: " ".join(text.split()) for name, text in zip(entries[::2], entries[1::2], strict=True)
    }


def _write(value: Any) -> str:
    if value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _read(name: str, text: Any, hint: Any) -> Any:
    """The value that a flag's text means for a field of type ``hint``; switches have values."""
    if hint is bool:
        return text
    item = typing.get_args(hint)[0] if typing.get_args(hint) else hint
    # An empty default means what the specification says that it means.
    if types.NoneType in typing.get_args(hint):
        return None if text == "" else _convert(name, text, item)
    if typing.get_origin(hint) is not tuple:
        return _convert(name, text, hint)
    if text == "":
        return ()
    return tuple(_convert(name, part.strip(), item) for part in text.split(","))


def _convert(name: str, text: str, hint: Any) -> Any:
    if hint is float or hint is int:
        try:
            # 1e3 is a whole number, too.
            is_whole = hint is int and float(text).is_integer()
            return int(float(text)) if is_whole else hint(text)
        except ValueError:
            kind = "a number" if hint is float else "a whole number"
            raise ValueError(f"{name}: {text!r} is not {kind}") from None
    return text
