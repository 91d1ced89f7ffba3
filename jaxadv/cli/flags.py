"""The flags of dataclasses: names, types, defaults and words are those of their fields."""

import contextlib
import dataclasses
import difflib
import inspect
import io
import re
import typing
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, TypedDict, cast

import tyro

from jaxadv.cli.mistakes import message_in, note
from jaxadv.cli.values import FlagError, constructor, text_of
from jaxadv.experiments.specification import Specification

GRID = "grid"
EXPERIMENT = "experiment"
"""Groups in the help of a specification's fields: those of several values, and the others."""
COMMAS = "Several values each, separated by commas, such as --scales 0.1,1,10."


def ask(form: Any, known: Sequence[str], prog: str, description: str, args: Sequence[str]) -> Any:
    """The command line, as tyro reads it.

    Args:
        form: what tyro makes of it, built from `form_of` values.
        known: the flags that an unknown one may have been meant for.
        prog: the program, in the help.
        description: what it does, for the help.
        args: the command line.

    Raises:
        ValueError: for a mistake, in one line.
        SystemExit: 0 after ``--help``.
    """
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            values, unknown = tyro.cli(
                form, prog=prog, description=description, args=args, return_unknown_args=True
            )
    except FlagError as error:
        raise ValueError(str(error)) from error
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        # Where a folder is missing, too, tyro speaks of that alone.
        unknown = [arg for arg in args if arg.startswith("--") and _name_of(arg) not in known]
        message = _about(unknown[0], known) if unknown else message_in(errors.getvalue())
        raise ValueError(message) from stop
    if unknown:
        raise ValueError(_about(unknown[0], known))
    return values


def flags_of(parts: Iterable[type[Any]]) -> list[str]:
    """The flags of dataclasses, in their order.

    Example:
        >>> from jaxadv.cli.commands import Layout
        >>> flags_of([Layout])
        ['--devices', '--lanes', '--check-every']
    """
    return [
        _flag_name(f"{prefix}{field.name}")
        for part in parts
        for field in dataclasses.fields(part)
        for prefix in (("", "no_") if field.type is bool else ("",))
    ]


def renamed(args: Sequence[str], parts: Iterable[type[Any]]) -> list[str]:
    """A command line with flags by the names of now; each that had another name is noted.

    Args:
        args: the command line.
        parts: dataclasses; their ``former_names``, if they have such, are by former name the name
            of now.
    """
    names = {
        _flag_name(former): _flag_name(now)
        for part in parts
        for former, now in getattr(part, "former_names", {}).items()
    }
    current = []
    for arg in args:
        flag, equals, value = arg.partition("=")
        if flag in names:
            note(f"{flag} is now {names[flag]}")
        current.append(f"{names.get(flag, flag)}{equals}{value}")
    return current


def form_of(parts: Sequence[type[Any]]) -> Any:
    """The flags of dataclasses for tyro, in groups."""
    groups: dict[str, Any] = {}
    for part in parts:
        if issubclass(part, Specification):
            groups |= _groups_of(part)
        else:
            groups[_title(part)] = _group_of(part)
    return dataclasses.make_dataclass(
        "Flags", [(title, tyro.conf.OmitArgPrefixes[group]) for title, group in groups.items()]
    )


def values_of(part: type[Any], values: Any) -> dict[str, Any]:
    """What a command line says of the fields of a dataclass, from what `ask` returned."""
    if issubclass(part, Specification):
        return {**getattr(values, GRID), **getattr(values, EXPERIMENT)}
    return dict(vars(getattr(values, _title(part))))


def _groups_of(spec: type[Specification]) -> dict[str, Any]:
    """The flags of a specification; one that is not given has no value.

    Then a file may have it, and what is a default is the specification's own matter.
    """
    hints = typing.get_type_hints(spec)
    sentence = re.search(r"The grid is the product of[^.]*\.", inspect.getdoc(spec) or "")
    about = {GRID: f"{COMMAS} {sentence[0] if sentence else ''}", EXPERIMENT: "One value each."}
    flags: dict[str, dict[str, Any]] = {title: {} for title in about}
    for field in dataclasses.fields(cast(Any, spec)):
        hint = hints[field.name]
        title = GRID if typing.get_origin(hint) is tuple else EXPERIMENT
        flags[title][field.name] = _flag(field.name, hint, field.default)
    groups = {}
    for title, named in flags.items():
        group = cast(Any, TypedDict)(title, named, total=False)
        group.__doc__ = spec.__doc__
        groups[title] = Annotated[group, tyro.conf.arg(help=about[title])]
    return groups


def _group_of(part: type[Any]) -> Any:
    """The flags of a dataclass, with its defaults; a field without one stands without a flag."""
    hints = typing.get_type_hints(part)
    flags: list[tuple[str, Any, Any]] = []
    for field in dataclasses.fields(part):
        flag = _flag(field.name, hints[field.name], field.default)
        if hints[field.name] is bool:
            flag = tyro.conf.FlagCreatePairsOff[flag]
        if field.default is dataclasses.MISSING:
            flag = tyro.conf.Positional[flag]
        flags.append((field.name, flag, dataclasses.field(default=field.default)))
    return dataclasses.make_dataclass(part.__name__, flags, namespace={"__doc__": part.__doc__})


def _flag(name: str, hint: Any, default: Any) -> Any:
    """A type for tyro: how a field is read, and what the help says of its default."""
    text = "" if default is dataclasses.MISSING else text_of(default)
    words = f"(default: {text})" if text and hint is not bool else ""
    flag = Annotated[hint, tyro.conf.arg(help_behavior_hint=words)]
    # Switches and choices are tyro's own.
    is_own = hint is not bool and typing.get_origin(hint) is not Literal
    return Annotated[flag, constructor(name, hint)] if is_own else flag


def _title(part: type[Any]) -> str:
    """The name of a part's group in the help."""
    return part.__name__.lower()


def _about(argument: str, known: Sequence[str]) -> str:
    """What is wrong with an argument that tyro does not know."""
    if not argument.startswith("-"):
        return f"unexpected {argument!r}; several values are separated by commas, without spaces"
    flag = _name_of(argument)
    near = difflib.get_close_matches(flag, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"unknown flag {flag}{hint} (--help explains all flags)"


def _flag_name(field: str) -> str:
    return "--" + field.replace("_", "-")


def _name_of(argument: str) -> str:
    """The flag in an argument that may have its value with it."""
    return argument.partition("=")[0].replace("_", "-")
