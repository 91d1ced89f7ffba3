"""Running a sweep: block by block into a store, alone or shared with other processes."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from jaxadv.devices import Device, keep_programs, use_devices
from jaxadv.experiments.fields import count
from jaxadv.grid import places
from jaxadv.grid.locks import locked
from jaxadv.grid.places import Place
from jaxadv.grid.process import as_attributes, write_manifest
from jaxadv.grid.store import Store
from jaxadv.grid.workers import Worker
from jaxadv.sweeps.blocks import Task, cost, deal
from jaxadv.sweeps.calls import run_tasks
from jaxadv.sweeps.engine import Engine
from jaxadv.sweeps.manifest import RunNote, describe_run, manifest_of
from jaxadv.sweeps.plan import free_bytes, make_plan
from jaxadv.sweeps.progress import Counts, Progress
from jaxadv.sweeps.spec import Cell, Sweep
from jaxadv.sweeps.stored import StoredSweep, identity_of, whole_dataset

PATIENCE = 60
"""In seconds, for a shared file system to show what another process wrote."""
CHECKING = 0.03
"""What checking a block that is complete costs, over what running it does."""


def run_sweep(
    sweep: Sweep,
    store: str | Path | None = None,
    *,
    fresh: bool = False,
    shard: tuple[int, int] | None = None,
    devices: int | None = None,
    lanes: int | None = None,
    check_every: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Run all trials of a sweep and return what they found.

    What the store has already is not run again, whichever sweep asked for it: the same sweep goes
    on where a run stopped, and one with more networks or other cells adds them. Where
    `jax.distributed` was initialised, its processes share the work, and each returns all of it.

    Devices, lanes, checks and processes change the time that it takes and not what is found, but
    for the rounding of single precision. Compiled programs are kept in the user's cache folder
    (`keep_programs`).

    Args:
        sweep: the specification.
        store: a folder to write to, block by block, or an fsspec address such as
            ``s3://bucket/run``. None keeps the dataset in memory.
        fresh: delete what the store holds, and begin anew.
        shard: (index, count): run every count-th part of the work alone, and leave the others to
            other processes, which may run at any time.
        devices: how many devices to use; by default all, on a CPU one for each core.
        lanes: trials of one network under way at a time; by default chosen by device and shape.
        check_every: steps between two looks for trials that have ended; by default likewise.
        progress: whether to draw a progress bar (in a notebook, one of its own).

    Returns:
        A dataset with dimensions (cell, network, example, start[, tolerance]); the settings of a
        cell are coordinates on ``cell``. Each variable says in its attributes what it is, and
        ``complete`` what was run: all, unless other shards have not. The dataset's own attributes
        are the manifest, ``identity`` and ``runs`` as JSON.

    Raises:
        ValueError: if the store is a file, is in use, or was made with other settings; if a
            function has no name for it; if there are not so many devices; if a single network's
            trials need more memory than a device has.
        OSError: if the store cannot be written to; what was complete is kept.

    Example:
        >>> ds = run_sweep(Sweep(scales=(0.1,), networks=1, examples=2), progress=False)
        >>> dict(ds.num_steps.sizes)
        {'cell': 1, 'network': 1, 'example': 2, 'start': 4, 'tolerance': 3}
    """
    options = {"devices": devices, "lanes": lanes, "check_every": check_every}
    for name, value in options.items():
        if value is not None:
            count(name, value)
    if store is not None:
        sweep.check_names()
    keep_programs()
    chosen = use_devices(devices)
    worker = Worker.here(shard)
    path = None if store is None else places.place(store)
    if path is None and worker.count > 1:
        raise ValueError("store: processes that share a sweep need a store that all can reach")
    if fresh and shard is not None:
        raise ValueError("fresh: a shard would delete what others have done; give another store")
    with _locked(path, worker, None if fresh else identity_of(sweep)):
        stored = worker.first_alone(
            lambda: _prepare(path, sweep, fresh=fresh), lambda: _join(path, sweep)
        )
        _run(sweep, stored, worker, chosen, options, progress=progress)
    dataset = stored.dataset()
    manifest = manifest_of(stored.store, sweep)
    dataset.attrs = as_attributes(manifest)
    if path is None:
        return dataset.load()
    if worker.index == 0 or not worker.together:
        write_manifest(path, manifest)
    return dataset


def open_sweep(store: str | Path) -> xr.Dataset:
    """All cells and networks that a store holds, read when they are looked at.

    Cells stand in the order in which they were added; ``complete`` says what was run.

    Raises:
        ValueError: if there is no sweep, or it cannot be read.
    """
    opened = Store.open(places.place(store))
    dataset = whole_dataset(opened)
    dataset.attrs = as_attributes(manifest_of(opened))
    return dataset


