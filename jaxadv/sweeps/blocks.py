"""The unit of a sweep's work and of its durability: a group of cells on some networks."""

import heapq
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxadv.sweeps.spec import Cell, Group, Sweep
from jaxadv.sweeps.trials import expected_length, settings_of

BLOCK_TRIALS = 512
"""In a block, about, at least: a second's work of two cores, and what its files are worth."""


@dataclass(frozen=True)
class Block:
    """All cells of a group on a stretch of networks, which have chunks of their own in a store."""

    group: Group
    networks: range


@dataclass(frozen=True)
class Task:
    """What is still to be done of a block: some of its cells on some of its networks."""

    cells: tuple[Cell, ...]
    networks: range


def networks_per_block(sweep: Sweep) -> int:
    """How many networks the blocks of a new store have.

    A quarter of the root of their number, or more in small sweeps: what a kill can cost and the
    number of files both grow with that root. The store keeps it when the sweep grows.

    Example:
        >>> networks_per_block(Sweep(networks=16)), networks_per_block(Sweep(networks=1_000_000))
        (2, 250)
    """
    return max(1, BLOCK_TRIALS // sweep.trials_per_network, math.isqrt(sweep.networks) // 4)


def blocks_of(sweep: Sweep, networks_per_block: int) -> list[Block]:
    """All blocks of a sweep."""
    firsts = range(0, sweep.networks, networks_per_block)
    return [
        Block(group, range(first, min(first + networks_per_block, sweep.networks)))
        for group in sweep.groups
        for first in firsts
    ]


def tasks_of(block: Block, cells: Sequence[Cell], complete: np.ndarray) -> list[Task]:
    """What is to be done of a block, given what is complete of it.

    Args:
        block: the block.
        cells: those of its group.
        complete: whether a cell was run on a network of the block, with axes (cell, network).

    Example:
        >>> sweep = Sweep(scales=(0.1, 1.0), networks=3)
        >>> complete = np.array([[True, True, False], [True, False, False]])
        >>> block = Block(sweep.groups[0], range(3))
        >>> tasks = tasks_of(block, sweep.cells, complete)
        >>> [([cell.scale for cell in task.cells], task.networks) for task in tasks]
        [([1.0], range(1, 2)), ([0.1, 1.0], range(2, 3))]
    """
    # Networks that stand side by side and miss the same cells go together.
    edges = np.flatnonzero((complete[:, 1:] != complete[:, :-1]).any(axis=0)) + 1
    bounds = [0, *edges.tolist(), len(block.networks)]
    tasks = []
    for first, last in itertools.pairwise(bounds):
        missing = tuple(
            cell for cell, done in zip(cells, complete[:, first], strict=True) if not done
        )
        if missing:
            tasks.append(Task(missing, block.networks[first:last]))
    return tasks


def cost(sweep: Sweep, tasks: Sequence[Task]) -> float:
    """What the time of some tasks is roughly proportional to."""
    total = 0.0
    for task in tasks:
        group, lengths = task.cells[0].group, expected_length(settings_of(sweep, task.cells))
        total += len(task.networks) * group.dim * group.width * float(lengths.sum())
    return total


def deal(costs: Sequence[float], workers: int) -> list[list[int]]:
    """Deal blocks out, longest first, each to the worker with the least so far.

    Returns:
        The indices of each worker's blocks, longest first; the same wherever it is computed.

    Example:
        >>> deal([1.0, 5.0, 2.0, 2.0], workers=2)
        [[1], [2, 3, 0]]
    """
    hands: list[list[int]] = [[] for _ in range(workers)]
    loads = [(0.0, 0, worker) for worker in range(workers)]
    for index in sorted(range(len(costs)), key=lambda index: -costs[index]):
        load, number, worker = heapq.heappop(loads)
        hands[worker].append(index)
        heapq.heappush(loads, (load + costs[index], number + 1, worker))
    return hands
