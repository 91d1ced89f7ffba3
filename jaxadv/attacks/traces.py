"""The paths of a few trials of an attack, step by step."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxadv.ascent.trajectory import ascend_recorded
from jaxadv.attacks.trials import Row, Rules, Target, problem_of, start_of
from jaxadv.attacks.work import AttackWork
from jaxadv.experiments.variables import Known, filled, known_where

NUM_INPUTS = 6
MOST_STEPS = 500  # that are recorded: each holds a perturbation


def run_traces(work: AttackWork, cell: int = 0, number: int = NUM_INPUTS) -> xr.Dataset:
    """The reported loss at each step of all trials on the first inputs; NaN after their ends.

    Of longer trials the first `MOST_STEPS` steps are recorded.

    An attack records no paths: the same trials are run again here.

    Args:
        work: the attack.
        cell: the number of the set.
        number: how many inputs.

    Returns:
        ``loss`` over (input, start, step).
    """
    target = dataclasses.replace(work.target, constraint=work.constraints[cell])
    inputs, labels = (jnp.asarray(array[:number]) for array in (work.inputs, work.labels))
    losses = [
        filled(_record(target, Row(x, y, jnp.int32(n), jnp.int32(0)), rules=work.rules))
        for n, (x, y) in enumerate(zip(inputs, labels, strict=True))
    ]
    return xr.Dataset({"loss": (("input", "start", "step"), np.stack(losses))})


@partial(jax.jit, static_argnames="rules")
def _record(target: Target, row: Row, *, rules: Rules) -> Known:
    """The losses of all trials on one input."""
    problem = problem_of(target, row, rules)
    length = min(target.method.max_steps, MOST_STEPS)

    def record(start: Array) -> tuple[Array, Array]:
        first = start_of(problem, target, row._replace(start=start))
        solution, path = ascend_recorded(problem, first, target.method, length=length)

        def loss_at(delta: Float[Array, "*shape"]) -> Float[Array, ""]:
            return rules.loss(target.network(row.x + delta), row.y)

        was_taken = jnp.arange(length + 1) <= solution.steps
        return was_taken, jax.lax.map(loss_at, path.perturbation)

    was_taken, losses = jax.lax.map(record, jnp.arange(rules.starts))
    return known_where(was_taken, losses)
