"""The mean-field laws as functions: of ascent (docs/theory.md, section 6) and of training.

The law of training is that of docs/theory.md, section 7.5.
"""

from jaxadv.theory.ascent import (
    CRITICAL,
    LOSS_SLOPES,
    condition_number,
    curvature_ratio,
    earlier_curvature_ratio,
    end_scale,
    gradient_cosine,
    kappa_0,
    median_slope,
    multiplier,
    output_rise,
    steps,
    steps_of_slowest,
    tangent_spectrum,
)
from jaxadv.theory.integrals import derivative_norms
from jaxadv.theory.training import (
    RobustLosses,
    forgetting_rate,
    robust_loss_curve,
    sign_linearity,
)

__all__ = [
    "CRITICAL",
    "LOSS_SLOPES",
    "RobustLosses",
    "condition_number",
    "curvature_ratio",
    "derivative_norms",
    "earlier_curvature_ratio",
    "end_scale",
    "forgetting_rate",
    "gradient_cosine",
    "kappa_0",
    "median_slope",
    "multiplier",
    "output_rise",
    "robust_loss_curve",
    "sign_linearity",
    "steps",
    "steps_of_slowest",
    "tangent_spectrum",
]
