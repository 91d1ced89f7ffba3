"""A bound of the steps that projected gradient ascent takes from any start.

Source: docs/theory.md, section 9.7.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from jaxadv.problems.norms import l2_norm, over
from jaxadv.proofs.curvature_bound import CurvatureBound
from jaxadv.proofs.poles import Evaluated

Scalar = Float[Array, ""]


def step_bound(
    at: Evaluated,
    curved: CurvatureBound,
    pushes: tuple[Scalar, Scalar],
    radius: Scalar,
    tolerance: ScalarLike,
) -> Scalar:
    """The steps of constant size after which the residual is within a tolerance; inf if unknown.

    It holds for every start in an L2 ball, for the loss ℓ(f) with ℓ' of one sign, in exact
    arithmetic.

    Args:
        at: f at the input.
        curved: the curvature on the ball of the one of f and −f along which the loss grows.
        pushes: the least and the largest η|ℓ'| on the ball, η the step size.
        radius: ε.
        tolerance: the residual.
    """
    above, below = jnp.maximum(curved.above, 0), jnp.maximum(curved.below, 0)
    slack = l2_norm(at.gradient_error)
    norm = l2_norm(at.gradient) - slack
    turn = over(radius * jnp.maximum(above, below), norm)  # τ
    # The argument holds for every angle that is not smaller; a tiny one would only add steps.
    angle = jnp.maximum(jnp.arcsin(jnp.clip(turn, 0, 1)), tolerance / 6)
    least, largest = pushes
    push = over(least * norm * (1 - turn), radius)  # b
    multiplier = over(norm * (1 - turn) * jnp.cos(3 * angle), radius)
    factor = jnp.maximum(
        (1 + least * above) / (1 + least * multiplier),
        (largest * below - 1) / (1 + largest * multiplier),
    )
    is_known = (norm > 0) & (push > 0) & (3 * angle < jnp.pi / 2) & (factor < 1)
    push, factor = jnp.where(is_known, push, 1), jnp.where(is_known, factor, 0.5)
    angle = jnp.where(is_known, angle, 0.1)
    to_front = jnp.ceil(1 / push)
    ratio = jnp.tan(jnp.pi / 4 - angle / 2) / jnp.tan(angle / 2)
    to_cone = jnp.ceil(jnp.log(ratio) / jnp.log1p(push))
    to_sphere = jnp.ceil(1 / (push * jnp.cos(3 * angle)))
    to_maximum = jnp.ceil(jnp.maximum(jnp.log(6 * angle / tolerance), 0) / -jnp.log(factor))
    return jnp.where(is_known, to_front + to_cone + to_sphere + to_maximum, jnp.inf)
