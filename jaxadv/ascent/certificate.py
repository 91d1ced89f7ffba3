"""Second-order certificates: whether the end of an ascent is a local maximum.

Source: docs/theory.md, section 4.
"""

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, ScalarLike

from jaxadv.ascent.entry import check_problem, check_trial
from jaxadv.ascent.kinds import MAXIMA, Kind, classify
from jaxadv.ascent.polish import Polished, newton
from jaxadv.ascent.precision import as_double, in_double
from jaxadv.ascent.tangent import (
    FirstOrder,
    dense_hessian,
    first_order,
    gradient_at,
    tangent_spectrum,
    with_faces,
)
from jaxadv.problems.checks import check_number
from jaxadv.problems.norms import is_zero, l2_norm, over, rounding
from jaxadv.problems.problem import Floats, Problem, as_floats
from jaxadv.problems.smoothness import kinks
from jaxadv.pytrees import pytree

LARGEST_DENSE_DIM = 256  # above it, eigensolver="auto" does not form the Hessian
# In radii: the largest distance from δ at which a maximum counts as close by.
FARTHEST = 0.3
# In radii: the largest first-order distance of Newton's end from the maximum.
NEAREST = 1e-3
Eigensolver = Literal["auto", "dense", "lanczos"]


@pytree
class Certificate:
    """What second derivatives say about a point of a set with circumradius ε.

    Attributes:
        kind: a `Kind`.
        residual: r of `residual`, with G the largest of the gradient scale, ‖g(δ)‖ and ‖g(0)‖.
        multiplier: λ, loss per δ²: ⟨g, δ⟩/ε² on the boundary of an L2 set; 0 inside.
        curvature_ratio: κ = h₁/λ, h₁ the largest eigenvalue of the Hessian on the tangent space.
            Where λ > 0 it is below 1 at a strict maximum. Inside, where λ = 0, it is −inf at a
            strict maximum, 1 where h₁ = 0 as well, and inf elsewhere. On the boundary in dimension
            1, where there is no tangent, it is −inf.
        curvature_error: 0 for the dense eigensolver and 0 inside; for Lanczos the Ritz residual
            over |λ|, by which h₁ is taken to be larger when a maximum is claimed.
        local_rate: the factor by which r falls at each step of size η close to the maximum,
            max_i |1 + ηh_i|/|1 + ηλ|.
        distance_estimate: ‖g_tangent‖/((λ − h₁)ε), to first order an upper bound of the distance to
            the true maximum, in radii; inf where the conditions of a maximum are not met.
        distance: ‖δ − δ*‖/ε, with δ* the maximum that Newton's method reaches from δ; inf where no
            maximum is confirmed.
        maximum: δ*, on the boundary or inside as δ is; δ itself where no maximum is confirmed.
        kink_distance: how far the network is from its nearest kink, in pre-activations: inf for
            networks whose computation is analytic, 0 where the distance is not known.
        declared_smooth: whether the certificate rests on `Problem.smooth`, the user's word, because
            the computation does not show that there are no kinks.
    """

    kind: Int[Array, ""]
    residual: Float[Array, ""]
    multiplier: Float[Array, ""]
    curvature_ratio: Float[Array, ""]
    curvature_error: Float[Array, ""]
    local_rate: Float[Array, ""]
    distance_estimate: Float[Array, ""]
    distance: Float[Array, ""]
    maximum: Float[Array, "*shape"]
    kink_distance: Float[Array, ""]
    declared_smooth: Bool[Array, ""]


