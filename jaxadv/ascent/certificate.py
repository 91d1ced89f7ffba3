"""What second derivatives say about a point: its certificate.

Source: docs/theory.md, section 4.
"""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxadv.ascent.brief import BriefCurvature
from jaxadv.ascent.curvature import (
    Curvature,
    DenseCurvature,
    LanczosCurvature,
    OnFace,
    Spectrum,
)
from jaxadv.ascent.first_order import first_order, with_faces
from jaxadv.ascent.kinds import MAXIMA, Kind, classify
from jaxadv.ascent.polish import MAX_ITERS, View, newton
from jaxadv.ascent.precision import as_double
from jaxadv.ascent.solution import End
from jaxadv.problems.faces import is_flat, num_free, pressure
from jaxadv.problems.norms import is_zero, l2_norm, over, rounding
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import cast_floats, pytree

# In radii: the largest distance from δ at which a maximum counts as close by.
FARTHEST = 0.3
# In radii: the largest first-order distance of Newton's end from the maximum.
NEAREST = 1e-3
# How far Newton's method must lower the residual in a brief certificate. The distance is as
# accurate as that.
BRIEF_FALL = {"float32": 1e-4, "float64": 1e-10}
# Few, because all trials of a batch wait for the last one.
BRIEF_NEWTON_ITERS = 6
# Over the norm of H: the largest error of its smallest eigenvalue where that decides the rate.
BOTTOM_ERROR = 3e-3
Eigensolver = Literal["brief", "dense", "lanczos"]


