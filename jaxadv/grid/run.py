"""Running a grid block by block: in one process, in several that share it, or on an executor."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import xarray as xr

from jaxadv.devices import Device, use_devices
from jaxadv.grid import places
from jaxadv.grid.blocks import Block, cost, deal
from jaxadv.grid.engines import Task, few_groups, run_here, run_on
from jaxadv.grid.identity import Identity
from jaxadv.grid.locks import locked
from jaxadv.grid.manifest import SUFFIX, RunNote, as_attributes, manifest_of, write_manifest
from jaxadv.grid.places import Place
from jaxadv.grid.process import describe_process
from jaxadv.grid.progress import Progress
from jaxadv.grid.states import delete_states
from jaxadv.grid.store import Store
from jaxadv.grid.stored import StoredGrid
from jaxadv.grid.work import Program, Work
from jaxadv.grid.workers import Worker
from jaxadv.programs import keep_programs

PATIENCE = 60  # seconds; a shared file system may show late what another process wrote
CHECKING = 0.03  # the cost of checking a complete block, over the cost of running it


class Options(TypedDict, total=False):
    """How a grid is run, whatever it is of; `jaxadv.run_sweep` says what each means."""

    fresh: bool
    shard: tuple[int, int] | None
    devices: int | None
    executor: Executor | None
    progress: bool


def run_grid(
    work: Work,
    store: str | Path | None,
    *,
    fresh: bool = False,
    shard: tuple[int, int] | None = None,
    devices: int | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Run the part of a grid that its store lacks, and return all of the grid.

    The arguments but for ``work``, the result and the errors are those of `jaxadv.run_sweep`; the
    functions that run one experiment hand on their `Options`.
    """
    work.check(stored=store is not None)
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(
            f"executor: {type(executor).__name__} is not a concurrent.futures.Executor; that of a "
            "Dask client is client.get_executor()"
        )
    keep_programs()
    # First of all: only before JAX starts can it be told how many devices to make of a CPU.
    chosen = use_devices(devices)
    worker = Worker.here(shard)
    path = None if store is None else places.place(store)
    if path is None and (worker.count > 1 or executor is not None):
        raise ValueError("store: processes that share the work need a store that all can reach")
    if fresh and shard is not None:
        raise ValueError("fresh: a shard would delete what others have done; give another store")
    if executor is not None and worker.count > 1:
        raise ValueError("executor: it deals out the work itself; give no shard, start one process")
    with _locked(path, worker, None if fresh else work.identity):
        stored = worker.first_alone(
            lambda: _prepare(path, work, fresh=fresh), lambda: _join(path, work)
        )
        shown = Progress(work, visible=progress and not (worker.together and worker.index))
        with shown.bar:
            run = _Run(stored, worker, devices, shown)
            if executor is None:
                run.here(chosen)
            else:
                run.on(executor)
    dataset = stored.dataset()
    manifest = manifest_of(stored.store, work.text)
    dataset.attrs = as_attributes(manifest)
    if path is None:
        return dataset.load()
    if worker.index == 0 or not worker.together:
        write_manifest(path, manifest)
    return dataset


@contextlib.contextmanager
def _locked(path: Place | None, worker: Worker, identity: Identity | None) -> Iterator[None]:
    """Hold a local store, alone or as one of several workers; others are refused."""
    # First of all, so that no lock file is made in a folder that is not ours.
    if path is not None:
        places.check(path, identity)
    if not isinstance(path, Path):
        yield
        return
    with contextlib.ExitStack() as held:
        held.enter_context(locked(path / ".lock", shared=worker.count > 1))
        if worker.count > 1:
            held.enter_context(locked(path / f".lock-{worker.index}-of-{worker.count}"))
        yield


def _prepare(path: Place | None, work: Work, *, fresh: bool) -> StoredGrid:
    """The grid's store, laid out; on a disk by one process at a time."""
    is_local = isinstance(path, Path)
    with locked(path / ".lock-layout", wait=True) if is_local else contextlib.nullcontext():
        if fresh and path is not None:
            places.delete(path)
            delete_states(path)
        return StoredGrid.create(path, work)


def _join(path: Place | None, work: Work) -> StoredGrid:
    """The grid's store, as another process has laid it out.

    A shared file system may show it some seconds late.
    """
    assert path is not None
    for _ in range(PATIENCE):
        with contextlib.suppress(ValueError):
            return StoredGrid(work, Store.open(path))
        time.sleep(1)
    return StoredGrid(work, Store.open(path))


