"""Whether the number of maxima grows with the dimension: C3-maxima and C3-maxima-beyond.

Source: docs/theory.md, sections 6.4 and 8.5.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from jaxadv.claims.judgements import Claim
from jaxadv.claims.scales import REGULAR
from jaxadv.claims.verdicts import LEAST_NETWORKS, Finding, Number, Outcome, judged_within
from jaxadv.stats.cells import Domain, cells, families, kappa_0_of
from jaxadv.stats.fits import LEAST_SIZES, exponents
from jaxadv.stats.intervals import mean, means
from jaxadv.stats.landscapes import num_maxima


@dataclass(frozen=True)
class MaximaAlongDim:
    """Does the mean number of distinct maxima grow with the dimension as it is said to?

    Attributes:
        domain: the cells that are asked about, by their κ₀.
        low: the least exponent of the number in d.
        high: the largest.
    """

    domain: Domain
    low: float
    high: float

    @property
    def text(self) -> str:
        """The rule in words."""
        bounds = f"above {self.low:g}" if np.isinf(self.high) else f"in ± {self.high:g}"
        return (
            f"In every family along the dimension{self.domain.text}: the exponent b of N ∝ d^b, N "
            f"the mean number of distinct confirmed maxima that ascents from many starts find, at "
            f"at least {LEAST_SIZES} dimensions, on at least {LEAST_NETWORKS} networks. For where "
            f"the exponent's interval lies {bounds}, against where it lies outside of that."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each family along the dimension, of landscapes of random networks."""
        for settings, family in families(dataset, "dim"):
            points = list(cells(family))
            kappa_0 = kappa_0_of(points[0])
            if len(points) < LEAST_SIZES or not self.domain.has(points[0], kappa_0):
                continue
            counts = [num_maxima(point) for point in points]
            smallest, largest = (mean(counts[index]) for index in (0, -1))
            numbers: dict[str, Number] = {
                "κ₀": kappa_0,
                f"maxima at d = {points[0].dim.item()}": smallest,
                f"at d = {points[-1].dim.item()}": largest,
            }
            if dataset.sizes["network"] < LEAST_NETWORKS:
                yield Finding(settings, numbers, Outcome.TOO_FEW)
                continue
            values = np.stack([means(count) for count in counts], axis=1)
            if not (values > 0).all():  # in some dimension no ascent found a maximum
                yield Finding(settings, numbers, Outcome.CENSORED)
                continue
            sizes = family.dim.values.astype(float)
            exponent = judged_within(exponents(sizes, values), self.low, self.high)
            numbers["exponent"] = exponent.number
            yield Finding(settings, numbers, exponent.outcome, exponent.votes)


FOUND = (
    "Maxima that were found from a limited number of starts; of many, more are missed. "
    "Asked of the logistic loss: it is monotone in the output, and so has the maxima of f alone. "
    "The quadratic loss has those of −f as well, where the radius is large enough."
)
CLAIMS = (
    Claim(
        "C3-maxima", "below κ₀ = 2 the number of maxima does not grow with the dimension", REGULAR,
        "Where κ₀ is at most 1.5, the mean number of distinct maxima is the same in all "
        "dimensions.",
        (MaximaAlongDim(Domain(most_kappa_0=1.5), -0.1, 0.1),), FOUND,
        {"loss": "logistic"}, experiment="landscape",
    ),
    Claim(
        "C3-maxima-beyond", "beyond κ₀ = 2 the number of maxima grows with the dimension", REGULAR,
        "Where κ₀ is above 2.5, the mean number of distinct maxima grows with the dimension.",
        (MaximaAlongDim(Domain(least_kappa_0=2.5), 0.2, np.inf),), FOUND,
        {"loss": "logistic"}, experiment="landscape",
    ),
)  # fmt: skip
