"""Is the end of an ascent a local maximum? Second-order certificates for L2 sets (THEORY 4)."""

import enum
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, ScalarLike

from jaxadv.ascent.pga import check_trial
from jaxadv.ascent.polish import Polished, newton
from jaxadv.ascent.precision import as_double, in_double
from jaxadv.ascent.stationarity import over
from jaxadv.ascent.tangent import (
    Spectrum,
    check_constraint,
    first_order,
    frame_at,
    tangent_spectrum,
)
from jaxadv.problems.constraints import L2Sphere
from jaxadv.problems.norms import l2_norm, rounding
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree

LARGEST_DENSE_DIM = 256
"""Above this dimension ``method="auto"`` does not form the Hessian."""

Method = Literal["auto", "dense", "lanczos"]


class Kind(enum.IntEnum):
    """What a certificate found a point to be."""

    NOT_STATIONARY = 0
    """The residual is above the tolerance."""
    BOUNDARY_MAX = 1
    """A strict local maximum on the boundary: h₁ < λ, and λ > 0 if the set is a ball."""
    INTERIOR_MAX = 2
    """A strict local maximum inside: H ≺ 0."""
    DEGENERATE = 3
    """Stationary, and undecided: h₁ = λ up to the eigenvalue's error, or λ = 0 and h₁ < 0 on the
    boundary of a ball, or a set that is one point."""
    NOT_MAX = 4
    """Stationary, and the loss rises along some feasible direction: a saddle or a minimum."""
    NOT_SMOOTH = 5
    """The network has kinks, so that its Hessian sees one linear region only."""


MAXIMA = (Kind.BOUNDARY_MAX, Kind.INTERIOR_MAX)
"""The kinds that are certified maxima."""


@pytree
class Certificate:
    """What is known of a point of an L2 ball or sphere of radius ε, to second order.

    Attributes:
        kind: a `Kind`.
        residual: r of `residual`, with G the largest of the gradient scale, ‖g(δ)‖ and ‖g(0)‖.
        multiplier: λ = ⟨g, δ⟩/ε², loss per δ²; 0 inside.
        curvature_ratio: κ = h₁/λ, h₁ the largest eigenvalue of the Hessian on the tangent space;
            below 1 at a strict maximum where λ > 0; −inf in dimension 1, where no tangent is left;
            NaN inside.
        curvature_error: 0 for the dense method; the Ritz residual over |λ| for Lanczos, which is
            counted against the maximum.
        local_rate: the factor by which r falls at each step of size η close to the maximum,
            max_i |1 + ηh_i|/|1 + ηλ|.
        distance_estimate: ‖g_tangent‖/((λ − h₁)ε): to first order the distance to the true
            maximum, in radii, at most; NaN unless a maximum is certified.
        distance: ‖δ − δ*‖/ε, measured to the point δ* that Newton's method reaches from δ; NaN
            unless a maximum is certified at δ, the method converged, and δ* is one as well.
        maximum: that δ*, on the boundary or inside as δ is; NaN where ``distance`` is.
        kink_distance: the smallest |pre-activation|; inf for smooth networks.
    """

    kind: Int[Array, ""]
    residual: Float[Array, ""]
    multiplier: Float[Array, ""]
    curvature_ratio: Float[Array, ""]
    curvature_error: Float[Array, ""]
    local_rate: Float[Array, ""]
    distance_estimate: Float[Array, ""]
    distance: Float[Array, ""]
    maximum: Float[Array, " dim"]
    kink_distance: Float[Array, ""]


def certify(
    problem: Problem,
    delta: Float[Array, " dim"],
    *,
    step_size: ScalarLike,
    tolerance: float = 1e-3,
    gradient_scale: ScalarLike = 0.0,
    method: Method = "auto",
) -> Certificate:
    """Classify δ, measure its margin, its rate and its distance to the true maximum (THEORY 4).

    Computes in float64 and returns the precision of δ. Inside a transformation (`jax.jit`,
    `jax.vmap`) the precision cannot be changed: enter ``jax.enable_x64(True)`` around it, or the
    certificate is computed in the precision of δ.

    Args:
        problem: its constraint must be an `L2Ball` or `L2Sphere`.
        delta: δ, a point of the set.
        step_size: η, for the local rate.
        tolerance: the residual above which δ is `Kind.NOT_STATIONARY`; as much as rounding adds
            to norms at the precision of δ (`rounding`) is allowed on top, but not the rounding of
            the network itself: far into saturation, an ascent that converged in float32 may turn
            out not to be stationary in float64.
        gradient_scale: G of the residual, `Solution.gradient_scale` for the one that the ascent
            stopped by; G is at least ‖g(δ)‖ and ‖g(0)‖.
        method: ``"dense"`` forms the Hessian; ``"lanczos"`` takes 64 products with it (or dim) and
            counts the residual of its Ritz value against the maximum; ``"auto"`` is dense up to
            dimension 256.

    Raises:
        TypeError: for another constraint, and as `ascend`.
        ValueError: for an unknown method, and as `ascend`.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> prob = ja.Problem(net, jnp.ones(4), jnp.float32(0), ja.L2Ball(0.2))
        >>> sol = ja.ascend(prob, jnp.zeros(4), ja.PGA())
        >>> ja.Kind(int(ja.certify(prob, sol.perturbation, step_size=0.1).kind)).name
        'BOUNDARY_MAX'
    """
    check_constraint(problem.constraint)
    if method not in ("auto", "dense", "lanczos"):
        raise ValueError(f"method: {method!r} must be 'auto', 'dense' or 'lanczos'")
    check_trial(problem, delta)
    if method == "auto":
        method = "dense" if delta.size <= LARGEST_DENSE_DIM else "lanczos"
    scales = (step_size, gradient_scale)
    return in_double(
        _certify, problem, delta, *scales, dtype=delta.dtype, tolerance=tolerance, method=method
    )


