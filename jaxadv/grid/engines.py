"""Where blocks run: on the devices of this process, or on the workers of an executor."""

import itertools
import operator
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from jaxadv.devices import Device, use_devices
from jaxadv.grid.blocks import Block
from jaxadv.grid.calls import Call, Done, Ticked, side_by_side
from jaxadv.grid.places import place
from jaxadv.grid.process import describe_process
from jaxadv.grid.store import Store
from jaxadv.grid.stored import StoredGrid
from jaxadv.grid.work import Finished, Program, Tick, Work
from jaxadv.programs import MOST_PROGRAMS, keep_programs, remembered

Groups = dict[tuple[Any, ...], list[Block]]  # blocks, by their cells
Parts = dict[Block, dict[int, Finished]]  # of blocks, by the first replicate of each part


class Ended(NamedTuple):
    """A call that has ended: what it did, and what it completed in the store."""

    called: Counter[str]
    completed: Counter[str]


def few_groups(blocks: Iterable[Block], devices: Sequence[Device]) -> Iterator[Groups]:
    """The blocks by their cells, for as many groups at a time as a process can have programs of."""
    groups: Groups = {}
    for block in blocks:
        groups.setdefault(block.cells, []).append(block)
    at_once = max(1, MOST_PROGRAMS // len(set(devices)))
    waiting = iter(groups.items())
    while few := dict(itertools.islice(waiting, at_once)):
        yield few


def run_here(
    stored: StoredGrid,
    blocks: Iterable[Block],
    programs: Mapping[tuple[Any, ...], Program],
    devices: Sequence[Device],
    tick: Tick,
) -> Iterator[Ended]:
    """Run blocks, or parts of them, on the devices of this process, and write their records.

    A call takes as many replicates as its program can, of several blocks if need be.

    Args:
        stored: where the records go.
        blocks: what is to be run.
        programs: by the cells of the blocks.
        devices: where the calls run.
        tick: called with the units of all calls under way, and what one of them does.
    """
    parts: Parts = {}
    within: dict[int, int] = {}
    for message in side_by_side(_calls(stored, blocks, programs), devices):
        if isinstance(message, Ticked):
            within[message.thread] = message.units
            tick(sum(within.values()), message.text)
            continue
        within.pop(message.thread, None)
        completed: Counter[str] = Counter()
        for block, whole in _whole(parts, message):
            stored.write(block, whole.records)
            completed += whole.total
        yield Ended(message.finished.total, completed)


def _calls(
    stored: StoredGrid, blocks: Iterable[Block], programs: Mapping[tuple[Any, ...], Program]
) -> Iterator[Call]:
    by_cells: dict[tuple[Any, ...], list[Block]] = {}
    for block in blocks:
        by_cells.setdefault(block.cells, []).append(block)
    for cells, of_cells in by_cells.items():
        program, states = programs[cells], stored.states_of(cells)
        members = ((block, index) for block in of_cells for index in block.replicates)
        while portion := list(itertools.islice(members, program.replicates_per_call)):
            yield Call(portion, program, states)


def _whole(parts: Parts, done: Done) -> Iterator[tuple[Block, Finished]]:
    """The blocks that a call completes; its other parts are kept until other calls end."""
    first = 0
    for block, members in itertools.groupby(done.call.members, key=operator.itemgetter(0)):
        replicates = [replicate for _, replicate in members]
        last = first + len(replicates)
        of_block = parts.setdefault(block, {})
        of_block[replicates[0]] = _part(done.finished, slice(first, last))
        first = last
        if sum(len(next(iter(part.counts.values()))) for part in of_block.values()) == len(block):
            # Calls end in any order.
            yield block, _joined([of_block[replicate] for replicate in sorted(of_block)])
            del parts[block]


def _part(finished: Finished, replicates: slice) -> Finished:
    return Finished(
        {name: values[:, replicates] for name, values in finished.records.items()},
        {name: values[replicates] for name, values in finished.counts.items()},
    )


def _joined(parts: Sequence[Finished]) -> Finished:
    records, counts = parts[0].records, parts[0].counts
    return Finished(
        {name: np.concatenate([part.records[name] for part in parts], axis=1) for name in records},
        {name: np.concatenate([part.counts[name] for part in parts]) for name in counts},
    )


@dataclass(frozen=True)
class Task:
    """A block, to be run in whichever process an executor chooses.

    An executor may repeat it, move it or lose it: it runs only what is not complete, and it writes
    chunks that no other block has.

    Attributes:
        work: the grid.
        store: the address of its store, which has all arrays already.
        block: the block.
        devices: how many devices of the worker to use; None for all.
        launch: of which run it is. Dask takes equal tasks for one, and would give a later run what
            an earlier one got for it, be it an error.
    """

    work: Work
    store: str
    block: Block
    devices: int | None
    launch: str

    def __call__(self) -> tuple[Counter[str], dict[str, Any]]:
        """What was run, and a description of the process that ran it."""
        keep_programs()
        devices = tuple(use_devices(self.devices))
        stored = StoredGrid(self.work, Store.open(place(self.store)))
        completed: Counter[str] = Counter()
        for groups in few_groups(stored.check(self.block), devices):
            programs = {cells: remembered(_program, self.work, cells, devices) for cells in groups}
            blocks = [block for of_group in groups.values() for block in of_group]
            for call in run_here(stored, blocks, programs, devices, lambda *_: None):
                completed += call.completed
        return completed, describe_process(devices)


def _program(work: Work, cells: tuple[Any, ...], devices: tuple[Device, ...]) -> Program:
    """A program, compiled once in a worker of an executor."""
    return work.program(cells, devices)


def run_on(
    executor: Executor, tasks: Iterable[Task]
) -> Iterator[tuple[Counter[str], dict[str, Any]]]:
    """Run tasks on an executor; yield what each returns, in the order in which they end.

    Raises:
        ValueError, TypeError: what a task raised.
        OSError: likewise, and in one line for all else, such as the loss of workers, for which each
            kind of executor has errors of its own.
    """
    futures = [executor.submit(task) for task in tasks]
    try:
        for future in as_completed(futures):
            yield future.result()
    except (ValueError, TypeError, OSError):
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        raise OSError(f"executor: {reason}; what was complete is kept") from error
    finally:
        for future in futures:
            future.cancel()
