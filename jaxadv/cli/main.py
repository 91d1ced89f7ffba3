"""The program `jaxadv`: reads the command line, and hands what it says to a command."""

import importlib
import importlib.metadata
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Union

import tyro

from jaxadv.cli.commands import COMMANDS, Command, Output
from jaxadv.cli.flags import ask, flags_of, form_of, renamed, values_of
from jaxadv.cli.mistakes import errors_in_one_line, warnings_as_notes
from jaxadv.cli.process import stop_at_once
from jaxadv.experiments.specification import Specification
from jaxadv.problems.names import suggest

DESCRIPTION = """Projected gradient ascent on adversarial perturbations of random networks, and what
it says of the paper's claims.

What a command's flags mean is explained by jaxadv COMMAND --help; the version is printed by jaxadv
--version; what bash (zsh, fish) needs to complete flags is written by jaxadv
--tyro-write-completion bash FILE.

Example: jaxadv sweep --scales 0.1,1,10"""
HELP = ("-h", "--help")
COMPLETION = {"--tyro-write-completion": 3, "--tyro-print-completion": 2}
"""Flags of tyro's, and the arguments of each with itself."""
SHELLS = ("bash", "zsh", "fish")


def main(args: Sequence[str] | None = None) -> None:
    """Run the command that a command line names.

    Args:
        args: the command line; by default the program's.

    Raises:
        SystemExit: 0 after ``--help``, 2 after a mistake, 141 where nobody reads the output.
    """
    args = list(sys.argv[1:] if args is None else args)
    stop_at_once("stopped before anything was run")
    with errors_in_one_line():
        if args == ["--version"]:
            print("jaxadv", importlib.metadata.version("jaxadv"))
            return
        # A module of the user's that a flag names may lie in this folder, as for `python -m`.
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.append(here)
        command, parts = read(args)
        # Now, for it brings JAX and figures with it, which --help does not need.
        importlib.import_module(f"jaxadv.cli.{command.name}").run(*parts)


def read(args: Sequence[str]) -> tuple[Command, list[Any]]:
    """The command of a command line, and its parts with the values of the flags.

    Raises:
        ValueError, TypeError: for a mistake, in one line.
        SystemExit: 0 after ``--help``.
    """
    commands = {command.name: command for command in COMMANDS}
    name = args[0] if args else ""
    if name in commands:
        known = flags_of(commands[name].parts)
        args = [name, *renamed(args[1:], commands[name].parts)]
    elif name in COMPLETION and (len(args) != COMPLETION[name] or args[1] not in SHELLS):
        raise ValueError(f"{name}: give a shell, {', '.join(SHELLS)}, and where to write a file")
    elif name in HELP or name in COMPLETION:
        known = []
    else:
        what = f"unknown {name!r}" if args else "none is given"
        raise ValueError(f"command: {what}{suggest(name, commands)}; see jaxadv --help")
    form = Union[tuple(_subcommand(command, asked=name) for command in COMMANDS)]  # noqa: UP007
    values = ask(form, known, "jaxadv", DESCRIPTION, args)
    command = commands[name]
    return command, [_part(part, values) for part in command.parts]


def _subcommand(command: Command, asked: str) -> Any:
    """A command for tyro: described at length where it is asked for, and shortly in the list."""
    text = command.description
    subcommand = tyro.conf.subcommand(
        command.name,
        description=text if asked == command.name else text.partition("\n\n")[0],
        prefix_name=False,
    )
    return Annotated[form_of(command.parts), subcommand]


def _part(part: type[Any], values: Any) -> Any:
    """A part of a command, from its flags; of a specification, first from a file."""
    fields = values_of(part, values)
    file = values_of(Output, values)["config"] if issubclass(part, Specification) else None
    if file is not None:
        with warnings_as_notes():
            fields = {**part.read_config(file), **fields}
    return part(**fields)
