"""Lines on the error stream: a mistake ends the program with exit code 2, a note does not."""

import contextlib
import itertools
import sys
import warnings
from collections.abc import Iterator
from typing import NoReturn

EXIT_MISTAKE = 2


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
    """Turn a `ValueError`, `TypeError` or `OSError` into one line and exit code 2."""
    try:
        yield
    except (ValueError, TypeError, OSError) as error:
        fail(str(error))


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
