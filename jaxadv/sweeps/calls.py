"""Tasks through the devices: calls of several networks, two of them under way at a time."""

import itertools
import operator
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

import numpy as np

from jaxadv.sweeps.blocks import Task
from jaxadv.sweeps.engine import Engine, Finished, Running

T = TypeVar("T")


class Ended(NamedTuple):
    """A call that has ended, and the tasks that it was the last of."""

    call: Finished
    tasks: list[tuple[Task, Finished]]


def run_tasks(tasks: Mapping[Engine, list[Task]]) -> Iterator[Ended]:
    """Run all tasks of each engine, one engine after the other; yields when a call has ended.

    A call takes as many networks as its engine can, of several tasks if need be.
    """
    parts: dict[Task, list[Finished]] = {}
    for portion, engine, running in _ahead(_started(tasks)):
        call = engine.finish(running)
        ended = []
        first = 0
        for task, places in itertools.groupby(portion, key=operator.itemgetter(0)):
            last = first + len(list(places))
            parts.setdefault(task, []).append(_part(call, slice(first, last)))
            first = last
            if sum(len(part.steps) for part in parts[task]) == len(task.networks):
                ended.append((task, _joined(parts.pop(task))))
        yield Ended(call, ended)


def _started(
    tasks: Mapping[Engine, list[Task]],
) -> Iterator[tuple[list[tuple[Task, int]], Engine, Running]]:
    for engine, of_engine in tasks.items():
        networks = ((task, network) for task in of_engine for network in task.networks)
        while portion := list(itertools.islice(networks, engine.plan.networks_per_call)):
            yield portion, engine, engine.start([network for _, network in portion])


def _ahead(items: Iterable[T]) -> Iterator[T]:
    """The items, each made before the one ahead of it is given out: no device runs dry."""
    items = iter(items)
    ahead = deque(itertools.islice(items, 1))
    for item in items:
        ahead.append(item)
        yield ahead.popleft()
    yield from ahead


def _part(finished: Finished, networks: slice) -> Finished:
    records = {name: values[:, networks] for name, values in finished.records.items()}
    return Finished(records, finished.steps[networks], finished.lane_steps[networks])


def _joined(parts: list[Finished]) -> Finished:
    names = parts[0].records
    return Finished(
        {name: np.concatenate([part.records[name] for part in parts], axis=1) for name in names},
        np.concatenate([part.steps for part in parts]),
        np.concatenate([part.lane_steps for part in parts]),
    )
