"""Whether ascent ends in local maxima: C1-probability and C1-maximum.

Source: docs/theory.md, sections 8.4 and 8.7.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import xarray as xr
from jaxtyping import Bool
from scipy.stats import fisher_exact

from jaxadv.ascent.kinds import Kind
from jaxadv.claims.growth import POLYNOMIAL, QUADRATIC
from jaxadv.claims.judgements import Claim
from jaxadv.claims.verdicts import LEAST_NETWORKS, Finding, Number, Outcome, outcome
from jaxadv.stats.cells import by_network, cells, families, is_maximum, settings_of
from jaxadv.stats.intervals import LEVEL, median, share

TRIALS = ("example", "start")


@dataclass(frozen=True)
class FailuresAreRare:
    """Does ascent succeed on almost all wide networks, and no less often than on narrow ones?

    Attributes:
        most: the share that may fail at the largest width.
    """

    most: float = 0.1

    @property
    def text(self) -> str:
        """The rule in words."""
        return (
            f"A network fails if any of its trials does not end, within the budget, in a certified "
            f"maximum; at least {LEAST_NETWORKS} networks. Supported where the share of failures "
            f"at the largest width is surely below {self.most:.0%} (Clopper-Pearson) and not "
            f"surely above that at the smallest (Fisher's exact test, {1 - LEVEL:.0%}); not "
            f"supported where it is surely above either."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each family along the width, of smooth networks."""
        for _, family in families(dataset, "width"):
            points = list(cells(family))
            if len(points) < 2 or has_kinks(family):
                continue
            failed = [fails_on(points[0]), fails_on(points[-1])]
            narrow, wide = share(failed[0]), share(failed[1])
            counts = [[f.sum(), f.size - f.sum()] for f in reversed(failed)]
            rises = float(cast(Any, fisher_exact(counts, alternative="greater")).pvalue)
            numbers: dict[str, Number] = {
                "smallest width": points[0].width.item(),
                "failures there": narrow,
                "largest width": points[-1].width.item(),
                "failures at that": wide,
                "p of a rise": rises,
            }
            settings = settings_of(points[0])
            del settings["width"]
            grows = rises < 1 - LEVEL
            result = outcome(
                holds=wide.high < self.most and not grows, fails=wide.low > self.most or grows
            )
            enough = dataset.sizes["network"] >= LEAST_NETWORKS
            yield Finding(settings, numbers, result if enough else Outcome.TOO_FEW)


def has_kinks(dataset: xr.Dataset) -> bool:
    """Whether some end has no certificate because the network has kinks there."""
    return bool((dataset.kind == Kind.NOT_SMOOTH).any())


def fails_on(cell: xr.Dataset) -> Bool[np.ndarray, " network"]:
    """On which networks any trial of a cell does not end in a certified maximum."""
    return np.logical_not(is_maximum(cell).all(TRIALS).values)


@dataclass(frozen=True)
class EndsAreMaxima:
    """Are the points in which ascents end strict local maxima?

    Attributes:
        least: the share of networks on which all ends are.
    """

    least: float = 0.9

    @property
    def text(self) -> str:
        """The rule in words."""
        return (
            f"Of the networks on which any trial reached the tightest tolerance, at least "
            f"{LEAST_NETWORKS}: the share on which all that did ended in a certified strict local "
            f"maximum. Supported where it is surely above "
            f"{self.least:.0%} (Clopper-Pearson), not supported where it is surely below."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each cell of smooth networks."""
        for cell in cells(dataset.isel(tolerance=-1)):
            if has_kinks(cell):
                continue
            any_reached = cell.reached.any(TRIALS).values
            if any_reached.sum() < LEAST_NETWORKS:
                converged = {"converged trials": float(cell.reached.mean())}
                yield Finding(settings_of(cell), converged, Outcome.TOO_FEW)
                continue
            all_maxima = (is_maximum(cell) | ~cell.reached).all(TRIALS).values
            certified = share(all_maxima[any_reached])
            numbers = {
                "networks with all ends certified": certified,
                "median distance": median(by_network(cell.distance)),
                "converged trials": float(cell.reached.mean()),
            }
            yield Finding(
                settings_of(cell),
                numbers,
                outcome(holds=certified.low > self.least, fails=certified.high < self.least),
            )


CLAIMS = (
    Claim(
        "C1-probability", "ascent succeeds with high probability in wide networks",
        POLYNOMIAL,
        "In wide networks, ascent ends in a certified local maximum within the budget.",
        (FailuresAreRare(),),
        "Asked of sweeps over the width alone. A failure may be a budget that was too small. The "
        "share of random networks, not of trained ones.", QUADRATIC,
    ),
    Claim(
        "C1-maximum", "where ascent converges there is a local maximum", POLYNOMIAL,
        "Ends that reached the tightest tolerance are certified strict local maxima; how far the "
        "true ones are is measured.",
        (EndsAreMaxima(),),
        "Certified in double precision at the end; trials that did not converge are counted in "
        "C1-probability, not here.", QUADRATIC,
    ),
)  # fmt: skip
