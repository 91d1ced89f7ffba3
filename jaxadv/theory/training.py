"""A mean-field law of early adversarial training, without a fitted parameter: ours, heuristic.

Source: docs/theory.md, section 7.5.

For the quadratic loss, an odd activation, and full-batch gradient descent on the hidden layer of a
wide network. Inputs are uniform on the sphere of radius s√d.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxadv.problems.activations import Activation
from jaxadv.theory.integrals import Moments, as_smooth, gaussian_means, moments

MEAN_ABSOLUTE = math.sqrt(2 / math.pi)  # E |Z|
TINY = 1e-150  # in place of a length or deviation of 0, which is divided by


class RobustLosses(NamedTuple):
    """The mean robust loss after 0, 1, …, T steps, on training and on held-out examples."""

    training: Float[np.ndarray, " step"]
    held_out: Float[np.ndarray, " step"]


def robust_loss_curve(
    activation: str | Activation,
    scale: float,
    ratio: float,
    *,
    dim: int,
    examples: int,
    rate: float,
    steps: int,
    linearity: float = 0.0,
) -> RobustLosses:
    """R_t = ½ E(|β_t·u + ξ − y| + ρ√d √(‖β_t‖² + γ²))², β_{t+1} = β_t − (c/χ) ∇R, u = x/s.

    β is the linear part of the network, at first sμ₁ long, ξ ~ N(0, rest) the rest of its output,
    and γ² = s²(σ₁² − μ₁²) the part of the gradient's squared norm that belongs to the rest. On
    training examples all but the linear part of the error is forgotten by the factor
    1 − `forgetting_rate` a step.

    Source: docs/theory.md, section 7.5.

    Args:
        activation: σ, an odd one, as in `moments`.
        scale: s.
        ratio: ρ.
        dim: d.
        examples: n, of training.
        rate: c = lr·λ₁, the learning rate in units of the sharpness.
        steps: T.
        linearity: b = ‖E[y u]‖ of labels y of variance 1: 0 for labels that are independent of the
            inputs, `sign_linearity` for those of a teacher.

    Raises:
        ValueError: as `moments`, for an activation that is not odd, and for a linearity that is
            none.

    Example:
        >>> curve = robust_loss_curve(
        ...     "tanh", 1.0, 0.1, dim=20, examples=400, rate=0.3, steps=10, linearity=0.77
        ... )
        >>> round(float(curve.held_out[0]), 2), round(float(curve.held_out[10]), 2)
        (1.03, 0.44)
    """
    if not 0 <= linearity <= 1:
        raise ValueError(f"linearity: {linearity} must be from 0 to 1")
    means = _odd_moments(activation, scale)
    gradient_variance = scale**2 * means.slope_variance
    reach = ratio * math.sqrt(dim)
    step_size = rate / _sharpness(means, dim, examples)
    forgotten = forgetting_rate(activation, scale, dim=dim, examples=examples, rate=rate)
    # The part of β along the labels' linear part, and that along the first β.
    target, beta = np.array([linearity, 0.0]), np.array([0.0, scale * means.slope])
    unexplained = means.rest + 1 - linearity**2
    losses = np.zeros((steps + 1, 2))
    for step in range(steps + 1):
        error = beta - target
        length = max(TINY, math.sqrt(beta @ beta + gradient_variance))
        shares = np.array([(1 - forgotten) ** (2 * step), 1.0])
        deviations = np.sqrt(error @ error + shares * unexplained)
        attacked = MEAN_ABSOLUTE * deviations * reach * length
        losses[step] = (deviations**2 + (reach * length) ** 2) / 2 + attacked
        deviation = max(TINY, float(deviations[1]))
        pull = MEAN_ABSOLUTE * reach * length / deviation
        shrink = MEAN_ABSOLUTE * reach * deviation / length + reach**2
        beta = beta - step_size * (error * (1 + pull) + beta * shrink)
    return RobustLosses(*losses.T)


def forgetting_rate(
    activation: str | Activation, scale: float, *, dim: int, examples: int, rate: float
) -> float:
    """R = (c/χ)(d/n)(σ₁²/μ₁² − 1): training examples forget their error by 1 − r a step.

    Source: docs/theory.md, section 7.5. The arguments are those of `robust_loss_curve`.

    Example:
        >>> round(forgetting_rate("tanh", 1.0, dim=20, examples=400, rate=0.3), 4)
        0.0026
    """
    means = _odd_moments(activation, scale)
    excess = means.slope_variance / means.slope**2
    return rate / _sharpness(means, dim, examples) * dim / examples * excess


def sign_linearity(activation: str | Activation = "tanh", scale: float = 1.0) -> float:
    """B = √(2/π) sμ₁/√(s²μ₁² + rest) of labels that are the signs of a wide random network.

    Example:
        >>> round(sign_linearity("identity") ** 2, 4)  # 2/π
        0.6366
    """
    means = _odd_moments(activation, scale)
    linear = scale * means.slope
    return MEAN_ABSOLUTE * linear / math.sqrt(linear**2 + means.rest)


def _sharpness(means: Moments, dim: int, examples: int) -> float:
    """χ = λ_max(UᵀU/n) + (d/n)(σ₁²/μ₁² − 1), so that λ₁ = s²μ₁²χ.

    The first term is the edge of the Marchenko-Pastur law.
    """
    aspect = dim / examples
    return (1 + math.sqrt(aspect)) ** 2 + aspect * means.slope_variance / means.slope**2


def _odd_moments(activation: str | Activation, scale: float) -> Moments:
    sigma = as_smooth(activation)
    even, whole = gaussian_means(
        lambda t: jnp.stack([(sigma(t) + sigma(-t)) ** 2, sigma(t) ** 2]), scale
    )
    if even > 1e-12 * whole:
        raise ValueError(f"activation: {activation!r} is not odd, as the law of training wants it")
    return moments(sigma, scale)