@contextlib.contextmanager
def _locked(path: Place | None, worker: Worker, identity: dict[str, Any] | None) -> Iterator[None]:
    """Hold a local store, alone or as one of several workers; others are refused."""
    # First, so that what is not ours gets no lock file.
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


def _prepare(path: Place | None, sweep: Sweep, *, fresh: bool) -> StoredSweep:
    """The sweep's store, laid out; on a disk by one process at a time."""
    is_local = isinstance(path, Path)
    with locked(path / ".lock-layout", wait=True) if is_local else contextlib.nullcontext():
        if fresh and path is not None:
            places.delete(path)
        return StoredSweep.create(path, sweep)


def _join(path: Place | None, sweep: Sweep) -> StoredSweep:
    """The sweep's store, as another process has laid it out.

    A shared file system may show it a while later.
    """
    assert path is not None
    for _ in range(PATIENCE):
        with contextlib.suppress(ValueError):
            return StoredSweep(sweep, Store.open(path))
        time.sleep(1)
    return StoredSweep(sweep, Store.open(path))


def _run(
    sweep: Sweep,
    stored: StoredSweep,
    worker: Worker,
    devices: list[Device],
    options: Mapping[str, int | None],
    *,
    progress: bool,
) -> None:
    """Run this worker's share of what is not complete."""
    shown = Progress(progress and (worker.index == 0 or not worker.together))
    with shown.bar:
        tasks = _share(sweep, stored, worker, shown)
        own = (len(task.cells) * len(task.networks) for some in tasks.values() for task in some)
        total = worker.total(sum(own) * sweep.examples * sweep.starts)
        if not total:
            return
        engines = {
            cells: _fitting_engine(sweep, cells, devices, options)
            for cells in shown.each("compiling", tasks)
        }
        plans = {cells: engine.plan for cells, engine in engines.items()}
        note = RunNote(stored.store, worker, describe_run(sweep, worker, devices, options, plans))
        shown.begin(total)
        counts = Counts()
        for call, ended in run_tasks({engines[cells]: own for cells, own in tasks.items()}):
            for task, found in ended:
                stored.write(task, found.records)
                note.add(Counts.of(found))
            counts += Counts.of(call)
            shown.show(counts + note.of_others())
        note.end()
        worker.wait(lambda: shown.show(note.counts + note.of_others()), note.all_ended)


def _share(
    sweep: Sweep, stored: StoredSweep, worker: Worker, shown: Progress
) -> dict[tuple[Cell, ...], list[Task]]:
    """What this worker is to do, by the cells that are run together; the longest first."""
    blocks = stored.blocks
    whole = [[Task(sweep.cells_of(block.group), block.networks)] for block in blocks]
    # Shards do not start at the same time: each must deal without knowing what the others did.
    # In a launch the first one looks, for all must deal alike.
    unmarked = stored.unmarked(blocks) if worker.together and worker.index == 0 else whole
    costs = worker.of_first(
        [
            cost(sweep, some) + CHECKING * cost(sweep, every)
            for some, every in zip(unmarked, whole, strict=True)
        ]
    )
    tasks: dict[tuple[Cell, ...], list[Task]] = {}
    for index in shown.each("checking", deal(costs, worker.count)[worker.index]):
        for task in stored.check(blocks[index]):
            tasks.setdefault(task.cells, []).append(task)
    return tasks


def _fitting_engine(
    sweep: Sweep,
    cells: tuple[Cell, ...],
    devices: list[Device],
    options: Mapping[str, int | None],
) -> Engine:
    """The engine for some cells, with as many networks in a call as the memory holds."""
    by_hand = {name: options[name] for name in ("lanes", "check_every")}
    # As if all networks were to be run: a run that is resumed is to round as it did.
    plan = make_plan(sweep, cells, devices, sweep.networks, **by_hand)
    while True:
        engine = Engine(sweep, cells, plan)
        needed, free = engine.num_bytes, free_bytes(devices[0], plan.mesh.size)
        if needed <= free:
            return engine
        if plan.networks_per_device == 1:
            group, trials = cells[0].group, len(cells) * sweep.examples * sweep.starts
            raise ValueError(
                f"memory: one network of width {group.width} and dim {group.dim} with "
                f"{trials} trials needs {needed:.3g} bytes on a device, which "
                f"has {free:.3g}; take fewer examples or starts and more networks"
            )
        plan = plan.with_fewer_networks()
