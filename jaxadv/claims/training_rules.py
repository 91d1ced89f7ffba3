"""The rule by which training experiments become verdicts on C2.

Source: docs/theory.md, sections 7.2 and 8.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import xarray as xr

from jaxadv.claims.verdicts import LEAST_NETWORKS, Finding, Number, sign_test
from jaxadv.stats.fits import paired
from jaxadv.stats.intervals import LEVEL
from jaxadv.stats.trainings import (
    COMPARISONS,
    QUANTITIES,
    Comparison,
    Phase,
    Quantity,
    measured,
    series,
)


@dataclass(frozen=True)
class FasterAtSmallerScale:
    """Does adversarial training converge faster at the smaller of two scales, in a phase?

    Attributes:
        quantity: what is smaller where it does.
        comparison: of the learning rates.
        phase: of training.
        attacked: whether training is adversarial; the claim is on that, the other is the control.
    """

    quantity: Quantity
    comparison: Comparison
    phase: Phase
    attacked: bool = True

    @property
    def text(self) -> str:
        """The rule in words."""
        what = QUANTITIES[self.quantity]
        if self.quantity == "steps":
            what += f" of {self.phase.target:g} times the loss of the output 0"
        return (
            f"With {COMPARISONS[self.comparison]}, {self.phase.text}, for every two neighbouring "
            f"scales: the two-sided sign test at {1 - LEVEL:.0%} of the networks' {what}, on "
            f"training examples, under the strong attack; at least {LEAST_NETWORKS} networks that "
            f"differ. Supported where there is less of it at the smaller scale, not supported "
            f"where there is more."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each two neighbouring scales of each series of adversarial training."""
        end = self.phase.end(dataset)
        if end is None:
            return
        values = measured(dataset, self.quantity, self.phase, end)
        for each in series(dataset, values, self.comparison, end):
            if (each.settings["ratio"] > 0) != self.attacked:
                continue
            for one, other in itertools.pairwise(range(len(each.scales))):
                test = paired(each.values[one], each.values[other])
                numbers: dict[str, Number] = {
                    "networks slower at the larger": test.larger,
                    "faster": test.smaller,
                    "median ratio": test.ratio,
                }
                scales = f"{each.scales[other]:g} against {each.scales[one]:g}"
                yield Finding({**each.settings, "scale": scales}, numbers, sign_test(test))
