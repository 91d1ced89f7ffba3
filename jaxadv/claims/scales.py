"""Whether a smaller input scale is more regular and faster: C3.

Source: docs/theory.md, sections 8.6 and 8.7.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from jaxadv.claims.judgements import Claim
from jaxadv.claims.neighbours import TEST, compare
from jaxadv.claims.verdicts import Finding, Number
from jaxadv.stats.cells import (
    EVERYWHERE,
    Domain,
    by_network,
    cells,
    families,
    kappa_0_of,
    settings_of,
)
from jaxadv.stats.intervals import network_medians
from jaxadv.stats.survival import step_counts

REGULAR = "A smaller input scale gives a more regular landscape of the adversarial loss."
ONE_MEASURE = (
    "One measure of regularity, at the maxima that were found, and where ascent converged: not the "
    "number of maxima, nor the way to them."
)


@dataclass(frozen=True)
class RisesWithScale:
    """Is a quantity smaller at the smaller of two scales, on the same networks?

    Attributes:
        quantity: ``"curvature_ratio"`` or ``"num_steps"``.
        domain: in which the cell of the larger scale must be.
    """

    quantity: Literal["curvature_ratio", "num_steps"]
    domain: Domain = EVERYWHERE

    @property
    def text(self) -> str:
        """The rule in words."""
        ends = self.quantity == "curvature_ratio"
        what = "curvature ratio, over the trials that converged at both" if ends else "steps"
        where = f", the larger{self.domain.text}" if self.domain != EVERYWHERE else ""
        return (
            f"For every two neighbouring scales{where}: {TEST}. The numbers are the networks' "
            f"median {what}. For the claim where it is smaller at the smaller scale, against it "
            f"where it is larger there."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each two neighbouring scales of each family along the scale."""
        for _, family in families(step_counts(dataset.isel(tolerance=-1)), "scale"):
            for left, right in itertools.pairwise(cells(family)):
                kappa_0 = kappa_0_of(right)
                if self.domain.has(right, kappa_0):
                    yield self._finding(left, right, kappa_0)

    def _finding(self, left: xr.Dataset, right: xr.Dataset, kappa_0: float) -> Finding:
        first, second = (by_network(cell[self.quantity]).astype(float) for cell in (left, right))
        reached = [by_network(cell.reached) for cell in (left, right)]
        ends = self.quantity == "curvature_ratio"
        if ends:
            # The same trials on both sides, or those that are hard would count on one alone.
            first, second = (np.where(reached[0] & reached[1], x, np.nan) for x in (first, second))
        else:
            # Beyond the budget, steps are more than any others.
            first, second = (
                np.where(r, x, np.inf) for r, x in zip(reached, (first, second), strict=True)
            )
        pair = compare(
            (left.scale.item(), right.scale.item()),
            network_medians(first),
            network_medians(second),
        )
        test = pair.test
        numbers: dict[str, Number] = {
            "κ₀ at the larger": kappa_0,
            "networks with more": test.larger,
            "with less": test.smaller,
            **({"median difference": test.difference} if ends else {"median ratio": test.ratio}),
            "relative change": pair.change,
        }
        settings = settings_of(left) | {"scale": pair.scales}
        return Finding(settings, numbers, pair.outcome)


CLAIMS = (
    Claim(
        "C3-curvature", "a smaller scale is more regular, while the larger one is regular still",
        REGULAR,
        "At the maxima that ascent finds, the largest tangent curvature over the multiplier is "
        "smaller at the smaller scale, where κ₀ (M1) is at most 1 at the larger.",
        (RisesWithScale("curvature_ratio", Domain(most_kappa_0=1.0)),), ONE_MEASURE,
    ),
    Claim(
        "C3-beyond", "a smaller scale is more regular, beyond", REGULAR,
        "The same where κ₀ is above 1 at the larger scale.",
        (RisesWithScale("curvature_ratio", Domain(least_kappa_0=1.0)),),
        ONE_MEASURE
        + " Split from C3-curvature when the scales had been judged and most exceptions were here.",
    ),
    Claim(
        "C3-steps", "ascent is faster at a smaller input scale",
        REGULAR,
        "On the same network, from the same start and with the same step rule, ascent takes fewer "
        "steps at the smaller scale.",
        (RisesWithScale("num_steps"),),
        "Constant steps mean another thing at each scale: the inputs, the radius and the gradient "
        "all change with it.",
    ),
)  # fmt: skip
