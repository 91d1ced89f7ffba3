"""Lines on the error stream: a mistake ends the program with exit code 2, a note does not."""

import contextlib
import itertools
import os
import sys
import warnings
from collections.abc import Iterator
from typing import NoReturn

EXIT_MISTAKE = 2
EXIT_UNREAD = 141
"""As of a program that the signal SIGPIPE ends."""


def fail(message: str) -> NoReturn:
    """Print one line and end the program with exit code 2."""
    line = " ".join(message.split())
    print(f"error: {line}", file=sys.stderr)
    raise SystemExit(EXIT_MISTAKE)


def note(message: str) -> None:
    """Print one line that the user should know of, and go on."""
    print(f"note: {message}", file=sys.stderr)


@contextlib.contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Print each warning as a note, without the place in our code where it is given."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        note(str(warning.message))


@contextlib.contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Turn a `ValueError`, `TypeError` or `OSError` into one line and exit code 2.

    Where nobody reads the output any more, as after ``| head``, the program ends silently.
    """
    try:
        try:
            yield
        finally:
            print(end="", flush=True)
    except (ValueError, TypeError, OSError) as error:
        if isinstance(error, BrokenPipeError) and _is_unread():
            # Python writes what is left when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(EXIT_UNREAD) from None
        fail(str(error))


def _is_unread() -> bool:
    """Whether it is the output whose pipe is broken, and no connection to another machine."""
    try:
        os.write(sys.stdout.fileno(), b"\n")
    except BrokenPipeError:
        return True
    return False


def message_in(box: str) -> str:
    """What a box says that tyro draws around an error, without its title and its last lines.

    Example:
        >>> message_in('''
        ... ╭─ Missing argument ────────────────╮
        ... │ Missing value for                 │
        ... │ argument '--scales'.              │
        ... │ ───────────────────────────────── │
        ... │ For full helptext, run … --help   │
        ... ╰───────────────────────────────────╯''')
        "Missing value for argument '--scales'."
    """
    rows = (line.strip(" │") for line in box.strip().splitlines()[1:])
    # Where the terminal has no such characters, a rule stands below the title.
    rows = itertools.dropwhile(_is_rule, rows)
    return " ".join(itertools.takewhile(lambda row: not _is_rule(row), rows))


def _is_rule(row: str) -> bool:
    return not row.strip("─-╰╯")
