"""Processes that are killed in the middle of what they write."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from jaxadv.grid.store import Store
from jaxadv.sweeps.work import SweepWork

WRITES = 5  # of a block's chunks, before the kill


@dataclass(frozen=True)
class DyingSweep(SweepWork):
    """A sweep that kills the process in which it is run first.

    Attributes:
        victim: the file that has the number of the process once it was killed.
    """

    victim: Path = Path()

    def program(self, cells, devices):
        """The program of the sweep; arms this process if it is the first."""
        if not self.victim.exists():
            self.victim.write_text(str(os.getpid()))
            write, left = Store.write, [WRITES]

            def write_or_die(store, values, block):
                for name, value in values.items():
                    if left[0] == 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    left[0] -= 1
                    write(store, {name: value}, block)

            Store.write = write_or_die
        return super().program(cells, devices)


def run_and_die(run, store, owner, method, number):
    """Run an experiment into a store, until a method has been called so many times."""
    usual, left = getattr(owner, method), [number]

    def call_or_die(*args, **options):
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        return usual(*args, **options)

    setattr(owner, method, call_or_die)
    run(store)
