"""`certify`, for one point, and `certify_each`, for many points whose problems share a network."""

from collections.abc import Callable
from typing import Literal, TypeVar

import jax
import numpy as np
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Bool, ScalarLike

from jaxadv.ascent.certificate import Certificate, Eigensolver, Rule, examine
from jaxadv.ascent.entry import check_problem, check_trial
from jaxadv.ascent.first_order import with_faces
from jaxadv.ascent.precision import in_double
from jaxadv.ascent.solution import End
from jaxadv.batches import map_batches, map_marked
from jaxadv.problems.checks import Floats, as_floats, check_number, check_scalar
from jaxadv.problems.problem import Problem
from jaxadv.problems.smoothness import kinks

X = TypeVar("X")
# Up to it, a brief certificate would need as many products as a thorough one.
LARGEST_SMALL_DIM = 16
THOROUGH_LANES = 4  # thorough certificates made at a time, of those that a brief one left undecided


def certify(
    problem: Problem,
    delta: Floats,
    *,
    step_size: ScalarLike,
    tolerance: float = 1e-3,
    gradient_scale: ScalarLike = 0.0,
    eigensolver: Literal["auto", "dense", "lanczos"] = "auto",
) -> Certificate:
    """Classify δ; measure its margin, its local rate and its distance to the true maximum.

    Source: docs/theory.md, section 4.

    A maximum is claimed only where Newton's method, started at δ, converged to a strict maximum of
    the same kind, and where the computation of the loss shows that it is analytic (`kinks`) or
    `Problem.smooth` declares it. A vertex of a box needs no second derivatives: there, a network
    with kinks is certified as well, if it tells how far its next kink is (`kink_distance`).

    Computes in float64 and returns the precision of δ; only products with the Hessian are in the
    precision of δ, where that is enough to decide. Inside a transformation (`jax.jit`, `jax.vmap`)
    the precision cannot be changed: enter ``jax.enable_x64(True)`` around it, or all of the
    certificate is computed in the precision of δ.

    Args:
        problem: its constraint must have faces (`CertifiableConstraint`): an `L2Ball`, an
            `L2Sphere`, an `LInfBall`, a `Box`, or one of your own.
        delta: δ, a point of the set, of the shape of x.
        step_size: η, for the local rate; NaN if the method has none, as `Solution.step_size`.
        tolerance: the residual above which δ is `Kind.NOT_STATIONARY`; as much as rounding adds
            to norms at the precision of δ (`rounding`) is allowed on top, but not the rounding of
            the network itself: far into saturation, an ascent that converged in float32 may turn
            out not to be stationary in float64.
        gradient_scale: G of the residual, `Solution.gradient_scale` for the one that the ascent
            stopped by; G is at least ‖g(δ)‖ and ‖g(0)‖.
        eigensolver: ``"lanczos"`` takes 64 products with the Hessian (or dim), and counts the
            residual of its Ritz value against the maximum; while that leaves the point undecided,
            it takes 64 more, up to 512. ``"auto"`` begins with fewer products, of less precision,
            and takes these only where they do not decide. ``"dense"`` forms the Hessian.

    Raises:
        TypeError: for a constraint without faces, a step size or tolerance that is no number, and
            as `ascend`.
        ValueError: for an unknown eigensolver, several step sizes, and as `ascend`.

    Example:
        >>> import jaxadv as ja
        >>> import jax.numpy as jnp
        >>> net = ja.init_two_layer(jax.random.key(0), dim=4, width=32)
        >>> prob = ja.Problem(net, jnp.ones(4), jnp.float32(0), ja.L2Ball(0.2))
        >>> sol = ja.ascend(prob, jnp.zeros(4), ja.PGA())
        >>> ja.Kind(int(ja.certify(prob, sol.perturbation, step_size=0.1).kind)).name
        'BOUNDARY_MAX'
    """
    for name, number in (("tolerance", tolerance), ("gradient_scale", gradient_scale)):
        check_number(name, number, positive=False)
    check_scalar("step_size", step_size)
    if isinstance(step_size, Tracer) or not np.isnan(np.asarray(step_size)):
        check_number("step_size", step_size, positive=False)
    if eigensolver not in ("auto", "dense", "lanczos"):
        raise ValueError(f"eigensolver: {eigensolver!r} must be 'auto', 'dense' or 'lanczos'")
    check_problem(problem)
    point: Array = as_floats("delta", delta)
    end = End(point, step_size, gradient_scale)
    rule = _rule(problem, point, float(tolerance))

    def by(solver: Eigensolver) -> tuple[Certificate, Bool[Array, ""]]:
        return in_double(_examine, problem, end, dtype=point.dtype, rule=rule, eigensolver=solver)

    if eigensolver == "auto" and point.size <= LARGEST_SMALL_DIM:
        eigensolver = "lanczos"
    if eigensolver != "auto":
        return by(eigensolver)[0]
    brief, is_decided = by("brief")
    if isinstance(is_decided, Tracer):
        return lax.cond(is_decided, lambda: brief, lambda: by("lanczos")[0])
    return brief if is_decided else by("lanczos")[0]


_examine = jax.jit(examine, static_argnames=("rule", "eigensolver"))


def certify_each(
    trial_of: Callable[[X], tuple[Problem, End]], rows: X, *, tolerance: float, lanes: int
) -> Certificate:
    """`certify` for many ends, inside a program that is compiled with float64 switched on.

    All ends get a brief certificate, so many side by side; those that it does not decide get a
    thorough one.

    Args:
        trial_of: the problem and the end of a row. What it closes over, such as the network, is
            shared by all rows, so that a product with H of each is one product of matrices.
        rows: any pytree of arrays with a common leading axis.
        tolerance: as in `certify`.
        lanes: brief certificates made at a time.
    """

    def by(eigensolver: Eigensolver, row: X) -> tuple[Certificate, Bool[Array, ""]]:
        problem, end = trial_of(row)
        rule = _rule(problem, end.delta, tolerance)
        return examine(problem, end, rule, eigensolver)

    def thorough(row: X) -> Certificate:
        return by("lanczos", row)[0]

    first = jax.tree.map(lambda leaf: leaf[0], rows)
    if jax.eval_shape(trial_of, first)[1].delta.size <= LARGEST_SMALL_DIM:
        return map_batches(thorough, rows, lanes)
    brief, is_decided = map_batches(lambda row: by("brief", row), rows, lanes)
    return map_marked(thorough, rows, ~is_decided, brief, THOROUGH_LANES)


def _rule(problem: Problem, point: Array, tolerance: float) -> Rule:
    """What the certificate's program is compiled for; refuses what cannot be certified."""
    with_faces(problem.constraint)
    check_trial(problem, point, name="delta")
    # Outside the compiled program, because the network may have changed since it was compiled.
    kinked = bool(kinks(problem.objective, point))
    if not kinked:
        return Rule(tolerance, kinked=False, network_kinked=False, loss_kinked=False)
    output = jax.eval_shape(problem.network, point)
    return Rule(
        tolerance,
        kinked=True,
        network_kinked=bool(kinks(problem.network, point)),
        loss_kinked=bool(kinks(lambda output: problem.loss(output, problem.y), output)),
    )
