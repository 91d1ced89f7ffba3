"""Whether a smaller input scale is more regular and faster: C3.

Source: docs/theory.md, sections 8.6 and 8.7.
"""

import itertools
import math
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
    is_maximum,
    kappa_0_of,
    settings_of,
)
from jaxadv.stats.intervals import network_medians
from jaxadv.stats.survival import step_counts
from jaxadv.theory import CRITICAL

# A normalised step of so many radii is as good as infinite: δ ← ε g/|g|.
GRADIENT_STEP = 1e6
# The κ₀ up to which that iteration contracts (docs/theory.md, section 6.5).
CONTRACTS = 2 * (math.sqrt(2) - 1)

Quantity = Literal["condition_number", "num_steps"]
REGULAR = "A smaller input scale gives a more regular landscape of the adversarial loss."
ONE_MEASURE = (
    "One measure of regularity, at the maxima that were found, and where ascent converged: not the "
    "number of maxima, nor the way to them."
)
CHANGED = (
    "An earlier version of this claim asked about h₁/λ, up to κ₀ = 1 and beyond. It was changed "
    "after its sweeps had been judged, because h₁/λ is close to 1 at every maximum beyond κ₀ = 2."
)
WHAT: dict[Quantity, str] = {
    "condition_number": "condition number, over the trials that ended in a confirmed maximum at "
    "both",
    "num_steps": "number of steps",
}


@dataclass(frozen=True)
class RisesWithScale:
    """Is a quantity smaller at the smaller of two scales, on the same networks?

    Attributes:
        quantity: which one.
        domain: in which the cell of the larger scale must be.
    """

    quantity: Quantity
    domain: Domain = EVERYWHERE

    @property
    def text(self) -> str:
        """The rule in words."""
        where = f", the larger{self.domain.text}" if self.domain != EVERYWHERE else ""
        return (
            f"For every two neighbouring scales{where}: {TEST}. The numbers are the networks' "
            f"median {WHAT[self.quantity]}. For the claim where it is smaller at the smaller "
            f"scale, against it where it is larger there."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each two neighbouring scales of each family along the scale."""
        if self.quantity not in dataset or dataset[self.quantity].isnull().all():
            return  # stores of version 0.1 have no condition numbers
        for _, family in families(step_counts(dataset.isel(tolerance=-1)), "scale"):
            for left, right in itertools.pairwise(cells(family)):
                kappa_0 = kappa_0_of(right)
                if self.domain.has(right, kappa_0):
                    yield self._finding(left, right, kappa_0)

    def _finding(self, left: xr.Dataset, right: xr.Dataset, kappa_0: float) -> Finding:
        first, second = (by_network(cell[self.quantity]).astype(float) for cell in (left, right))
        is_known = [by_network(cell.reached) for cell in (left, right)]
        if self.quantity == "num_steps":
            # Beyond the budget, steps are more than any others.
            first, second = (
                np.where(known, values, np.inf)
                for known, values in zip(is_known, (first, second), strict=True)
            )
        else:
            # The same trials on both sides, or those that are hard would count on one alone.
            is_known += [by_network(is_maximum(cell)) for cell in (left, right)]
            at_both = np.logical_and.reduce(is_known)
            first, second = (np.where(at_both, values, np.nan) for values in (first, second))
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
            "median ratio": test.ratio,
            "relative change": pair.change,
        }
        settings = settings_of(left) | {"scale": pair.scales}
        return Finding(settings, numbers, pair.outcome, pair.votes)


STEPS = RisesWithScale("num_steps")
FASTER = (
    "On the same network and from the same start, ascent takes fewer steps at the smaller scale"
)
CLAIMS = (
    Claim(
        "C3-condition", "a smaller scale is more regular: the maximum is better conditioned",
        REGULAR,
        "At the maxima that ascent finds, the condition number (λ − h_min)/(λ − h₁) is smaller at "
        "the smaller scale, where κ₀ (M1) is at most 2 at the larger.",
        (RisesWithScale("condition_number", Domain(most_kappa_0=CRITICAL)),),
        f"{ONE_MEASURE} {CHANGED}",
    ),
    Claim(
        "C3-beyond",
        "the maximum is better conditioned at a smaller scale, where κ₀ > 2 at the larger", REGULAR,
        "At the maxima that ascent finds, the condition number is smaller at the smaller scale, "
        "also where κ₀ is above 2 at the larger.",
        (RisesWithScale("condition_number", Domain(least_kappa_0=CRITICAL)),),
        ONE_MEASURE + " Few trials converge there. " + CHANGED,
    ),
    Claim(
        "C3-steps", "ascent is faster at a smaller scale, with steps of one constant size", REGULAR,
        f"{FASTER}, with the same constant step size.",
        (STEPS,),
        "A constant step means another thing at each scale: the multiplier λ changes with it, and "
        "not regularity alone.", {"step_rule": "constant"},
    ),
    Claim(
        "C3-steps-curvature", "ascent is faster at a smaller scale, with steps of 1/curvature",
        REGULAR,
        f"{FASTER}, with steps that are a multiple of the inverse curvature at the start.",
        (STEPS,),
        "The curvature at the start is not that at the maximum.",
        {"step_rule": "inverse-curvature"},
    ),
    Claim(
        "C3-steps-gradient", "ascent is faster at a smaller scale, with δ ← ε g/|g|", REGULAR,
        f"{FASTER}, with the iteration δ ← ε g/|g|, which has no step size at all.",
        (RisesWithScale("num_steps", Domain(most_kappa_0=CONTRACTS)),),
        "Where κ₀ is below 0.83 at the larger scale: beyond, the iteration does not contract.",
        {"step_rule": "normalized", "step_size": GRADIENT_STEP},
    ),
)  # fmt: skip
