"""The unit of work and of durability: some cells on consecutive replicates."""

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxadv.grid.work import Cell, Work


@dataclass(frozen=True)
class Block:
    """Cells of one group on consecutive replicates, which have chunks of their own in a store.

    A part of a block, such as the part that is still to be run, is a block as well.
    """

    cells: tuple[Cell, ...]
    replicates: range

    def __len__(self) -> int:
        """How many replicates there are in each cell."""
        return len(self.replicates)


def blocks_of(work: Work, per_block: int) -> list[Block]:
    """All blocks of a grid, with ``per_block`` replicates in each but the last of a group."""
    firsts = range(0, work.replicates, per_block)
    return [
        Block(cells, range(first, min(first + per_block, work.replicates)))
        for cells in work.groups
        for first in firsts
    ]


def missing_parts(block: Block, complete: np.ndarray) -> list[Block]:
    """The parts of a block that are still to be run.

    Args:
        block: the block.
        complete: whether each cell and replicate is complete, with axes (cell, replicate).

    Example:
        >>> complete = np.array([[True, True, False], [True, False, False]])
        >>> for part in missing_parts(Block((0.1, 1.0), range(3)), complete):
        ...     print(part.cells, part.replicates)
        (1.0,) range(1, 2)
        (0.1, 1.0) range(2, 3)
    """
    # Neighbouring replicates that lack the same cells make one part.
    edges = np.flatnonzero((complete[:, 1:] != complete[:, :-1]).any(axis=0)) + 1
    bounds = [0, *edges.tolist(), len(block)]
    parts = []
    for first, last in itertools.pairwise(bounds):
        missing = tuple(itertools.compress(block.cells, ~complete[:, first]))
        if missing:
            parts.append(Block(missing, block.replicates[first:last]))
    return parts


def cost(work: Work, blocks: Sequence[Block]) -> float:
    """What the time of some blocks is roughly proportional to."""
    return float(sum(len(block) * work.cost(block.cells) for block in blocks))


def deal(costs: Sequence[float], workers: int) -> list[list[int]]:
    """Deal out blocks, longest first, each to the worker with the least work so far.

    Returns:
        The indices of each worker's blocks, longest first; the same wherever it is computed.

    Example:
        >>> deal([1.0, 5.0, 2.0, 2.0], workers=2)
        [[1], [2, 3, 0]]
    """
    shares: list[list[int]] = [[] for _ in range(workers)]
    loads = [(0.0, 0, worker) for worker in range(workers)]
    for index in sorted(range(len(costs)), key=lambda index: -costs[index]):
        load, number, worker = heapq.heappop(loads)
        shares[worker].append(index)
        heapq.heappush(loads, (load + costs[index], number + 1, worker))
    return shares