@pytree
class Certificate:
    """What second derivatives say about a point of a set with circumradius ε.

    Attributes:
        kind: a `Kind`.
        residual: r of `residual`, with G the largest of the gradient scale, ‖g(δ)‖ and ‖g(0)‖.
        multiplier: λ, loss per δ²: ⟨g, δ⟩/ε² on the boundary of an L2 set, the mean of |g_i|/ε
            over the active entries in a box; 0 inside.
        curvature_ratio: κ = h₁/λ, h₁ the largest eigenvalue of the Hessian on the tangent space,
            in a box on the free entries. At a strict maximum on the boundary it is below 1, in a
            box below 0. Inside, where λ = 0, it is −inf at a strict maximum, 1 where h₁ = 0 as
            well, and inf elsewhere. Where there is no tangent, as at a vertex, it is −inf.
        num_free: the number of directions in which δ can move on its face: in a box, the number of
            free entries.
        complementarity: how strongly the gradient holds δ on its face: in a box, the least outward
            entry of g at an active bound over the mean of |g_i|; on the boundary of an L2 set the
            cosine ⟨g, δ⟩/(ε‖g‖); inf inside. It is positive at a strict maximum.
        curvature_error: 0 for the dense eigensolver and 0 inside; for Lanczos the Ritz residual and
            the rounding of H, over |λ|.
        condition_number: (λ − h_min)/(λ − h₁), which is 1 or more at a strict maximum, h_min the
            smallest eigenvalue of the Hessian there; inf where h₁ ≥ λ, and 1 where there is no
            tangent.
        single: whether the products with the Hessian were in single precision.
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
    num_free: Int[Array, ""]
    complementarity: Float[Array, ""]
    curvature_error: Float[Array, ""]
    condition_number: Float[Array, ""]
    single: Bool[Array, ""]
    local_rate: Float[Array, ""]
    distance_estimate: Float[Array, ""]
    distance: Float[Array, ""]
    maximum: Float[Array, "*shape"]
    kink_distance: Float[Array, ""]
    declared_smooth: Bool[Array, ""]


class Rule(NamedTuple):
    """What the program of a certificate is compiled for.

    Attributes:
        tolerance: the residual above which a point is not stationary.
        kinked: whether the loss may have kinks.
        network_kinked: whether the network may.
        loss_kinked: whether the loss may, as a function of the network's output.
    """

    tolerance: float
    kinked: bool
    network_kinked: bool
    loss_kinked: bool


def examine(
    problem: Problem, end: End, rule: Rule, eigensolver: Eigensolver
) -> tuple[Certificate, Bool[Array, ""]]:
    """The certificate of a point, and whether it is decided.

    Only a brief one may be undecided. Its products with the Hessian have the precision of δ; all
    else is in double precision, where that is switched on.
    """
    dtype = end.delta.dtype
    slack = rounding(end.delta.size, dtype)
    low = cast_floats(problem, dtype)
    problem, (delta, *numbers) = as_double((problem, end))
    step_size, gradient_scale = (jnp.asarray(number, delta.dtype) for number in numbers)
    is_brief = eigensolver == "brief"
    with jax.default_matmul_precision("highest"):
        first = first_order(problem, delta, gradient_scale, slack)
        here = _on_face(problem, delta, first.active, first.gradient)
        curvature = _curvature(eigensolver, problem, low, delta)
        spectrum = curvature.spectrum(here)
        kind = classify(here.face, first.active, first.gradient, spectrum)
        kind = jnp.where(is_zero(problem.circumradius), Kind.DEGENERATE, kind)
        kink_distance = _kink_distance(problem, delta, rule.network_kinked)
        if rule.kinked and not problem.smooth:
            # Close to a vertex the network is smooth up to its next kink, and needs no Hessian.
            is_vertex = (kind == Kind.VERTEX_MAX) & (kink_distance > 0) & (not rule.loss_kinked)
            kind = jnp.where(is_vertex, kind, Kind.NOT_SMOOTH)
        kind = jnp.where(first.residual <= rule.tolerance + slack, kind, Kind.NOT_STATIONARY)
        is_candidate = spectrum.is_enough & jnp.isin(kind, jnp.array(MAXIMA))
        newton_end = newton(
            problem,
            delta,
            first,
            curvature,
            is_candidate=is_candidate,
            least_fall=BRIEF_FALL[dtype.name] if is_brief else 0.0,
            max_iters=BRIEF_NEWTON_ITERS if is_brief else MAX_ITERS,
        )
        star = newton_end.view
        there = OnFace(star.face, star.multiplier)
        known = spectrum._replace(is_enough=is_candidate & newton_end.converged)
        again = curvature.spectrum_at(star.point, there, here, known)
        confirmed = (
            is_candidate
            & newton_end.converged
            & again.is_enough
            & _is_near(problem, delta, star, again)
            & (classify(there.face, first.active, star.gradient, again) == kind)
        )
        rate, is_rate_known = _local_rate(spectrum, here.multiplier, step_size)
        is_decided = spectrum.is_enough & is_rate_known & (confirmed | ~is_candidate)
        radius = problem.circumradius
        force = pressure(here.face, first.gradient)
        slope = l2_norm(here.face.tangent(first.gradient))
        estimate = over(slope, (here.multiplier - spectrum.top) * radius)
        distance = over(l2_norm(star.point - delta), radius)
        certificate = Certificate(
            kind=jnp.where(is_candidate & ~confirmed, Kind.UNCONFIRMED, kind).astype(jnp.int32),
            residual=first.residual,
            multiplier=force,
            curvature_ratio=_curvature_ratio(spectrum.top, force),
            num_free=num_free(here.face, delta),
            complementarity=_complementarity(here.face, first.gradient, radius),
            curvature_error=over(spectrum.error, jnp.abs(force)),
            condition_number=_condition_number(spectrum, here.multiplier),
            single=jnp.asarray(curvature.dtype == jnp.float32),
            local_rate=rate,
            distance_estimate=jnp.where(is_candidate, estimate, jnp.inf),
            distance=jnp.where(confirmed, distance, jnp.inf),
            maximum=jnp.where(confirmed, star.point, delta),
            kink_distance=kink_distance,
            declared_smooth=jnp.asarray(rule.kinked and problem.smooth),
        )
        return certificate, is_decided


def _curvature(
    eigensolver: Eigensolver,
    problem: Problem,
    low: Problem,
    delta: Float[Array, "*shape"],
) -> Curvature:
    if eigensolver == "brief":
        return BriefCurvature(low, delta)
    return (DenseCurvature if eigensolver == "dense" else LanczosCurvature)(problem, delta)


def _on_face(
    problem: Problem,
    point: Float[Array, "*shape"],
    active: Bool[Array, "..."],
    gradient: Float[Array, "*shape"],
) -> OnFace:
    face = with_faces(problem.constraint).face(point, active)
    return OnFace(face, face.multiplier(gradient))


def _is_near(
    problem: Problem, delta: Float[Array, "*shape"], star: View, spectrum: Spectrum
) -> Bool[Array, ""]:
    """Whether Newton's end is a point of the set, close to δ, and close to the maximum."""
    point, radius = star.point, problem.circumradius
    outside = l2_norm(problem.constraint.project(point) - point)
    is_feasible = outside <= rounding(point.size, point.dtype) * radius
    is_near = l2_norm(point - delta) <= FARTHEST * radius
    # To first order, and independent of the gradient's scale, which may be that of another point.
    distance = over(l2_norm(star.slope), star.multiplier - spectrum.top)
    return is_feasible & is_near & (distance <= NEAREST * radius)


