"""The certificates of an attack's ends, the maxima that they share, and κ₀ at the inputs."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxadv.ascent.certifying import certify_each
from jaxadv.ascent.distinct import same_maxima
from jaxadv.ascent.kinds import MAXIMA
from jaxadv.ascent.lanczos import extreme_ritz_values
from jaxadv.ascent.precision import as_double
from jaxadv.ascent.solution import End, Solution
from jaxadv.attacks.trials import Row, Rules, Target, problem_of
from jaxadv.batches import map_batches
from jaxadv.experiments.variables import Record, known_on_boundary, known_where
from jaxadv.problems.constraints import is_box
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem

LANCZOS_ITERS = 24  # for the largest curvature at an input


@partial(jax.jit, static_argnames="rules")
def certify_inputs(
    target: Target, rows: Row, solutions: Solution, rules: Rules
) -> dict[str, Record]:
    """The records of all ends' certificates, and of the curvature at the inputs.

    Args:
        target: what is attacked.
        rows: the trials, input by input.
        solutions: their ends.
        rules: what the program is compiled for.
    """

    def trial_of(row: tuple[Row, Solution]) -> tuple[Problem, End]:
        return problem_of(target, row[0], rules), row[1].end

    certificates = certify_each(
        trial_of, (rows, solutions), tolerance=target.method.tolerances[-1], lanes=rules.lanes
    )
    first = jax.tree.map(lambda leaf: leaf[:: rules.starts], rows)
    by_input = (len(first.x), rules.starts)
    is_maximum = jnp.isin(certificates.kind, jnp.array(MAXIMA)).reshape(by_input)
    maxima = certificates.maximum.reshape(*by_input, -1)
    one = problem_of(target, jax.tree.map(lambda leaf: leaf[0], first), rules)
    in_box = is_box(one.constraint, one.x.shape)
    double = as_double(target)

    def of_input(input_: tuple[Row, Array, Array]) -> tuple[Array, Record]:
        row, points, certified = input_
        problem = problem_of(double, row, rules)
        return same_maxima(points, certified, problem.circumradius), curvature_at_input(problem)

    firsts, kappa_0 = map_batches(of_input, (as_double(first), maxima, is_maximum), rules.lanes)
    of_trials: dict[str, Record] = {
        "kind": certificates.kind,
        "curvature_ratio": known_on_boundary(certificates.curvature_ratio, certificates.multiplier),
        "condition_number": known_where(
            is_maximum.ravel() & jnp.isfinite(certificates.condition_number),
            certificates.condition_number,
        ),
        "num_free": known_where(
            jnp.bool_(in_box) & (certificates.num_free >= 0), certificates.num_free.astype(float)
        ),
    }
    records = {
        name: jax.tree.map(lambda leaf: leaf.reshape(by_input), record)
        for name, record in of_trials.items()
    }
    # A confirmed maximum is polished, and stands for the end that is close to it.
    ends = {"end": maxima} if rules.keep_ends else {}
    return {**records, "maximum": firsts, "kappa_0": kappa_0, **ends}


def curvature_at_input(problem: Problem) -> Record:
    """κ₀ as it is measured: the circumradius times max |λ(∇²L)| over ‖∇L‖, at δ = 0.

    Source: docs/theory.md, section 6.3, whose κ₀ is that of random networks. The eigenvalue is a
    Lanczos estimate, and not above the largest one.
    """
    zero = jnp.zeros_like(problem.x)
    gradient = l2_norm(problem.value_and_gradient(zero)[1])
    start = jax.random.normal(jax.random.key(0), zero.shape, zero.dtype)
    top, bottom = extreme_ritz_values(
        problem.hessian_at(zero), start, min(LANCZOS_ITERS, zero.size)
    )
    largest: Float[Array, ""] = jnp.maximum(jnp.abs(top.value), jnp.abs(bottom.value))
    exists = gradient > 0
    return known_where(exists, problem.circumradius * largest / jnp.where(exists, gradient, 1))
