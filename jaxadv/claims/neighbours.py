"""Two neighbouring scales, compared on the same networks: the test of all claims on the scale.

Source: docs/theory.md, section 8.6.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from jaxadv.claims.verdicts import LEAST_NETWORKS, Outcome, Votes, outcome, votes_for
from jaxadv.stats.intervals import LEVEL, Estimate, estimate, medians
from jaxadv.stats.sign_test import SignTest, sign_test

MARGIN = 0.03
"""Relative changes up to it are no difference."""
MOST_CENSORED = 0.5
TEST = f"the median over networks of the relative change, with a margin of {MARGIN:.0%}"
OUTCOMES = (
    f"The relative change of a network is 2(q − p)/(|p| + |q|), with its numbers p at the smaller "
    f"and q at the larger scale. A finding is *for* or *against* the claim where the interval of "
    f"the median change lies beyond {MARGIN:.0%} on one side, and the two-sided sign test agrees "
    f"at {1 - LEVEL:.0%}. It is a *tie* where the interval lies within ±{MARGIN:.0%}, and "
    f"*straddled* where the interval contains an end of that. It is *censored* where both numbers "
    f"are beyond the budget on at least {MOST_CENSORED:.0%} of the networks, and *too few* where "
    f"there are fewer than {LEAST_NETWORKS} networks."
)


@dataclass(frozen=True)
class Neighbours:
    """Two neighbouring scales, and what the networks say about them.

    Attributes:
        smaller: the smaller scale.
        larger: the larger one.
        test: of the values at the larger scale against those at the smaller.
        change: the median of `relative_change`.
        outcome: whether the values are on the side that was claimed.
        votes: the same in each replicate; none where it is censored, or on too few networks.
    """

    smaller: float
    larger: float
    test: SignTest
    change: Estimate
    outcome: Outcome
    votes: Votes | None

    @property
    def scales(self) -> str:
        """Both scales in words, such as "1 against 0.1"."""
        return f"{self.larger:g} against {self.smaller:g}"


def relative_change(
    first: Float[np.ndarray, " network"], second: Float[np.ndarray, " network"]
) -> Float[np.ndarray, " network"]:
    """The difference over the mean of the absolute values: from −2 to 2, for numbers of any sign.

    It is 0 between two numbers that are 0, ±2 where one is beyond the budget (inf), and NaN where
    both are, or one is NaN.

    Example:
        >>> relative_change(np.array([1.0, 0.0, np.inf]), np.array([3.0, 0.0, np.inf])).tolist()
        [1.0, 0.0, nan]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        changes = 2 * (second - first) / (np.abs(first) + np.abs(second))
    changes = np.where((first == 0) & (second == 0), 0.0, changes)
    changes = np.where(np.isinf(second) & np.isfinite(first), 2.0 * np.sign(second), changes)
    return np.where(np.isinf(first) & np.isfinite(second), -2.0 * np.sign(first), changes)


def compare(
    scales: tuple[float, float],
    at_smaller: Float[np.ndarray, " network"],
    at_larger: Float[np.ndarray, " network"],
    *,
    rises: bool = True,
) -> Neighbours:
    """Are the networks' values larger at the larger scale? By `OUTCOMES`.

    Args:
        scales: the smaller and the larger one.
        at_smaller: the values at the smaller scale, NaN where a network has none, inf where it is
            beyond the budget.
        at_larger: the values of the same networks at the larger scale.
        rises: whether the claim is that values are larger at the larger scale; else that they are
            smaller there.

    Example:
        >>> values = np.arange(30.0)
        >>> compare((0.1, 1.0), values, 2 * values + 1).outcome.value
        'for'
    """
    test, changes = sign_test(at_smaller, at_larger), relative_change(at_smaller, at_larger)
    by_replicate = medians(changes[:, None])
    change = estimate(by_replicate)
    known = ~np.isnan(at_smaller) & ~np.isnan(at_larger)
    censored = np.isinf(at_smaller) & np.isinf(at_larger)
    if known.sum() < LEAST_NETWORKS:
        result = Outcome.TOO_FEW
    elif censored.sum() >= MOST_CENSORED * known.sum():
        result = Outcome.CENSORED
    elif change.within(-MARGIN, MARGIN):
        result = Outcome.TIE
    else:
        level = (1 - LEVEL) / 2
        more = change.low > MARGIN and test.p_larger < level
        less = change.high < -MARGIN and test.p_smaller < level
        result = outcome(holds=more if rises else less, fails=less if rises else more)
    is_more, is_less = by_replicate > MARGIN, by_replicate < -MARGIN
    votes = votes_for(*((is_more, is_less) if rises else (is_less, is_more)))
    return Neighbours(
        *scales,
        test,
        change,
        result,
        votes if result not in (Outcome.TOO_FEW, Outcome.CENSORED) else None,
    )


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
