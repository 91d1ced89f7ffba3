"""Datasets with a known truth, in the form that sweeps have."""

import numpy as np
import xarray as xr

import jaxadv as ja

USUAL = {
    "dim": 64, "width": 1024, "activation": "tanh", "loss": "quadratic",
    "constraint": "l2-ball", "method": "gradient", "step_rule": "constant",
    "step_size": 0.1, "ratio": 0.1, "scale": 1.0,
}  # fmt: skip
SHARE_OF_ALL = 0.3
"""Standard deviations of ln T between networks, and between the trials on one."""


def synthetic(settings, law, *, networks=60, tolerances=(1e-4,), budget=10**9, seed=0, **variables):
    """A sweep whose steps follow a law.

    Args:
        settings: of each cell, as far as they are not usual.
        law: from a cell's settings and a tolerance to the median of the steps.
        networks: their number; two inputs and one start each.
        tolerances: descending.
        budget: beyond, steps are censored.
        seed: of the noise, log-normal between networks and within.
        **variables: values of other variables, or functions of a cell's settings.
    """
    rng, every = np.random.default_rng(seed), [USUAL | cell for cell in settings]
    shape = (len(every), networks, 2, 1)
    noise = SHARE_OF_ALL * (rng.normal(size=(*shape[:2], 1, 1)) + rng.normal(size=shape))
    medians = np.array([[law(cell, tolerance) for tolerance in tolerances] for cell in every])
    counts = np.ceil(medians[:, None, None, None] * np.exp(noise)[..., None]).astype(int)
    known = {
        "kind": int(ja.Kind.BOUNDARY_MAX), "status": int(ja.Status.CONVERGED), "loss_end": 0.5,
        "curvature_ratio": 0.1, "condition_number": 1.2, "local_rate": 0.9, "distance": 1e-4,
    } | variables  # fmt: skip
    trials = ("cell", "network", "example", "start")

    def column(value):
        values = [value(cell) if callable(value) else value for cell in every]
        return trials, np.stack([np.broadcast_to(v, shape[1:]) for v in values])

    return xr.Dataset(
        {
            "num_steps": ((*trials, "tolerance"), np.minimum(counts, budget)),
            "reached": ((*trials, "tolerance"), counts <= budget),
            "complete": (("cell", "network"), np.ones(shape[:2], bool)),
            **{name: column(value) for name, value in known.items()},
        },
        coords={
            "tolerance": list(tolerances),
            **{name: ("cell", [cell[name] for cell in every]) for name in USUAL},
        },
        attrs={"sweep": f'network = "two-layer"\nmax_steps = {budget}\n'},
    )


def along(name, values):
    """Settings that differ in one of them."""
    return [{name: value} for value in values]
