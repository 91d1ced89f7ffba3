"""Whether adversarial training is faster at a smaller scale: C2.

Source: docs/theory.md, sections 7.2 and 8.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr

from jaxadv.claims.judgements import Claim
from jaxadv.claims.neighbours import ENOUGH, TEST, compare_neighbours
from jaxadv.claims.verdicts import Finding, Number
from jaxadv.stats.cells import groups
from jaxadv.stats.trainings import (
    COMPARISONS,
    PHASES,
    QUANTITIES,
    Comparison,
    Phase,
    Quantity,
    measured,
    series,
)

FASTER = (
    "In the initial phase of adversarial training, a smaller input scale leads to faster "
    "convergence."
)
THE_RATE_DECIDES = (
    "How learning rates are compared decides much: one common rate, each scale's best of those "
    "that were run, the same rate in units of 1/λ₁; all three must agree. At larger scales the "
    "loss begins higher, for the attack gains more there; the claims of the share that is left "
    "leave that out."
)

# What a finding counts.
COUNTS = ("networks slower at the larger", "faster")


@dataclass(frozen=True)
class FasterAtSmallerScale:
    """Does adversarial training converge faster at the smaller of two scales, in a phase?

    Attributes:
        quantity: what is compared; less of it is faster.
        comparison: how learning rates are compared.
        phase: the part of training that is looked at.
        attacked: whether to look at adversarial training, which the claim is about, or at clean
            training, the control.
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
            f"scales: {TEST} of the networks' {what}, on training examples, under the strong "
            f"attack; {ENOUGH}. Supported where there is less of it at the smaller scale, not "
            f"supported where there is more."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each two neighbouring scales of each series in each group."""
        for settings, group in groups(dataset):
            yield from self._within(group, settings)

    def _within(self, group: xr.Dataset, settings: dict[str, Any]) -> Iterator[Finding]:
        """The findings in one group."""
        end = self.phase.end(group)
        if end is None:
            return
        values = measured(group, self.quantity, self.phase, end)
        for each in series(group, values, self.comparison, end):
            if (each.settings["ratio"] > 0) != self.attacked:
                continue
            for pair in compare_neighbours(each.scales, each.values):
                test = pair.test
                numbers: dict[str, Number] = {
                    **dict(zip(COUNTS, (test.larger, test.smaller), strict=True)),
                    "median ratio": test.ratio,
                }
                scales = {"scale": pair.scales}
                yield Finding(settings | each.settings | scales, numbers, pair.verdict)


def _claims(name: str, title: str, reading: str, quantities: Sequence[Quantity]) -> list[Claim]:
    """One reading of C2 in each phase: with every comparison of rates."""
    return [
        Claim(
            name.format(phase.name),
            f"{title}, {phase.text}",
            FASTER,
            reading,
            tuple(
                FasterAtSmallerScale(quantity, comparison, phase)
                for quantity in quantities
                for comparison in COMPARISONS
            ),
            THE_RATE_DECIDES,
            experiment="training",
        )
        for phase in PHASES
    ]


CLAIMS = (
    *_claims(
        "C2-{}",
        "adversarial training is faster at a smaller scale",
        "On the same network and examples, the robust loss is lower at the smaller scale at the "
        "end of the phase, and falls to a target in fewer steps within it.",
        ("loss", "steps"),
    ),
    *_claims(
        "C2-{}-share",
        "more of the robust loss is gone at a smaller scale",
        "On the same network and examples, less of the robust loss at the start is left at the "
        "smaller scale at the end of the phase.",
        ("share",),
    ),
)
