"""Whether the claims on the quadratic loss hold for the logistic loss as well: C4."""

from jaxadv.claims.growth import PolynomialGrowth
from jaxadv.claims.judgements import Claim
from jaxadv.claims.maxima import EndsAreMaxima, FailuresAreRare

CLAIMS = (
    Claim(
        "C4", "the same holds for the logistic loss",
        "The result extends to general losses under conditions on their derivatives (from "
        "summaries of the paper).",
        "All rules of C1 hold with the logistic loss.",
        (PolynomialGrowth("dim"), PolynomialGrowth("width"), PolynomialGrowth("tolerance"),
         FailuresAreRare(), EndsAreMaxima()),
        "One loss is not all.", {"loss": "logistic"},
    ),
)  # fmt: skip
