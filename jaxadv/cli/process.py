"""The process of a command: what was typed to start it, and how it is stopped."""

import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

EXIT_SIGNAL = 128
"""Plus the signal's number."""


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


def what_goes_on(store: str) -> None:
    """From now on, let Ctrl-C and SIGTERM say that the same command goes on with a store."""
    again = command(without=["--fresh"])
    stop_at_once(f"stopped; what {store} has is kept, and this goes on: {again}")


def command(without: Sequence[str] = ()) -> str:
    """The command line as it was typed, to be typed again, but for some flags."""
    arguments = [argument for argument in sys.argv[1:] if argument not in without]
    return shlex.join([*_program(), *arguments])


def _program() -> list[str]:
    """How the program was called: the console command, the module, or a script."""
    path = Path(sys.argv[0])
    if path.name == "__main__.py":
        return ["python", "-m", "jaxadv"]
    return ["jaxadv"] if path.stem == "jaxadv" else ["python", sys.argv[0]]
