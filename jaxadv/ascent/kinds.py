"""What a certificate can find a point to be."""

import enum


class Kind(enum.IntEnum):
    """What a certificate found a point to be; `meaning` says it in a sentence."""

    NOT_STATIONARY = 0
    BOUNDARY_MAX = 1
    INTERIOR_MAX = 2
    DEGENERATE = 3
    NOT_MAX = 4
    NOT_SMOOTH = 5
    UNCONFIRMED = 6

    @property
    def meaning(self) -> str:
        """What this kind of point is, and what can be done about it.

        Example:
            >>> Kind.NOT_MAX.meaning
            'stationary, but the loss rises along some feasible direction: a saddle or a minimum'
        """
        return MEANINGS[self]


MEANINGS = {
    Kind.NOT_STATIONARY: "the residual is above the tolerance",
    Kind.BOUNDARY_MAX: "a strict local maximum on the boundary (h₁ < λ, and λ > 0 if the set is a "
    "ball), which Newton's method confirmed close by",
    Kind.INTERIOR_MAX: "a strict local maximum inside (H ≺ 0), which Newton's method confirmed "
    "close by",
    Kind.DEGENERATE: "stationary, but undecided: h₁ = λ up to the error of the eigenvalue, or λ = "
    "0 on the boundary of a ball, or the set is one point",
    Kind.NOT_MAX: "stationary, but the loss rises along some feasible direction: a saddle or a "
    "minimum",
    Kind.NOT_SMOOTH: "the network or the loss may have kinks, which second derivatives do not see; "
    "ja.kinks(problem.objective, delta) names the operations, and smooth=True (--smooth) declares "
    "that there are none",
    Kind.UNCONFIRMED: "the conditions of a strict local maximum hold, but Newton's method found "
    "none close by; a tighter tolerance may decide",
}
"""The kinds in sentences."""
MAXIMA = (Kind.BOUNDARY_MAX, Kind.INTERIOR_MAX)
"""The kinds that are certified maxima."""
