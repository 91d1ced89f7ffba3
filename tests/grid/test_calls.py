"""Calls side by side: each once, records in their places in whatever order the calls end."""

import threading

import jax
import numpy as np
import pytest

from jaxadv.grid.blocks import Block
from jaxadv.grid.calls import Call, Done, RunEndedError, side_by_side
from jaxadv.grid.engines import run_here
from jaxadv.grid.states import States
from jaxadv.grid.stored import StoredGrid
from jaxadv.grid.work import Finished

CELLS = ("cell",)
PATIENCE = 20  # seconds


class Backwards:
    """Records the numbers of replicates; of two calls under way, the later one ends first."""

    replicates_per_call = 2
    layout: dict[str, int] = {}  # noqa: RUF012

    def __init__(self):
        self.devices, self.last_has_ended = [], threading.Event()

    def start(self, replicates, states, device):
        assert states.load(0) is None
        self.devices.append(device)
        return list(replicates)

    def finish(self, running, tick):
        if running[0] == 0:
            assert self.last_has_ended.wait(PATIENCE)
        tick(len(running), "")
        if running[-1] == 6:
            self.last_has_ended.set()
        numbers = np.array(running)
        return Finished({"number": numbers[None]}, {"units_run": np.ones(len(running), int)})


class Stored(StoredGrid):
    """A store that keeps what is written."""

    def __init__(self):
        self.written = {}

    def states_of(self, cells):
        return States(None, cells)

    def write(self, block, records):
        self.written[block] = records["number"].tolist()


def test_records_are_in_their_places_in_whatever_order_calls_end():
    blocks = [Block(CELLS, range(5)), Block(CELLS, range(5, 7))]
    stored, program, ticks = Stored(), Backwards(), []
    ended = list(
        run_here(stored, blocks, {CELLS: program}, ["a", "b"], lambda *of: ticks.append(of))
    )
    assert stored.written == {block: [list(block.replicates)] for block in blocks}
    assert sum(part.called["units_run"] for part in ended) == 7
    assert len(program.devices) == 4
    assert set(program.devices) == {"a", "b"}
    assert len(ticks) == 4


def calls_of(program, number):
    block = Block(CELLS, range(number))
    return [Call([(block, index)], program, States(None, "")) for index in block.replicates]


def test_an_error_of_a_call_is_raised_and_the_others_end_at_their_next_tick():
    begun, ended = threading.Barrier(2), []

    class Failing(Backwards):
        def finish(self, running, tick):
            begun.wait(PATIENCE)
            if running == [0]:
                raise KeyboardInterrupt
            while True:
                try:
                    tick(0, "")
                except RunEndedError as error:
                    ended.append(error)
                    raise

    num_threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        list(side_by_side(calls_of(Failing(), 9), ["a", "b"]))
    for thread in threading.enumerate()[num_threads:]:
        thread.join(PATIENCE)
    assert len(ended) == 1


def test_checks_for_nan_and_inf_hold_in_the_threads_too():
    seen = []

    class Looking(Backwards):
        def finish(self, running, tick):
            seen.append((jax.config.jax_debug_nans, jax.config.jax_debug_infs))
            return Finished({}, {"units_run": np.ones(1, int)})

    with jax.debug_nans(True):
        list(side_by_side(calls_of(Looking(), 1), ["a"]))
    with jax.debug_infs(True):
        list(side_by_side(calls_of(Looking(), 1), ["a"]))
    assert seen == [(True, False), (False, True)]


def test_the_last_calls_go_to_whichever_device_is_free():
    """With two devices, a call that waits on a slow one would be late."""

    class OneIsSlow(Backwards):
        def finish(self, running, tick):
            if running == [0]:
                assert self.last_has_ended.wait(PATIENCE)
            if running == [4]:
                self.last_has_ended.set()
            return Finished({}, {"units_run": np.ones(1, int)})

    for count in (1, 2, 5):
        program = OneIsSlow()
        if count < 5:
            program.last_has_ended.set()
        messages = list(side_by_side(calls_of(program, count), ["a", "b"]))
        assert all(isinstance(message, Done) for message in messages)
        assert sorted(m.call.members[0][1] for m in messages) == list(range(count))
