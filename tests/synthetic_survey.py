"""A survey of landscapes with a known truth, in the form that `run_landscape` gives it."""

import json

import numpy as np
import xarray as xr

from jaxadv.ascent.kinds import Kind

NETWORKS, EXAMPLES, STARTS = 40, 2, 12
SCALES = (0.1, 1.0, 10.0, 30.0)
TOML = (
    'network = "two-layer"\nactivations = ["tanh"]\ndims = [8]\n'
    'widths = [64]\nlosses = ["quadratic"]\n'
    'data = "sphere"\nstep = "constant"\nstep_size = 0.1\ntolerance = 1e-4\nmax_steps = 9\n'
)


def survey(scales=SCALES, trainings=("none",), seed=0):
    """At scale number k there are k + 1 maxima; one start in the last one, the rest alike."""
    rng = np.random.default_rng(seed)
    cells = [(training, scale, k) for training in trainings for k, scale in enumerate(scales)]
    shape = (len(cells), NETWORKS, EXAMPLES)

    def of_inputs(value, noise=0.01):
        columns = [np.full(shape[1:], value(k)) for _, _, k in cells]
        return ("cell", "network", "example"), np.stack(columns) + noise * rng.normal(size=shape)

    groups = np.zeros((*shape, STARTS), int)
    for row, (_, _, k) in enumerate(cells):
        groups[row] = np.minimum(np.arange(STARTS), k)
        groups[row, ..., :k] = np.arange(k)
    starts = ("cell", "network", "example", "start")
    kinds = np.full(groups.shape, int(Kind.BOUNDARY_MAX))
    groups[..., -1], kinds[..., -1] = -1, Kind.NOT_STATIONARY
    losses = np.where(groups >= 0, 2.0 - 0.1 * groups, np.nan)
    barrier = np.full((*shape, 3), np.nan)
    barrier[1:] = 0.2
    return xr.Dataset(
        {
            "maximum": (starts, groups),
            "kind": (starts, kinds),
            "loss_maximum": (starts, losses),
            "curvature_ratio": (starts, np.where(groups >= 0, 0.5, 99.0)),
            "path_ratio": (starts, np.full(groups.shape, 1.5)),
            "falls": (starts, np.full(groups.shape, 0.25)),
            "loss_centre": of_inputs(lambda _: 1.0, 0),
            "step_cosine": of_inputs(lambda k: 1 - 0.2 * k),
            "step_gain": of_inputs(lambda _: 0.5, 0),
            "gradient_change": of_inputs(lambda k: -float(k)),
            "barrier": ((*starts[:3], "pair"), barrier),
            "spectrum": ((*starts[:3], "mode"), rng.uniform(-0.5, 0.5, size=(*shape, 4))),
            "complete": (("cell", "network"), np.ones(shape[:2], bool)),
        },
        coords={
            "scale": ("cell", [scale for _, scale, _ in cells]),
            "ratio": ("cell", [0.1] * len(cells)),
            "training": ("cell", [training for training, _, _ in cells]),
            "dim": ("cell", [8] * len(cells)),
            "width": ("cell", [64] * len(cells)),
            "activation": ("cell", ["tanh"] * len(cells)),
            "loss": ("cell", ["quadratic"] * len(cells)),
            "constraint": ("cell", ["l2-ball"] * len(cells)),
            "method": ("cell", ["gradient"] * len(cells)),
        },
        attrs={"landscape": TOML, "seconds": 60.0, "identity": json.dumps({"ascents": 100})},
    )
