"""How many steps suffice with high probability: C1-probability.

Source: docs/theory.md, section 8.4.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxadv.claims.growth import LEAST_STEPS, POLYNOMIAL, QUADRATIC
from jaxadv.claims.judgements import Claim
from jaxadv.claims.verdicts import Finding, Number, Outcome, judged_within, outcome
from jaxadv.stats.cells import by_network, cells, settings_of
from jaxadv.stats.intervals import Estimate, bounded_quantile, quantiles, replicates

# Failure probabilities.
PROBABILITIES = (0.5, 0.1, 0.03, 0.01, 0.003, 0.001)
NEAR, FAR, RAREST = 0.1, 0.01, 0.001
LEAST_FOR_TAIL = 5000  # networks, for bounds of the quantile with the rarest failures
# With a smaller ratio of the two extrapolations, they cannot be told apart.
LEAST_RATIO = 1.1


def steps_at(num_steps: Float[np.ndarray, " network"], probability: float) -> Estimate:
    """How many steps suffice but for a failure probability, with distribution-free bounds.

    Args:
        num_steps: of one trial on each network; inf where it did not converge.
        probability: of failure.

    Example:
        >>> str(steps_at(np.arange(1.0, 1001.0), 0.1))
        '900 [881, 919]'
    """
    return bounded_quantile(num_steps, 1 - probability)


def first_trials(cell: xr.Dataset) -> Float[np.ndarray, " network"]:
    """The steps of one trial on each network, inf where it did not reach the tolerance."""
    counts, reached = (by_network(cell[name])[:, 0] for name in ("num_steps", "reached"))
    return np.where(reached, counts, np.inf)


@dataclass(frozen=True)
class TailIsThin:
    """Does the number of steps grow no faster than linearly in ln(1/p), p the failure probability?

    Two extrapolations are told apart: a tail that falls exponentially, and one that falls as a
    power of the number of steps.
    """

    @property
    def text(self) -> str:
        """The rule in words."""
        return (
            f"T(p) is the number of steps that suffices but for a failure probability p, on one "
            f"trial of each of at least {LEAST_FOR_TAIL:,} networks. Two curves through "
            f"T({NEAR:g}) and T({FAR:g}) are extended to p = {RAREST:g}: a straight line in "
            f"ln(1/p), which is a tail that falls exponentially, and T ∝ p^(−a), a tail that falls "
            f"as a power. A finding is for the claim where the upper bound of T({RAREST:g}), by "
            f"order statistics, is at most the geometric mean of the two. It is against it where "
            f"the lower bound is above. It is straddled where the bounds contain the mean, or the "
            f"two curves differ by less than {LEAST_RATIO - 1:.0%}. It is censored where "
            f"T({FAR:g}) is beyond the budget, and too few where T({NEAR:g}) is below "
            f"{LEAST_STEPS} steps."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each cell and tolerance with enough networks."""
        if dataset.sizes["network"] < LEAST_FOR_TAIL:
            return
        for cell in cells(dataset):
            for index in range(dataset.sizes["tolerance"]):
                yield self._finding(cell.isel(tolerance=index))

    def _finding(self, cell: xr.Dataset) -> Finding:
        counts = first_trials(cell)
        weights = replicates(len(counts))
        near, far, rarest = (
            quantiles(counts[:, None], 1 - p, weights) for p in (NEAR, FAR, RAREST)
        )
        numbers: dict[str, Number] = {f"T({p:g})": steps_at(counts, p) for p in PROBABILITIES}
        settings = settings_of(cell) | {"tolerance": cell.tolerance.item()}
        if not np.isfinite(far).all():
            return Finding(settings, numbers, Outcome.CENSORED)
        if near.min() < LEAST_STEPS:
            return Finding(settings, numbers, Outcome.TOO_FEW)
        decades = math.log(FAR / RAREST) / math.log(NEAR / FAR)
        line, power = far + (far - near) * decades, far * (far / near) ** decades
        middle = np.sqrt(line * power)
        bounds = steps_at(counts, RAREST)
        numbers |= {"by the line": float(line[0]), "by the power": float(power[0])}
        differ = bool(power[0] >= LEAST_RATIO * line[0])
        result = outcome(
            holds=differ and bool(bounds.high <= middle[0]),
            fails=differ and bool(bounds.low > middle[0]),
        )
        votes = judged_within(rarest / middle, 0.0, 1.0).votes
        return Finding(settings, numbers, result, votes if differ else None)


CLAIMS = (
    Claim(
        "C1-probability", "with high probability: steps grow linearly in ln(1/p)", POLYNOMIAL,
        "The number of steps that suffices but for a failure probability p grows no faster than "
        "linearly in ln(1/p).",
        (TailIsThin(),),
        "Probability over random networks, inputs, labels and starts together. Nothing is said of "
        "failures that are rarer than those that were seen.", QUADRATIC,
    ),
)  # fmt: skip