@dataclass(frozen=True)
class _Run:
    """One worker's run of what is not complete.

    Attributes:
        stored: the grid in its store.
        worker: this process, among those that share the work.
        num_devices: how many devices were asked for.
        shown: the progress bar.
    """

    stored: StoredGrid
    worker: Worker
    num_devices: int | None
    shown: Progress

    def here(self, devices: Sequence[Device]) -> None:
        """Run this worker's share on devices of this process."""
        worker, work = self.worker, self.stored.work
        parts = [part for parts in self._share().values() for part in parts]
        total = worker.total(self._units(parts))
        if not total:
            return
        note: RunNote | None = None
        counts: Counter[str] = Counter()
        for groups in few_groups(parts, devices):
            programs = {
                cells: work.program(cells, devices)
                for cells in self.shown.each("compiling", list(groups))
            }
            # A run of which nothing can be compiled leaves no note.
            note = note or self._begin(devices, total)
            note.describe("layout", [dict(program.layout) for program in programs.values()])
            blocks = [block for of_group in groups.values() for block in of_group]
            counts = self._run_blocks(blocks, programs, devices, note, counts)
        # A worker of a launch may have nothing to do; the others wait for its note.
        note = note or self._begin(devices, total)
        note.end()
        worker.wait(lambda: self.shown.show(note.counts + note.of_others()), note.all_ended)

    def _begin(self, devices: Sequence[Device], total: int) -> RunNote:
        """The note of this run, and a progress bar that counts."""
        self.shown.begin(total)
        return self._note(describe_process(devices))

    def _run_blocks(
        self,
        blocks: Sequence[Block],
        programs: Mapping[tuple[Any, ...], Program],
        devices: Sequence[Device],
        note: RunNote,
        counts: Counter[str],
    ) -> Counter[str]:
        """Run some blocks; give back the counts of all calls by now."""

        def tick(within: int, what: str) -> None:
            self.shown.show(counts + note.of_others(), within, what)

        for call in run_here(self.stored, blocks, programs, devices, tick):
            if call.completed:
                note.add(call.completed)
            counts += call.called
            self.shown.show(counts + note.of_others())
        return counts

    def on(self, executor: Executor) -> None:
        """Run blocks on the workers of an executor."""
        path = self.stored.store.path
        assert path is not None
        address, shared = places.address_of(path), self._share()
        # A task is a whole block: its parts share chunks, which only one worker may write.
        tasks = [
            Task(self.stored.work, address, block, self.num_devices, self.worker.launch)
            for block in shared
        ]
        if not tasks:
            return
        note: RunNote | None = None
        self.shown.begin(self._units([part for parts in shared.values() for part in parts]))
        for counts, process in run_on(executor, tasks):
            if note is None:
                # The workers of an executor are alike: the first one describes them.
                note = self._note({**process, "executor": type(executor).__name__})
            note.add(counts)
            self.shown.show(note.counts)
        if note is not None:
            note.end()

    def _share(self) -> dict[Block, list[Block]]:
        """The blocks that this worker is to run, the longest first, with their missing parts."""
        stored, worker = self.stored, self.worker
        work, blocks = stored.work, stored.blocks
        # All workers must deal alike. Shards start at different times, so each deals as if nothing
        # were done. In a launch the first worker looks at what is done, and tells the others.
        looks = worker.together and worker.index == 0
        costs = worker.of_first([
            cost(work, stored.unmarked(block) if looks else [block])
            + CHECKING * cost(work, [block])
            for block in blocks
        ])  # fmt: skip
        dealt = deal(costs, worker.count)[worker.index]
        missing = {
            blocks[index]: stored.check(blocks[index])
            for index in self.shown.each("checking", dealt)
        }
        return {block: parts for block, parts in missing.items() if parts}

    def _units(self, blocks: Sequence[Block]) -> int:
        return sum(len(block) * self.stored.work.units(block.cells) for block in blocks)

    def _note(self, process: Mapping[str, Any]) -> RunNote:
        """The note of this run: specification, settings, and the process or processes."""
        work = self.stored.work
        description = {
            work.identity.experiment: work.text,
            "options": {"devices": self.num_devices, **work.options},
            **process,
            f"{work.unit}{SUFFIX}": 0,
        }
        return RunNote(self.stored.store, self.worker, description)
