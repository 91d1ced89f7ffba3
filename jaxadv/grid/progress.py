"""The progress bar of a grid."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm.auto import tqdm

from jaxadv.grid.manifest import SUFFIX
from jaxadv.grid.work import Work

T = TypeVar("T")


class Progress:
    """What is done by all workers of a run, drawn as it goes."""

    def __init__(self, work: Work, *, visible: bool) -> None:
        self._work = work
        self.bar = tqdm(
            total=0, unit=work.unit, disable=not visible, dynamic_ncols=True, leave=False
        )

    def each(self, what: str, items: Iterable[T]) -> Iterator[T]:
        """The items, one by one, while the bar says what is done with them."""
        items = list(items)
        for number, item in enumerate(items, 1):
            self.bar.set_description_str(f"{what}, {number} of {len(items)}")
            yield item
        self.bar.set_description_str("")

    def begin(self, total: int) -> None:
        """Begin to count."""
        self.bar.leave = True
        self.bar.reset(total)

    def show(self, counts: Counter[str], within: int = 0, what: str = "") -> None:
        """Show how many units there are by now.

        Args:
            counts: of the calls that have ended.
            within: units of the call under way.
            what: what it does next.
        """
        if what:
            self.bar.set_description_str(what, refresh=False)
        rate = self._work.rate(counts, float(self.bar.format_dict["elapsed"]))
        self.bar.set_postfix_str(rate, refresh=False)
        self.bar.update(counts[f"{self._work.unit}{SUFFIX}"] + within - self.bar.n)
