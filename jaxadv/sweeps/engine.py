"""All trials on one network, as lanes over one shared W."""

import functools
from collections.abc import Callable

import jax
import numpy as np

from jaxadv.ascent.certificate import Certificate, certify
from jaxadv.ascent.pga import Solution, ascend
from jaxadv.problems.networks import Network
from jaxadv.sweeps.records import record
from jaxadv.sweeps.spec import Group, Sweep
from jaxadv.sweeps.trials import Lane, Rules, draw_lanes, draw_network, rules_of

NUM_LANES = 16
"""Trials that run in lockstep. Lanes of one cell stand together, for they take similar times."""


@functools.partial(jax.jit, static_argnames="rules")
def ascend_lanes(network: Network, lanes: Lane, rules: Rules) -> Solution:
    """`ascend` for each lane; the network is not batched, so W @ x becomes a matrix product."""
    return jax.vmap(lambda lane: ascend(*rules.trial(network, lane)))(lanes)


@functools.partial(jax.jit, static_argnames="rules")
def certify_lanes(network: Network, lanes: Lane, solutions: Solution, rules: Rules) -> Certificate:
    """`certify` for the end of each lane, at the tolerance and the step size of its ascent."""

    def one(lane: Lane, solution: Solution) -> Certificate:
        problem, _, pga = rules.trial(network, lane)
        return certify(
            problem,
            solution.perturbation,
            step_size=solution.step_size,
            tolerance=pga.tolerances[-1],
            gradient_scale=solution.gradient_scale,
        )

    return jax.vmap(one)(lanes, solutions)


def run_network(
    sweep: Sweep, group: Group, index: int, report: Callable[[int, int, int], None]
) -> dict[str, np.ndarray]:
    """The records of all trials on network ``index``: axes (cell, example, start[, tolerance]).

    Args:
        sweep: the specification.
        group: which of the sweep's groups.
        index: which network.
        report: called as work goes on with the trials ended, the steps that they took, and the
            steps that their lanes were held for.
    """
    double = sweep.precision == "double"
    rules = rules_of(sweep, group)
    with jax.enable_x64(double):
        network = draw_network(sweep, group, index)
        lanes = draw_lanes(sweep, group, index)
    shape = lanes.label.shape
    num_trials = lanes.label.size
    flat = jax.tree.map(lambda leaf: leaf.reshape(num_trials, *leaf.shape[3:]), lanes)
    width = min(NUM_LANES, num_trials)
    records = []
    for first in range(0, num_trials, width):
        # The last batch is filled up with the last trial: one shape, one compilation.
        rows = np.minimum(np.arange(first, first + width), num_trials - 1)
        batch = jax.tree.map(lambda leaf, rows=rows: leaf[rows], flat)
        with jax.enable_x64(double):
            solutions = ascend_lanes(network, batch, rules)
        with jax.enable_x64(True):
            certificates = certify_lanes(network, batch, solutions, rules)
        kept = min(width, num_trials - first)
        records.append({k: v[:kept] for k, v in record(solutions, certificates).items()})
        steps = np.asarray(solutions.steps)
        report(kept, int(steps[:kept].sum()), int(width * steps.max()))
    return {
        name: np.concatenate([part[name] for part in records]).reshape(
            *shape, *records[0][name].shape[1:]
        )
        for name in records[0]
    }
