"""Processes that share a grid's work, under `jax.distributed` or as independent shards."""

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

T = TypeVar("T")
LOOK_EVERY = 0.5  # seconds between two looks at what the other workers have done


@dataclass(frozen=True)
class Worker:
    """One of the processes that share a grid's work; the only one if ``count`` is 1.

    Attributes:
        index: which one.
        count: how many there are.
        together: whether they run at the same time, under `jax.distributed`.
        launch: when all of them (together) or this one was started, as text that sorts by time.
    """

    index: int
    count: int
    together: bool
    launch: str

    @classmethod
    def here(cls, shard: tuple[int, int] | None) -> "Worker":
        """This process, as `jax.distributed` has it or as a shard (index, count).

        Raises:
            ValueError: if there is no such shard, or shards are asked for under `jax.distributed`.

        Example:
            >>> Worker.here((1, 3)).index
            1
        """
        processes = jax.process_count()
        if processes == 1:
            numbers = (0, 1) if shard is None else shard
            if not (isinstance(numbers, tuple) and [type(n) for n in numbers] == [int, int]):
                raise ValueError(f"shard: {shard!r} must be two whole numbers, (index, count)")
            index, count = numbers
            if not 0 <= index < count:
                raise ValueError(f"shard: {index}/{count} must be one of 0/N to N-1/N")
            return cls(index, count, together=False, launch=_stamp(*_now()))
        if shard is not None:
            raise ValueError("shard: the processes of jax.distributed share the work by themselves")
        launch = multihost_utils.broadcast_one_to_all(np.array(_now(), np.int32)).tolist()
        return cls(jax.process_index(), processes, together=True, launch=_stamp(*launch))

    def name(self, index: int | None = None) -> str:
        """The name of the notes of this worker, or of another one of the same launch."""
        index = self.index if index is None else index
        return f"{self.launch}-{index}-of-{self.count}"

    def first_alone(self, prepare: Callable[[], T], join: Callable[[], T]) -> T:
        """Call ``prepare`` in a launch's first worker, and then ``join`` in the others.

        Raises:
            ValueError: in the others, if ``prepare`` failed; the first worker raises its error.
        """
        if not self.together:
            return prepare()
        if self.index > 0:
            if not multihost_utils.broadcast_one_to_all(np.array(False)):
                raise ValueError("process 0 could not prepare the store; it says why")
            return join()
        went_well = False
        try:
            result = prepare()
            went_well = True
        finally:
            multihost_utils.broadcast_one_to_all(np.array(went_well))
        return result

    def of_first(self, values: Sequence[float]) -> list[float]:
        """The values that the first worker of a launch has; waits for all."""
        if not self.together:
            return list(values)
        return multihost_utils.broadcast_one_to_all(np.array(values, np.float32)).tolist()

    def total(self, units: int) -> int:
        """The sum over all workers of a launch; waits for them."""
        if not self.together:
            return units
        # In two parts, each of which 32 bits hold.
        parts = multihost_utils.process_allgather(np.array(divmod(units, 10**6), np.int32))
        millions, rest = np.asarray(parts, np.int64).reshape(-1, 2).sum(axis=0).tolist()
        return millions * 10**6 + rest

    def wait(self, look: Callable[[], None], all_ended: Callable[[], bool]) -> None:
        """Look again and again until all workers of the launch have ended, and once more."""
        while self.together and not all_ended():
            time.sleep(LOOK_EVERY)
            look()
        look()


def _now() -> tuple[int, int]:
    """The time in seconds and microseconds, each of which 32 bits hold."""
    return divmod(time.time_ns() // 1000, 10**6)


def _stamp(seconds: int, microseconds: int) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y%m%dT%H%M%S}.{microseconds:06}Z"
