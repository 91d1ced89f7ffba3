"""Whether landscapes are more regular at a smaller scale, by each measure of a survey."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from jaxadv.claims.neighbours import TEST, compare_neighbours
from jaxadv.claims.verdicts import Finding
from jaxadv.stats.cells import cells, finished_networks, groups
from jaxadv.stats.intervals import network_medians
from jaxadv.stats.landscapes import MEASURES

# What a finding counts.
COUNTS = ("networks with less regularity at the larger", "with more")


@dataclass(frozen=True)
class MoreRegularAtSmallerScale:
    """Does a measure tell of more regularity at the smaller of two scales, on the same networks?

    Attributes:
        measure: a name of `MEASURES`.
    """

    measure: str

    @property
    def text(self) -> str:
        """The rule in words."""
        where = "larger" if MEASURES[self.measure].rises else "smaller"
        return (
            f"For every two neighbouring scales: {TEST}. The numbers are the networks' median "
            f"{MEASURES[self.measure].title}. For the claim where it is {where} at the larger "
            f"scale, against it where it is not."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for every two neighbouring scales of each group, training and ratio.

        Raises:
            ValueError: as `cells.finished_networks`.
        """
        for settings, group in groups(finished_networks(dataset)):
            yield from self._within(group, settings)

    def _within(self, group: xr.Dataset, settings: dict[str, Any]) -> Iterator[Finding]:
        """The findings in one group."""
        measure, rows = MEASURES[self.measure], {}
        for cell in cells(group):
            key = cell.training.item(), cell.ratio.item()
            rows.setdefault(key, []).append((cell.scale.item(), network_medians(measure.of(cell))))
        for (training, ratio), medians in sorted(rows.items()):
            scales, values = zip(*sorted(medians, key=lambda row: row[0]), strict=True)
            for pair in compare_neighbours(np.array(scales), np.array(values), rises=measure.rises):
                test = pair.test
                counts = (test.larger, test.smaller)[:: 1 if measure.rises else -1]
                yield Finding(
                    {**settings, "training": training, "ratio": ratio, "scale": pair.scales},
                    {
                        **dict(zip(COUNTS, counts, strict=True)),
                        "median difference": test.difference,
                        "relative change": pair.change,
                    },
                    pair.outcome,
                    pair.votes,
                )
