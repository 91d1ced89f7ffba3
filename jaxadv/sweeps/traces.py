"""The paths of a few trials of a sweep, step by step."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jaxadv.ascent.trajectory import ascend_recorded
from jaxadv.experiments.draws import Draws, IntLike, draw, given_of, key_of
from jaxadv.experiments.groups import Group
from jaxadv.experiments.variables import Known, filled, known_where
from jaxadv.sweeps.spec import Sweep
from jaxadv.sweeps.trials import Rules, Settings, rules_of, settings_of, source_of, trial_of

MEANINGS = {
    "loss": {"long_name": "loss", "units": "loss"},
    "residual": {"long_name": "residual over the radius", "units": "1"},
    "norm": {"long_name": "norm of the perturbation", "units": "input unit"},
}


def run_traces(sweep: Sweep, networks: int = 3, max_steps: int | None = None) -> xr.Dataset:
    """The first trial on each of the first networks in every cell, recorded at every step.

    `run_sweep` records no paths: the same trials are drawn and run again here.

    Args:
        sweep: the specification.
        networks: how many networks, and so paths per cell.
        max_steps: how far the paths are followed; by default through the sweep's whole budget.

    Returns:
        Loss, residual and norm with dimensions (cell, network, step); NaN after a trial's end.

    Example:
        >>> sweep = Sweep(scales=(0.1, 1.0), networks=1, examples=1, max_steps=200)
        >>> dict(run_traces(sweep).residual.sizes)
        {'cell': 2, 'network': 1, 'step': 201}
    """
    networks = min(networks, sweep.networks)
    length = sweep.max_steps if max_steps is None else max_steps
    groups = [
        [_trace_network(sweep, group, index, length) for index in range(networks)]
        for group in sweep.groups
    ]
    dims = ("cell", "network", "step")
    return xr.Dataset(
        {
            name: (
                dims,
                np.concatenate([np.stack([path[name] for path in paths], 1) for paths in groups]),
                meaning,
            )
            for name, meaning in MEANINGS.items()
        }
    )


def _trace_network(sweep: Sweep, group: Group, index: int, length: int) -> dict[str, np.ndarray]:
    with jax.enable_x64(sweep.precision == "double"):
        cells = sweep.cells_of(group)
        draws = draw(source_of(sweep, group), index, key_of(sweep), given_of(sweep))
        paths = _record(
            draws, settings_of(sweep, cells), rules=rules_of(sweep, group), length=length
        )
        return {name: filled(path) for name, path in paths.items()}


@partial(jax.jit, static_argnames=("rules", "length"))
def _record(draws: Draws, settings: Settings, *, rules: Rules, length: int) -> dict[str, Known]:
    """The first trial on a network in every cell."""

    def record(cell: IntLike) -> dict[str, Known]:
        trial = trial_of(draws, settings, cell, 0, 0)
        problem, method = rules.problem(draws.network, trial)
        solution, path = ascend_recorded(problem, trial.start, method, length=length)
        was_taken = jnp.arange(length + 1) <= solution.steps
        return {name: known_where(was_taken, getattr(path, name)) for name in MEANINGS}

    return jax.vmap(record)(jnp.arange(len(settings.scale)))
