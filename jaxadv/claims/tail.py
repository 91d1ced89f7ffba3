"""How many steps suffice with high probability: C1-probability.

Source: docs/theory.md, section 8.4.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxadv.claims.growth import POLYNOMIAL, QUADRATIC
from jaxadv.claims.judgements import Claim
from jaxadv.claims.verdicts import Finding, Number, Outcome, judged_within, outcome
from jaxadv.stats.cells import by_network, cells, settings_of
from jaxadv.stats.intervals import Estimate, bounded_quantile, quantiles, replicates

# Failure probabilities; the bootstrap covers quantiles down to the second of these.
PROBABILITIES = (0.5, 0.1, 0.03, 0.01, 0.003, 0.001)
NEAR, FAR, RAREST = 0.1, 0.01, 0.001
LEAST_NETWORKS = 5000  # for bounds of the quantile with the rarest failures
MOST_EXCESS = 1.25


def steps_at(num_steps: Float[np.ndarray, " network"], probability: float) -> Estimate:
    """How many steps suffice but for a failure probability, with distribution-free bounds.

    Args:
        num_steps: of one trial on each network; inf where it did not converge.
        probability: of failure.

    Example:
        >>> str(steps_at(np.arange(1.0, 1001.0), 0.1))
        '900 [882, 919]'
    """
    return bounded_quantile(num_steps, 1 - probability)


def first_trials(cell: xr.Dataset) -> Float[np.ndarray, " network"]:
    """The steps of one trial on each network, inf where it did not reach the tolerance."""
    counts, reached = (by_network(cell[name])[:, 0] for name in ("num_steps", "reached"))
    return np.where(reached, counts, np.inf)


@dataclass(frozen=True)
class TailIsThin:
    """Does the number of steps grow no faster than linearly in ln(1/p), p the failure probability?

    Attributes:
        most: the largest ratio of the steps at the rarest failures to a straight line in ln(1/p).
    """

    most: float = MOST_EXCESS

    @property
    def text(self) -> str:
        """The rule in words."""
        return (
            f"The number of steps T(p) that suffices but for a failure probability p, on one trial "
            f"of each of at least {LEAST_NETWORKS:,} networks. A straight line in ln(1/p) through "
            f"T({NEAR:g}) and T({FAR:g}) is extended to p = {RAREST:g}. For where the upper bound "
            f"of T({RAREST:g}), from order statistics, is at most {self.most:g} times the line; "
            f"against where the lower bound is above that. A tail that falls as a power of T would "
            f"exceed it: by the factor T({FAR:g})/T({NEAR:g}) in each decade."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each cell and tolerance with enough networks."""
        if dataset.sizes["network"] < LEAST_NETWORKS:
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
        with np.errstate(invalid="ignore"):
            line = far + (far - near) * math.log(FAR / RAREST) / math.log(NEAR / FAR)
        bounds = steps_at(counts, RAREST)
        numbers: dict[str, Number] = {f"T({p:g})": steps_at(counts, p) for p in PROBABILITIES} | {
            "line at the last": float(line[0])
        }
        settings = settings_of(cell) | {"tolerance": cell.tolerance.item()}
        if not math.isfinite(line[0]):
            return Finding(settings, numbers, Outcome.CENSORED)
        limit = self.most * line[0]
        result = outcome(holds=bool(bounds.high <= limit), fails=bool(bounds.low > limit))
        votes = judged_within(rarest / line, 0.0, self.most).votes
        return Finding(settings, numbers, result, votes)


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
