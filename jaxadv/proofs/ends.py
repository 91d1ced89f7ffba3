"""What is proved of the ends of many ascents on one input, which share all that is costly.

Source: docs/theory.md, section 9.
"""

import enum
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, ScalarLike

from jaxadv.ascent.precision import as_double
from jaxadv.problems.problem import Problem
from jaxadv.proofs.eigenvalues import largest_square
from jaxadv.proofs.extremes import extremes_of
from jaxadv.proofs.flat_sets import is_box, is_round
from jaxadv.proofs.prove import Proof, prove_end
from jaxadv.proofs.readable import as_readable
from jaxadv.proofs.scalar_problems import as_scalar_problem, check_provable


class Proved(enum.IntEnum):
    """What is proved of an end, as records have it.

    Each includes the ones before: an end that is ``UNIQUE`` is ``GLOBAL``.
    """

    NOT_TRIED = 0
    NOTHING = 1
    GLOBAL = 2
    UNIQUE = 3


class OfEnds(NamedTuple):
    """What is proved of the ends of ascents on one problem.

    Attributes:
        proved: the `Proved` of each end.
        num_maxima: an upper bound of the number of strict local maxima, from each end; inf if none
            is proved.
        ratio: K/λ at the pole of each end (1 − `Proof.margin`); inf where λ ≤ 0.
    """

    proved: Int[Array, " end"]
    num_maxima: Float[Array, " end"]
    ratio: Float[Array, " end"]


def has_proofs(problem: Problem) -> bool:
    """Whether ends can be proved: by the kinds of network, set and loss; works while JAX traces.

    Example:
        >>> import jaxadv as ja
        >>> net = ja.init_two_layer(jax.random.key(0), 4, 16)
        >>> has_proofs(ja.Problem(net, jnp.ones(4), 1.0, ja.L2Ball(0.1)))
        True
        >>> has_proofs(ja.Problem(net, jnp.ones(4), 1.0, ja.L1Ball(0.1)))
        False
    """
    try:
        check_provable(problem)
    except (TypeError, ValueError):
        return False
    is_known = is_round(problem.constraint) or is_box(problem.constraint)
    return is_known and as_scalar_problem(problem) is not None


def square_norm_of(problem: Problem) -> Float[Array, ""]:
    """An upper bound of the squared spectral norm of the first layer of a problem's network."""
    return largest_square(as_double(as_readable(problem.network, problem.x).weights[0]))


def prove_ends(
    problem: Problem,
    ends: Float[Array, "end *shape"],
    square_norm: ScalarLike,
    *,
    tight: bool = False,
) -> OfEnds:
    """What is proved of ends of ascents on one problem.

    Args:
        problem: one for which `has_proofs` holds.
        ends: the perturbations.
        square_norm: the `square_norm_of` its network, which many problems may share.
        tight: whether K is to be tight also where that proves nothing more, which takes time.
    """
    problem, ends = as_double((problem, ends))
    question = as_scalar_problem(problem, square_norm)
    assert question is not None
    with jax.default_matmul_precision("highest"):
        extremes = extremes_of(question.network, question.x, question.constraint, tight=tight)

        project = jax.vmap(question.constraint.project)
        proofs = jax.vmap(lambda end: prove_end(question, extremes, end))(
            project(ends.reshape(len(ends), -1))
        )
        return OfEnds(_proved(proofs), proofs.num_maxima, 1 - proofs.margin)


def prove_input(problem: Problem, square_norm: ScalarLike) -> Bool[Array, ""]:
    """Whether the global maximum is known, and proved to be it; arguments as of `prove_ends`."""
    problem = as_double(problem)
    question = as_scalar_problem(problem, square_norm)
    assert question is not None
    with jax.default_matmul_precision("highest"):
        extremes = extremes_of(question.network, question.x, question.constraint, tight=False)
        proofs = jax.vmap(lambda end: prove_end(question, extremes, end))(extremes.point)
        return proofs.is_global.any()


def _proved(proofs: Proof) -> Int[Array, " end"]:
    codes = Proved.NOTHING + proofs.is_global.astype(int) + proofs.is_unique.astype(int)
    return codes.astype(jnp.int8)
