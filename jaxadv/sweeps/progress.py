"""The progress bar of a sweep: trials, steps per second, how busy the lanes are."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from tqdm.auto import tqdm

from jaxadv.sweeps.engine import Finished

T = TypeVar("T")


@dataclass(frozen=True)
class Counts:
    """Trials that have ended, their steps, and the steps that their lanes were held for."""

    trials: int = 0
    steps: int = 0
    lane_steps: float = 0.0

    @classmethod
    def of(cls, finished: Finished) -> "Counts":
        """Those of a call or a task."""
        trials = finished.records["status"].size
        return cls(trials, int(finished.steps.sum()), float(finished.lane_steps.sum()))

    def __add__(self, other: "Counts") -> "Counts":
        """Both together."""
        return Counts(
            self.trials + other.trials,
            self.steps + other.steps,
            self.lane_steps + other.lane_steps,
        )


class Progress:
    """Trials and steps of all workers of a run, drawn as it goes."""

    def __init__(self, visible: bool) -> None:
        self.bar = tqdm(total=0, unit="trial", disable=not visible, dynamic_ncols=True, leave=False)

    def each(self, what: str, items: Iterable[T]) -> Iterator[T]:
        """The items, one by one; says what is done with them, which takes its time."""
        items = list(items)
        for number, item in enumerate(items, 1):
            self.bar.set_description_str(f"{what}, {number} of {len(items)}")
            yield item
        self.bar.set_description_str("")

    def begin(self, total: int) -> None:
        """Begin to count trials."""
        self.bar.leave = True
        self.bar.reset(total)

    def show(self, counts: Counts) -> None:
        """Show how many there are by now."""
        elapsed = self.bar.format_dict["elapsed"]
        rate = counts.steps / elapsed if elapsed else 0
        occupancy = counts.steps / max(counts.lane_steps, 1)
        self.bar.set_postfix_str(f"{rate:.3g} steps/s, lanes {occupancy:.0%} busy", refresh=False)
        self.bar.update(counts.trials - self.bar.n)
