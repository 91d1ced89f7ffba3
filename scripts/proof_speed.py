"""What proofs cost: their time beside that of the ascents on the same inputs, in one program."""

import statistics
import time
from typing import Any

import jax
import numpy as np
import pandas as pd

import jaxadv as ja
from jaxadv.devices import use_devices
from jaxadv.grid.states import States
from jaxadv.proofs.ends import Proved
from jaxadv.sweeps.program import SweepProgram
from jaxadv.sweeps.work import SweepWork

DIMS, CONSTRAINTS, SCALES = (64, 256, 784), ("l2-ball", "linf-ball"), (0.1, 0.3, 1.0, 3.0)
ROUNDS = 3


def measure_proofs(*, quick: bool) -> tuple[dict[str, Any], str]:
    """Milliseconds for all starts on an input, and for what is proved of them.

    Args:
        quick: fewer steps, and one round.
    """
    rows = [
        measure(dim, constraint, scale, quick=quick)
        for dim in DIMS
        for constraint in CONSTRAINTS
        for scale in SCALES
    ]
    table = pd.DataFrame(rows)
    return {"proofs": rows}, table.to_string(index=False, float_format=lambda value: f"{value:.3g}")


def measure(dim: int, constraint: str, scale: float, *, quick: bool) -> dict[str, Any]:
    """The times of one cell, medians over rounds."""
    sweep = ja.Sweep(
        constraints=(constraint,), scales=(scale,), dims=(dim,), widths=(512,), networks=1,
        max_steps=500 if quick else 20_000,
    )  # fmt: skip
    (device, *_) = use_devices(1)
    (cells,) = SweepWork(sweep).groups
    program = SweepWork(sweep).program(cells, [device])
    assert isinstance(program, SweepProgram)
    program.finish(program.start([0], States(None, {}), device), lambda *_: None)
    times: dict[str, list[float]] = {"ascents": [], "certificates": [], "proofs": []}
    draws = program.draw([0], device)
    solutions, _ = program.ascend(draws, device)
    proofs = program.prove(draws, solutions, device)
    for _ in range(1 if quick else ROUNDS):
        jax.block_until_ready((solutions, proofs))
        marks = [time.perf_counter()]
        solutions, _ = jax.block_until_ready(program.ascend(draws, device))
        marks.append(time.perf_counter())
        jax.block_until_ready(program.certify(draws, solutions, device))
        marks.append(time.perf_counter())
        proofs = jax.block_until_ready(program.prove(draws, solutions, device))
        marks.append(time.perf_counter())
        for name, seconds in zip(times, np.diff(marks), strict=True):
            times[name].append(1e3 * seconds / sweep.examples)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        "d": dim,
        "set": constraint,
        "s": scale,
        "mean steps": float(np.mean(np.asarray(solutions.steps))),
        **{f"{name}, ms": value for name, value in medians.items()},
        "proofs/ascents": medians["proofs"] / medians["ascents"],
        "proved": float(np.mean(np.asarray(proofs) >= Proved.GLOBAL)),
    }
