"""Is the end of an ascent a local maximum? Second-order certificates for L2 sets (THEORY 4)."""

import enum
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, ScalarLike

from jaxadv.ascent.pga import check_trial
from jaxadv.ascent.polish import newton
from jaxadv.ascent.precision import as_double, in_double
from jaxadv.ascent.stationarity import over, residual
from jaxadv.ascent.tangent import Spectrum, check_constraint, frame_at, tangent_spectrum
from jaxadv.problems.constraints import L2Sphere, on_boundary
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
    """A strict local maximum on the boundary: λ > 0 and h₁ < λ."""
    INTERIOR_MAX = 2
    """A strict local maximum inside: H ≺ 0."""
    DEGENERATE = 3
    """Stationary, with h₁ = λ up to the error of the eigenvalue (or λ = 0 on the boundary)."""
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
        residual: r of `residual`, with G the larger of ‖g‖ and the gradient scale.
        multiplier: λ = ⟨g, δ⟩/ε², loss per δ²; 0 inside.
        curvature_ratio: κ = h₁/λ, h₁ the largest eigenvalue of the Hessian on the tangent space;
            below 1 at a strict maximum; −inf in dimension 1, where no tangent is left; NaN inside.
        curvature_error: how far κ may lie above that value: 0 for the dense method, the Ritz
            residual over λ for Lanczos.
        local_rate: the factor by which r falls at each step of size η close to the maximum,
            max_i |1 + ηh_i|/(1 + ηλ).
        distance_estimate: ‖g_tangent‖/((λ − h₁)ε): to first order the distance to the true
            maximum, in radii; NaN unless a maximum is certified.
        distance: ‖δ − δ*‖/ε, measured to the point δ* that Newton's method reaches from δ; NaN
            unless a maximum is certified and the method converged.
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
            at the precision of δ (`rounding`) is allowed on top.
        gradient_scale: G of the residual, `Solution.gradient_scale` for the one that the ascent
            stopped by. At least ‖g(δ)‖ and ‖g(0)‖ are used.
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
    on_edge = on_boundary(problem.constraint, delta)
    problem, delta, step_size, gradient_scale = as_double(
        (problem, delta, step_size, gradient_scale)
    )
    radius = problem.constraint.radius
    with jax.default_matmul_precision("highest"):
        _, gradient = problem.value_and_gradient(delta)
        _, central = problem.value_and_gradient(jnp.zeros_like(delta))
        scale = jnp.stack([l2_norm(gradient), l2_norm(central), gradient_scale]).max()
        r = residual(problem.constraint, delta, gradient, scale)
        frame = frame_at(delta, on_edge)
        multiplier = frame.multiplier(delta, gradient)
        spectrum = tangent_spectrum(problem, delta, frame, method)
        kind = _classify(problem, on_edge, r <= tolerance + slack, multiplier, spectrum)
        certified = (kind == Kind.BOUNDARY_MAX) | (kind == Kind.INTERIOR_MAX)
        polished = newton(problem, delta, on_edge, scale, wanted=certified)
        kink_distance = getattr(
            problem.network, "kink_distance", lambda _: jnp.full_like(r, jnp.inf)
        )

        factors = [(1 + step_size * h) / (1 + step_size * multiplier) for h in spectrum[:2]]
        estimate = over(l2_norm(frame.tangent(gradient)), (multiplier - spectrum.top) * radius)
        distance = over(l2_norm(polished.perturbation - delta), radius)
        return Certificate(
            kind=kind,
            residual=r,
            multiplier=multiplier,
            curvature_ratio=jnp.where(on_edge, spectrum.top / multiplier, jnp.nan),
            curvature_error=jnp.where(on_edge, spectrum.error / jnp.abs(multiplier), jnp.nan),
            local_rate=jnp.where(
                jnp.isinf(spectrum.top), 0, jnp.maximum(*(jnp.abs(q) for q in factors))
            ),
            distance_estimate=jnp.where(certified, estimate, jnp.nan),
            distance=jnp.where(certified & polished.converged, distance, jnp.nan),
            kink_distance=kink_distance(problem.x + delta),
        )


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
    # On the sphere λ may have any sign; on the ball, λ = 0 leaves the inward direction undecided.
    undecided = on_edge & (multiplier <= error) & (not isinstance(problem.constraint, L2Sphere))
    kinds = {
        Kind.NOT_STATIONARY: ~stationary,
        Kind.NOT_SMOOTH: jnp.full_like(stationary, not smooth),
        Kind.DEGENERATE: undecided | (problem.constraint.radius == 0),
        Kind.BOUNDARY_MAX: on_edge & (margin > error + spectrum.error),
        Kind.INTERIOR_MAX: ~on_edge & (margin > error + spectrum.error),
        Kind.NOT_MAX: margin < -error,
    }
    kind = jnp.select(list(kinds.values()), list(kinds), Kind.DEGENERATE)
    return kind.astype(jnp.int32)