def _local_rate(
    spectrum: Spectrum, multiplier: Float[Array, ""], step_size: Float[Array, ""]
) -> tuple[Float[Array, ""], Bool[Array, ""]]:
    """max_i |1 + ηh_i|/|1 + ηλ|, 0 where there is no tangent, and whether it is known.

    It is NaN for methods without a step size η.

    A brief run may not know the smallest eigenvalue well. That does not matter where the largest
    would still rule if the smallest were lower by half of the spectrum's width.
    """
    lowest = spectrum.bottom - 0.5 * (spectrum.top - spectrum.bottom)
    by_top, by_bottom, by_lowest = (
        jnp.abs(1 + step_size * h) for h in (spectrum.top, spectrum.bottom, lowest)
    )
    is_known = (
        jnp.isnan(step_size)
        | (spectrum.bottom_error <= BOTTOM_ERROR * spectrum.norm)
        | (by_lowest <= by_top)
    )
    rate = jnp.maximum(by_top, by_bottom) / jnp.abs(1 + step_size * multiplier)
    has_tangent = ~jnp.isinf(spectrum.top)
    rate = jnp.where(has_tangent | jnp.isnan(step_size), rate, 0)
    return rate, is_known | ~has_tangent


def _curvature_ratio(top: Float[Array, ""], multiplier: Float[Array, ""]) -> Float[Array, ""]:
    """h₁/λ, with its limits where λ = 0."""
    at_zero = jnp.where(top > 0, jnp.inf, jnp.where(top < 0, -jnp.inf, 1))
    # A NaN is neither above nor below 0, and stays NaN.
    at_zero = jnp.where(jnp.isnan(top), top, at_zero)
    return jnp.where(is_zero(multiplier), at_zero, over(top, multiplier))


def _condition_number(spectrum: Spectrum, multiplier: Float[Array, ""]) -> Float[Array, ""]:
    """(λ − h_min)/(λ − h₁); inf where h₁ ≥ λ, and 1 where there is no tangent."""
    has_tangent = ~jnp.isinf(spectrum.top)
    top, bottom = (jnp.where(has_tangent, h, 0) for h in (spectrum.top, spectrum.bottom))
    gap = multiplier - top
    number = jnp.where(gap > 0, over(multiplier - bottom, gap), jnp.inf)
    number = jnp.where(jnp.isnan(gap), gap, number)
    return jnp.where(has_tangent, number, 1)


def _complementarity(
    face: Any, gradient: Float[Array, "*shape"], radius: Float[Array, ""]
) -> Float[Array, ""]:
    """The face's complementarity, over what it could be at most, or is on average."""
    scale = jnp.where(is_flat(face), jnp.mean(jnp.abs(gradient)), l2_norm(gradient))
    return over(radius * face.complementarity(gradient), scale)


def _kink_distance(
    problem: Problem, delta: Float[Array, "*shape"], network_kinked: bool
) -> Float[Array, ""]:
    """The distance to the nearest kink, as the network gives it; inf if none, 0 if unknown."""
    if not network_kinked:
        return jnp.full((), jnp.inf, delta.dtype)
    measure = getattr(problem.network, "kink_distance", None)
    return jnp.zeros((), delta.dtype) if measure is None else measure(problem.x + delta)
