"""Whether the claims on the quadratic loss hold for the logistic loss as well: C4."""

from jaxadv.claims.growth import NoFasterThanPower
from jaxadv.claims.judgements import Claim
from jaxadv.claims.maxima import REGULAR_AND_WIDE, EndsAreMaxima, Succeeds

CLAIMS = (
    Claim(
        "C4", "the same holds for the logistic loss",
        "The result extends to general losses under conditions on their derivatives (from "
        "summaries of the paper).",
        "The rules of C1-dim, C1-width, C1-tolerance, C1-success and C1-maximum hold with the "
        "logistic loss.",
        (NoFasterThanPower("dim"), NoFasterThanPower("width"), NoFasterThanPower("tolerance"),
         Succeeds(REGULAR_AND_WIDE), EndsAreMaxima()),
        "One loss is not all.", {"loss": "logistic"},
    ),
)  # fmt: skip