@partial(jax.jit, static_argnames=("tolerance", "method"))
def _certify(
    problem: Problem,
    delta: Float[Array, " dim"],
    step_size: ScalarLike,
    gradient_scale: ScalarLike,
    *,
    tolerance: float,
    method: Literal["dense", "lanczos"],
) -> Certificate:
    slack = rounding(delta.size, delta.dtype)
    problem, delta, step_size, gradient_scale = as_double(
        (problem, delta, step_size, gradient_scale)
    )
    radius = problem.constraint.radius
    with jax.default_matmul_precision("highest"):
        first = first_order(problem, delta, gradient_scale, slack)
        frame = frame_at(delta, first.on_edge)
        multiplier = frame.multiplier(delta, first.gradient)
        hessian = hessian_at(problem, delta, method)
        spectrum = tangent_spectrum(problem, delta, frame, hessian)
        stationary = first.residual <= tolerance + slack
        kind = _classify(problem, first.on_edge, stationary, multiplier, spectrum)

        certified = jnp.isin(kind, jnp.array(MAXIMA))
        polished = newton(
            problem,
            delta,
            first.on_edge,
            first.gradient_scale,
            wanted=certified,
            hessian=hessian,
        )
        found = certified & polished.converged & _is_same_kind(problem, polished, kind, method)
        kink_distance = getattr(
            problem.network, "kink_distance", lambda _: jnp.full_like(multiplier, jnp.inf)
        )
        largest, smallest = (
            jnp.abs((1 + step_size * h) / (1 + step_size * multiplier)) for h in spectrum[:2]
        )
        slope = l2_norm(frame.tangent(first.gradient))
        estimate = over(slope, (multiplier - spectrum.top) * radius)
        distance = over(l2_norm(polished.perturbation - delta), radius)
        on_edge, nan = first.on_edge, jnp.nan
        return Certificate(
            kind=kind,
            residual=first.residual,
            multiplier=multiplier,
            curvature_ratio=jnp.where(on_edge, spectrum.top / multiplier, nan),
            curvature_error=jnp.where(on_edge, spectrum.error / jnp.abs(multiplier), nan),
            local_rate=jnp.where(jnp.isinf(spectrum.top), 0, jnp.maximum(largest, smallest)),
            distance_estimate=jnp.where(certified, estimate, nan),
            distance=jnp.where(found, distance, nan),
            maximum=jnp.where(found, polished.perturbation, nan),
            kink_distance=kink_distance(problem.x + delta),
        )


def hessian_at(
    problem: Problem, delta: Float[Array, " dim"], method: Literal["dense", "lanczos"]
) -> Float[Array, "dim dim"] | None:
    """H(δ), or None for the method that does without."""
    return jax.hessian(problem.objective)(delta) if method == "dense" else None


def _is_same_kind(
    problem: Problem, polished: Polished, kind: Int[Array, ""], method: Literal["dense", "lanczos"]
) -> Bool[Array, ""]:
    """Whether Newton's end is a maximum of the set, of the kind that it started from."""
    star, on_edge = polished.perturbation, kind == Kind.BOUNDARY_MAX
    eps = rounding(star.size, star.dtype)
    _, gradient = problem.value_and_gradient(star)
    frame = frame_at(star, on_edge)
    spectrum = tangent_spectrum(problem, star, frame, hessian_at(problem, star, method))
    multiplier = frame.multiplier(star, gradient)
    inside = problem.constraint.norm(star) <= problem.constraint.radius * (1 + eps)
    stationary = jnp.ones_like(on_edge)
    return inside & (_classify(problem, on_edge, stationary, multiplier, spectrum) == kind)


def _classify(
    problem: Problem,
    on_edge: Bool[Array, ""],
    stationary: Bool[Array, ""],
    multiplier: Float[Array, ""],
    spectrum: Spectrum,
) -> Int[Array, ""]:
    """The `Kind` of a point, from its first and second order."""
    smooth = getattr(problem.network, "smooth", True)
    margin = multiplier - spectrum.top
    values = jnp.stack([spectrum.top, spectrum.bottom, multiplier])
    largest = jnp.max(jnp.where(jnp.isfinite(values), jnp.abs(values), 0))
    error = rounding(problem.x.size, largest.dtype) * largest
    # On the sphere λ may have any sign; on the ball a negative one means that the loss rises
    # inwards, and λ = 0 leaves that direction undecided.
    is_ball = not isinstance(problem.constraint, L2Sphere)
    inward = on_edge & (multiplier < -error) & is_ball
    undecided = on_edge & (multiplier <= error) & is_ball
    maximum = margin > error + spectrum.error
    kinds = {
        Kind.NOT_STATIONARY: ~stationary,
        Kind.NOT_SMOOTH: jnp.full_like(stationary, not smooth),
        Kind.DEGENERATE: jnp.broadcast_to(problem.constraint.radius == 0, stationary.shape),
        Kind.NOT_MAX: (margin < -error) | inward,
        Kind.BOUNDARY_MAX: on_edge & maximum & ~undecided,
        Kind.INTERIOR_MAX: ~on_edge & maximum,
    }
    kind = jnp.select(list(kinds.values()), list(kinds), Kind.DEGENERATE)
    return kind.astype(jnp.int32)
