"""Whether adversarial training is faster at a smaller scale: C2.

Source: docs/theory.md, sections 7.2 and 8.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from jaxadv.claims.judgements import Claim
from jaxadv.claims.neighbours import TEST, compare_neighbours
from jaxadv.claims.verdicts import Finding, Number
from jaxadv.stats.cells import groups
from jaxadv.stats.trainings import (
    COMPARISONS,
    PHASES,
    QUANTITIES,
    SPLITS,
    Comparison,
    Phase,
    Quantity,
    Split,
    is_undone,
    measured,
    output_scale_of,
    series,
)

FASTER = (
    "In the initial phase of adversarial training, a smaller input scale leads to faster "
    "convergence."
)
THE_RATE_DECIDES = (
    "How learning rates are compared decides much: one common rate, each scale's best of those "
    "that were run, the same rate in units of 1/λ₁; all three must agree."
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
        split: the examples that it is measured on.
        attacked: whether to look at adversarial training, which the claim is about, or at clean
            training, a control.
        output_scale: the factor of the initial output layers; other than 1 in a control.
        undone: whether to look at trainings that undo the input scale, a control.
    """

    quantity: Quantity
    comparison: Comparison
    phase: Phase
    split: Split = "test"
    attacked: bool = True
    output_scale: float = 1.0
    undone: bool = False

    @property
    def text(self) -> str:
        """The rule in words."""
        what = QUANTITIES[self.quantity]
        if self.quantity == "steps":
            what += f" of {self.phase.target:g} times the loss of the output 0"
        attack = "" if self.quantity == "inner" else ", under the strong attack"
        return (
            f"With {COMPARISONS[self.comparison]}, {self.phase.text}, for every two neighbouring "
            f"scales: {TEST}. The numbers are the networks' {what}, on {SPLITS[self.split]} "
            f"examples{attack}. For the claim where there is less of it at the smaller scale, "
            f"against it where there is more."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each two neighbouring scales of each series in each group."""
        of_dataset = output_scale_of(dataset), is_undone(dataset)
        if of_dataset != (self.output_scale, self.undone):
            return
        for settings, group in groups(dataset):
            yield from self._within(group, settings)

    def _within(self, group: xr.Dataset, settings: dict[str, Any]) -> Iterator[Finding]:
        """The findings in one group."""
        end = self.phase.end(group)
        if end is None:
            return
        values = measured(group, self.quantity, self.phase, end, self.split)
        for each in series(group, values, self.comparison, end, self.split):
            if (each.settings["ratio"] > 0) != self.attacked or np.isnan(each.values).all():
                continue
            for pair in compare_neighbours(each.scales, each.values):
                test = pair.test
                numbers: dict[str, Number] = {
                    **dict(zip(COUNTS, (test.larger, test.smaller), strict=True)),
                    "median ratio": test.ratio,
                    "relative change": pair.change,
                }
                scales = {"scale": pair.scales}
                of_pair = settings | each.settings | scales
                yield Finding(of_pair, numbers, pair.outcome, pair.votes)


def _claims(
    name: str,
    title: str,
    reading: str,
    *,
    quantities: Sequence[Quantity],
    split: Split = "test",
    limits: str,
) -> list[Claim]:
    """One reading of C2 in each phase: with every comparison of rates."""
    return [
        Claim(
            name.format(phase.name),
            f"{title}, {phase.text}",
            FASTER,
            reading,
            tuple(
                FasterAtSmallerScale(quantity, comparison, phase, split)
                for quantity in quantities
                for comparison in COMPARISONS
            ),
            f"{THE_RATE_DECIDES} {limits}",
            experiment="training",
        )
        for phase in PHASES
    ]


HIGHER = (
    "At larger scales the loss begins higher, for the attack gains more there, and more of the "
    "random initial function is not linear."
)
CLAIMS = (
    *_claims(
        "C2-{}",
        "the held-out robust loss falls faster at a smaller scale",
        "On the same network and held-out examples, the robust loss is lower at the smaller scale "
        "at the end of the phase, and falls to a target in fewer steps within it.",
        quantities=("loss", "steps"),
        limits=f"{HIGHER} The claims of the share that is left leave that out.",
    ),
    *_claims(
        "C2-{}-share",
        "more of the held-out robust loss is gone at a smaller scale",
        "On the same network and held-out examples, less of the robust loss at the start is left "
        "at the smaller scale at the end of the phase.",
        quantities=("share",),
        limits="A loss that starts high has more to lose.",
    ),
    *_claims(
        "C2-{}-accuracy",
        "fewer held-out answers are wrong under attack at a smaller scale",
        "On the same network and held-out examples, the robust accuracy is higher at the smaller "
        "scale at the end of the phase.",
        quantities=("errors",),
        limits="Only where labels are -1 and 1, or classes.",
    ),
    *_claims(
        "C2-{}-training",
        "the robust loss on training examples falls faster at a smaller scale",
        "As the claim on held-out examples, on those that are trained on.",
        quantities=("loss", "steps"),
        split="train",
        limits="A network of a large scale memorises its training examples, which says nothing of "
        "others.",
    ),
    *_claims(
        "C2-{}-inner",
        "the inner ascent is faster at a smaller scale",
        "At the end of the phase, the ascent on the perturbation takes fewer steps at the smaller "
        "scale.",
        quantities=("inner",),
        split="train",
        limits="Counted on a few training examples, with the inner step that is trained with.",
    ),
)  # fmt: skip
