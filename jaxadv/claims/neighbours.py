"""Two neighbouring scales, compared on the same networks: the test of all claims on the scale."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from jaxadv.claims.verdicts import LEAST_NETWORKS, Verdict, verdict
from jaxadv.stats.intervals import LEVEL
from jaxadv.stats.sign_test import SignTest, sign_test

TEST = f"the two-sided sign test at {1 - LEVEL:.0%}"
ENOUGH = f"at least {LEAST_NETWORKS} networks that differ"


@dataclass(frozen=True)
class Neighbours:
    """Two neighbouring scales, and what the networks say about them.

    Attributes:
        smaller: the smaller scale.
        larger: the larger one.
        test: of the values at the larger scale against those at the smaller.
        verdict: whether the values are on the side that was claimed.
    """

    smaller: float
    larger: float
    test: SignTest
    verdict: Verdict

    @property
    def scales(self) -> str:
        """Both scales in words, such as "1 against 0.1"."""
        return f"{self.larger:g} against {self.smaller:g}"


def compare(
    scales: tuple[float, float],
    at_smaller: Float[np.ndarray, " network"],
    at_larger: Float[np.ndarray, " network"],
    *,
    rises: bool = True,
) -> Neighbours:
    """Are the networks' values larger at the larger scale? By `TEST`, on `ENOUGH` networks.

    Args:
        scales: the smaller and the larger one.
        at_smaller: the values at the smaller scale, NaN where a network has none.
        at_larger: the values of the same networks at the larger scale.
        rises: whether the claim is that values are larger at the larger scale; else that they are
            smaller there.

    Example:
        >>> values = np.arange(30.0)
        >>> compare((0.1, 1.0), values, values + 1).verdict.value
        'supported'
    """
    test = sign_test(at_smaller, at_larger)
    p_for, p_against = (test.p_larger, test.p_smaller)[:: 1 if rises else -1]
    is_enough = test.larger + test.smaller >= LEAST_NETWORKS
    level = (1 - LEVEL) / 2
    outcome = verdict(
        supported=is_enough and p_for < level, against=is_enough and p_against < level
    )
    return Neighbours(*scales, test, outcome)


def compare_neighbours(
    scales: Float[np.ndarray, " scale"],
    values: Float[np.ndarray, "scale network"],
    *,
    rises: bool = True,
) -> Iterator[Neighbours]:
    """Compare every scale with the next one.

    Args:
        scales: ascending.
        values: of each network at each scale.
        rises: as in `compare`.
    """
    for one, other in itertools.pairwise(range(len(scales))):
        pair = float(scales[one]), float(scales[other])
        yield compare(pair, values[one], values[other], rises=rises)
