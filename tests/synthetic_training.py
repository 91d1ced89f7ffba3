"""Training experiments with a known truth, in the form that `run_training` gives them."""

import itertools

import numpy as np
import xarray as xr

GROUP = {
    "dim": 8, "width": 16, "activation": "tanh", "loss": "quadratic", "constraint": "l2-ball",
    "method": "gradient",
}  # fmt: skip
STEPS = [*range(11), 24, 56, 100, 200]


def synthetic_training(
    curve,
    *,
    scales=(0.1, 1.0, 10.0),
    ratios=(0.0, 0.1),
    optimizers=("sgd",),
    rates=(0.1, 1.0),
    sharpness_rates=(0.3,),
    networks=32,
    diverged=None,
    output_scale=1.0,
):
    """Robust losses that follow a curve, with a little noise of each network, alike in all cells.

    Args:
        curve: from a cell (a dict) and the steps to the loss over that of the output 0.
        scales: of the grid.
        ratios: likewise.
        optimizers: likewise.
        rates: likewise.
        sharpness_rates: likewise, of sgd.
        networks: their number.
        diverged: from a cell to the step at which its runs diverged.
        output_scale: what the experiment says of its initial output layers.
    """
    units = [("absolute", rate) for rate in rates]
    relative = [("sharpness", rate) for rate in sharpness_rates]
    every = [
        {"optimizer": o, "ratio": r, "unit": unit, "rate": rate, "scale": scale}
        for o, r in itertools.product(optimizers, ratios)
        for unit, rate in units + relative * (o == "sgd")
        for scale in scales
    ]
    rng, steps = np.random.default_rng(0), np.array(STEPS)
    shape = (len(every), networks, len(steps))
    noise = np.exp(0.01 * rng.normal(size=(networks, 1)))
    losses = np.stack([0.5 * curve(cell, steps) * noise for cell in every])
    both = np.stack([losses, 1.1 * losses], axis=-1)
    dims = ("cell", "network", "evaluation")
    when = [-1 if diverged is None else diverged(cell) for cell in every]
    probes = np.ones((*shape, 2))
    losses_and_accuracies = {
        **dict.fromkeys(("robust_loss", "clean_loss"), both),
        **dict.fromkeys(("robust_accuracy", "clean_accuracy"), 1 - both),
    }
    return xr.Dataset(
        {
            **{name: ((*dims, "split"), value) for name, value in losses_and_accuracies.items()},
            "gradient_norm": (dims, losses), "distance": (dims, losses),
            "chance_loss": (dims[:2], np.full(shape[:2], 0.5)),
            "learning_rate": (dims[:2], np.full(shape[:2], 0.1)),
            "sharpness": (dims[:2], np.array([[c["scale"] + 0.1] * networks for c in every])),
            "diverged_step": (dims[:2], np.array(when)[:, None] * np.ones(networks, int)),
            "complete": (dims[:2], np.ones(shape[:2], bool)),
            "inner_steps": ((*dims, "probe"), 10 * probes.astype(int)),
            "inner_reached": ((*dims, "probe"), probes.astype(bool)),
            "inner_certified": ((*dims, "probe"), probes),
            "curvature_ratio": ((*dims, "probe"), 0.1 * probes),
        },
        coords={
            "evaluation": STEPS, "split": ["train", "test"],
            **{name: ("cell", [cell[name] for cell in every]) for name in every[0]},
            **{name: ("cell", [value] * len(every)) for name, value in GROUP.items()},
        },
        attrs={
            "training": 'data = "teacher"\nlayers = "hidden"\nexamples = 16\nbatch = 0\n'
            'steps = 200\nattack_steps = 20\nattack_step = "normalized"\nattack_step_size = 0.25\n'
            'constraint = "l2-ball"\nstrong_steps = 50\nrestarts = 1\n'
            f"scales = {list(scales)}\nratios = {list(ratios)}\noptimizers = {list(optimizers)}\n"
            f"output_scale = {output_scale}\nrates = {list(rates)}\n"
            f"sharpness_rates = {list(sharpness_rates)}\n",
            "seconds": 60.0,
        },
    )  # fmt: skip


def decay(rate):
    """Losses that fall as exp(−rate·step), from 1 or from a start of their own."""
    return lambda cell, steps: np.exp(-rate(cell) * steps)