def certify(
    problem: Problem,
    delta: Floats,
    *,
    step_size: ScalarLike,
    tolerance: float = 1e-3,
    gradient_scale: ScalarLike = 0.0,
    eigensolver: Eigensolver = "auto",
) -> Certificate:
    """Classify δ; measure its margin, its local rate and its distance to the true maximum.

    Source: docs/theory.md, section 4.

    A maximum is claimed only where Newton's method, started at δ, converged to a strict maximum of
    the same kind, and where the computation of the loss shows that it is analytic (`kinks`) or
    `Problem.smooth` declares it.

    Computes in float64 and returns the precision of δ. Inside a transformation (`jax.jit`,
    `jax.vmap`) the precision cannot be changed: enter ``jax.enable_x64(True)`` around it, or the
    certificate is computed in the precision of δ.

    Args:
        problem: its constraint must have faces (`CertifiableConstraint`): an `L2Ball`, an
            `L2Sphere`, or one of your own.
        delta: δ, a point of the set, of the shape of x.
        step_size: η, for the local rate.
        tolerance: the residual above which δ is `Kind.NOT_STATIONARY`; as much as rounding adds
            to norms at the precision of δ (`rounding`) is allowed on top, but not the rounding of
            the network itself: far into saturation, an ascent that converged in float32 may turn
            out not to be stationary in float64.
        gradient_scale: G of the residual, `Solution.gradient_scale` for the one that the ascent
            stopped by; G is at least ‖g(δ)‖ and ‖g(0)‖.
        eigensolver: ``"dense"`` forms the Hessian; ``"lanczos"`` takes 64 products with it (or dim)
            and counts the residual of its Ritz value against the maximum; ``"auto"`` is dense up to
            dimension 256.

    Raises:
        TypeError: for a constraint without faces, a step size or tolerance that is no number, and
            as `ascend`.
        ValueError: for an unknown eigensolver, several step sizes, and as `ascend`.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> prob = ja.Problem(net, jnp.ones(4), jnp.float32(0), ja.L2Ball(0.2))
        >>> sol = ja.ascend(prob, jnp.zeros(4), ja.PGA())
        >>> ja.Kind(int(ja.certify(prob, sol.perturbation, step_size=0.1).kind)).name
        'BOUNDARY_MAX'
    """
    check_problem(problem)
    with_faces(problem.constraint)
    point: Array = as_floats("delta", delta)
    for name, number in (
        ("tolerance", tolerance), ("step_size", step_size), ("gradient_scale", gradient_scale),
    ):  # fmt: skip
        check_number(name, number, positive=False)
    if eigensolver not in ("auto", "dense", "lanczos"):
        raise ValueError(f"eigensolver: {eigensolver!r} must be 'auto', 'dense' or 'lanczos'")
    if eigensolver == "auto":
        eigensolver = "dense" if point.size <= LARGEST_DENSE_DIM else "lanczos"
    check_trial(problem, point, name="delta")
    # Outside the compiled program, because the network may have changed since it was compiled.
    kinked = bool(kinks(problem.objective, point))
    return in_double(
        _certify,
        problem,
        point,
        step_size,
        gradient_scale,
        dtype=point.dtype,
        tolerance=float(tolerance),
        eigensolver=eigensolver,
        kinked=kinked,
        network_kinked=kinked and bool(kinks(problem.network, point)),
    )


@partial(jax.jit, static_argnames=("tolerance", "eigensolver", "kinked", "network_kinked"))
def _certify(
    problem: Problem,
    delta: Float[Array, "*shape"],
    step_size: ScalarLike,
    gradient_scale: ScalarLike,
    *,
    tolerance: float,
    eigensolver: Literal["dense", "lanczos"],
    kinked: bool,
    network_kinked: bool,
) -> Certificate:
    slack = rounding(delta.size, delta.dtype)
    problem, delta, step_size, gradient_scale = as_double(
        (problem, delta, step_size, gradient_scale)
    )
    radius = problem.circumradius
    with jax.default_matmul_precision("highest"):
        first = first_order(problem, delta, gradient_scale, slack)
        face = with_faces(problem.constraint).face(delta, first.active)
        multiplier = face.multiplier(first.gradient)
        hessian = hessian_at(problem, delta, eigensolver)
        spectrum = tangent_spectrum(problem, delta, face, hessian)
        stationary = first.residual <= tolerance + slack
        kind = classify(problem, face, first.active, first.gradient, spectrum)
        kind = jnp.where(is_zero(radius), Kind.DEGENERATE, kind)
        if kinked and not problem.smooth:
            kind = jnp.full_like(kind, Kind.NOT_SMOOTH)
        kind = jnp.where(stationary, kind, Kind.NOT_STATIONARY)

        is_candidate = jnp.isin(kind, jnp.array(MAXIMA))
        polished = _polished(problem, delta, first, is_candidate, hessian)
        confirmed = is_candidate & _confirms(
            problem, delta, polished, active=first.active, kind=kind, eigensolver=eigensolver
        )
        largest, smallest = (
            jnp.abs((1 + step_size * h) / (1 + step_size * multiplier)) for h in spectrum[:2]
        )
        slope = l2_norm(face.tangent(first.gradient))
        estimate = over(slope, (multiplier - spectrum.top) * radius)
        distance = over(l2_norm(polished.perturbation - delta), radius)
        return Certificate(
            kind=jnp.where(is_candidate & ~confirmed, Kind.UNCONFIRMED, kind).astype(jnp.int32),
            residual=first.residual,
            multiplier=multiplier,
            curvature_ratio=_curvature_ratio(spectrum.top, multiplier),
            curvature_error=over(spectrum.error, jnp.abs(multiplier)),
            local_rate=jnp.where(jnp.isinf(spectrum.top), 0, jnp.maximum(largest, smallest)),
            distance_estimate=jnp.where(is_candidate, estimate, jnp.inf),
            distance=jnp.where(confirmed, distance, jnp.inf),
            maximum=jnp.where(confirmed, polished.perturbation, delta),
            kink_distance=_kink_distance(problem, delta, network_kinked),
            declared_smooth=jnp.asarray(kinked and problem.smooth),
        )


