"""Ends of ascents on one network with many inputs, each in a set of its own."""

import jax
import numpy as np

import jaxadv as ja
from jaxadv.ascent.certifying import certify_each
from tests import reference
from tests.ascent.test_pga import as_problem

TOLERANCE = 1e-8


def cases_on_one_network(rng, dim, scale, trials):
    """Cases that differ in the input and the label."""
    first, *others = [
        reference.random_case(rng, dim=dim, width=4 * dim + 8, scale=scale) for _ in range(trials)
    ]
    for other in others:
        other.hidden, other.output = first.hidden, first.output
    return [first, *others]


def certified_ends(cases, make_set, settings, starts):
    """Solutions and certificates of the cases.

    Args:
        cases: `cases_on_one_network`.
        make_set: from one row of the settings to a set.
        settings: arrays with a row for each case.
        starts: likewise.
    """
    network = as_problem(cases[0]).network
    x, y = (np.array([getattr(case, name) for case in cases]) for name in ("x", "y"))

    def trial_of(row):
        x, y, settings, start = row
        return ja.Problem(network, x, y, make_set(*settings)), start

    @jax.jit
    def run(rows):
        method = ja.PGA(ja.InverseCurvatureStep(0.5), TOLERANCE, 3_000)
        solutions = jax.vmap(lambda row: ja.ascend(*trial_of(row), method))(rows)
        certificates = certify_each(
            lambda row: (trial_of(row[0])[0], row[1].end), (rows, solutions),
            tolerance=10 * TOLERANCE, lanes=16,
        )  # fmt: skip
        return solutions, certificates

    return jax.tree.map(np.asarray, run((x, y, settings, starts)))
