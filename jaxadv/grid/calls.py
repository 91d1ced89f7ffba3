"""Calls of programs side by side: each device has a thread."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any, NamedTuple

import jax

from jaxadv.devices import Device
from jaxadv.grid.blocks import Block
from jaxadv.grid.states import States
from jaxadv.grid.work import Finished, Program


class Call(NamedTuple):
    """Replicates of some blocks, for one call of a program."""

    members: list[tuple[Block, int]]
    program: Program
    states: States


class Ticked(NamedTuple):
    """A call is on its way: the units that it has done by now, and what it does next."""

    thread: int
    units: int
    text: str


class Done(NamedTuple):
    """A call has ended."""

    thread: int
    call: Call
    finished: Finished


class RunEndedError(Exception):
    """The run has ended before this call, by an error elsewhere or by the user."""


def side_by_side(calls: Iterable[Call], devices: Sequence[Device]) -> Iterator[Ticked | Done]:
    """Run calls, one at a time on each device, and yield what they report.

    A thread for each device begins the next call before it waits for the current one, so that the
    device is never idle. The last calls go to whichever device is free first.

    Args:
        calls: in the order in which they begin.
        devices: where they run; a CPU stands there once for each core.

    Raises:
        Exception: what a call raised. The others then end at their next tick.
    """
    queue = _Queue(calls, least_ahead=len(devices))
    for thread, device in enumerate(devices):
        # A daemon, because a call cannot be interrupted: a signal would have to wait for its end.
        threading.Thread(target=queue.work, args=(thread, device), daemon=True).start()
    at_work = len(devices)
    try:
        while at_work:
            message = queue.messages.get()
            if isinstance(message, BaseException):
                raise message
            if message is None:
                at_work -= 1
            else:
                yield message
    finally:
        queue.run_ended.set()


class _Queue:
    """The calls that wait, and the messages of the threads that run them.

    The last message of each thread is None, or the error that ended it.
    """

    def __init__(self, calls: Iterable[Call], least_ahead: int) -> None:
        self._waiting, self._lock = deque(calls), threading.Lock()
        self._least_ahead = least_ahead
        self.messages: SimpleQueue[Ticked | Done | BaseException | None] = SimpleQueue()
        self.run_ended = threading.Event()
        # Settings that ``with jax.debug_nans(True)`` and the like make are those of a thread.
        config: Any = jax.config
        self._checks = config.jax_debug_nans, config.jax_debug_infs

    def work(self, thread: int, device: Device) -> None:
        """Run calls on a device while there are any."""

        def tick(units: int, text: str) -> None:
            if self.run_ended.is_set():
                raise RunEndedError
            self.messages.put(Ticked(thread, units, text))

        nans, infs = self._checks
        try:
            with jax.debug_nans(nans), jax.debug_infs(infs):
                begun = self._begin(device)
                while begun is not None:
                    call, running = begun
                    following = self._begin(device, least=self._least_ahead)
                    self.messages.put(Done(thread, call, call.program.finish(running, tick)))
                    begun = following or self._begin(device)
            self.messages.put(None)
        except BaseException as error:  # noqa: BLE001  raised again by the main thread
            self.messages.put(error)

    def _begin(self, device: Device, least: int = 1) -> tuple[Call, Any] | None:
        """Begin the next call, if at least so many are waiting."""
        with self._lock:
            if self.run_ended.is_set() or len(self._waiting) < least:
                return None
            call = self._waiting.popleft()
        return call, call.program.start([index for _, index in call.members], call.states, device)