def hessian_at(
    problem: Problem, delta: Float[Array, "*shape"], eigensolver: Literal["dense", "lanczos"]
) -> Float[Array, "dim dim"] | None:
    """H(δ); None for Lanczos, which does not need it."""
    return None if eigensolver == "lanczos" else dense_hessian(problem, delta)


def _polished(
    problem: Problem,
    delta: Float[Array, "*shape"],
    first: FirstOrder,
    is_candidate: Bool[Array, ""],
    hessian: Float[Array, "dim dim"] | None,
) -> Polished:
    """The maximum close to δ, by the chord method; by Newton's method where that fails."""

    def search(is_sought: Bool[Array, ""], matrix: Float[Array, "dim dim"] | None) -> Polished:
        return newton(
            problem,
            delta,
            first.active,
            first.gradient_scale,
            is_candidate=is_sought,
            hessian=matrix,
        )

    polished = search(is_candidate, hessian)
    if hessian is None:
        return polished
    again = search(is_candidate & ~polished.converged, None)
    return jax.tree.map(lambda new, old: jnp.where(polished.converged, old, new), again, polished)


def _confirms(
    problem: Problem,
    delta: Float[Array, "*shape"],
    polished: Polished,
    *,
    active: Bool[Array, "..."],
    kind: Int[Array, ""],
    eigensolver: Literal["dense", "lanczos"],
) -> Bool[Array, ""]:
    """Whether Newton's end is a strict maximum close to δ, of the kind that δ seemed to be."""
    star = polished.perturbation
    eps = rounding(star.size, star.dtype)
    gradient = gradient_at(problem, star)
    face = with_faces(problem.constraint).face(star, active)
    # Lanczos starts from another vector than before, as a second opinion.
    spectrum = tangent_spectrum(problem, star, face, hessian_at(problem, star, eigensolver), seed=1)
    radius = problem.circumradius
    is_feasible = l2_norm(problem.constraint.project(star) - star) <= eps * radius
    is_near = l2_norm(star - delta) <= FARTHEST * radius
    # To first order, and independent of the gradient's scale, which may be that of another point.
    distance = over(l2_norm(face.tangent(gradient)), face.multiplier(gradient) - spectrum.top)
    is_there = distance <= NEAREST * radius
    same = classify(problem, face, active, gradient, spectrum) == kind
    return polished.converged & is_feasible & is_near & is_there & same


def _curvature_ratio(top: Float[Array, ""], multiplier: Float[Array, ""]) -> Float[Array, ""]:
    """h₁/λ, with its limits where λ = 0."""
    at_zero = jnp.where(top > 0, jnp.inf, jnp.where(top < 0, -jnp.inf, 1))
    # A NaN is neither above nor below 0, and stays NaN.
    at_zero = jnp.where(jnp.isnan(top), top, at_zero)
    return jnp.where(is_zero(multiplier), at_zero, over(top, multiplier))


def _kink_distance(
    problem: Problem, delta: Float[Array, "*shape"], network_kinked: bool
) -> Float[Array, ""]:
    """The distance to the nearest kink, as the network gives it; inf if none, 0 if unknown."""
    if not network_kinked:
        return jnp.full((), jnp.inf, delta.dtype)
    measure = getattr(problem.network, "kink_distance", None)
    return jnp.zeros((), delta.dtype) if measure is None else measure(problem.x + delta)
