"""Running a training experiment: each evaluation into a store, resumed where it stopped."""

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from tqdm.auto import tqdm

from jaxadv.experiments.grids import Column, Grid, fill, open_grid
from jaxadv.experiments.layout import mesh_of
from jaxadv.grid.places import Place
from jaxadv.grid.process import describe_process, now
from jaxadv.grid.store import Store
from jaxadv.training.checkpoint import Checkpoint
from jaxadv.training.engine import Engine
from jaxadv.training.evaluate import (
    ACCURACIES,
    NUM_PROBES,
    OF_EVALUATIONS,
    OF_RUNS,
    SPLITS,
    WITHOUT_ANSWERS,
)
from jaxadv.training.spec import Training

KIND = "training"
TITLE = "Adversarial training of two-layer networks at many input scales"
OF_CELLS = {
    "optimizer": "optimiser",
    "ratio": "perturbation ratio, 0 for clean training",
    "unit": "of the rate: absolute, or over the sharpness at initialisation",
    "rate": "learning rate, in that unit",
    "scale": "input scale s",
}
"""The coordinates on ``cell`` that tell the cells of a group apart."""
OF_GROUPS = {"dim": "input dimension", "width": "width", "activation": "activation", "loss": "loss"}
"""The coordinates on ``cell`` that tell groups apart."""


def run_training(
    spec: Training,
    store: str | Path | None = None,
    *,
    fresh: bool = False,
    devices: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Train all networks that a specification asks for, and record how it goes.

    What the store has already is not run again: the same specification goes on from the last
    evaluation before it stopped, to the same curves, and one with more networks adds them.

    Args:
        spec: the specification.
        store: a folder to write to, or an fsspec address. None keeps the dataset in memory.
        fresh: delete what the store holds, and begin anew.
        devices: how many devices to use; by default all, on a CPU one for each core.
        progress: whether to draw a progress bar.

    Returns:
        A dataset with dimensions (cell, network[, evaluation[, split | probe]]); the settings of a
        cell are coordinates on ``cell``, ``evaluation`` has the steps. Each variable says in its
        attributes what it is; the dataset's own attributes are the manifest.

    Raises:
        ValueError: if the store is a file, is in use, or was made with other settings, if a
            function has no name for it, or there are not so many devices.
        OSError: if the store cannot be written to; what was complete is kept.

    Example:
        >>> spec = Training(scales=1.0, optimizers="adam", widths=8, networks=1, steps=5)
        >>> dict(run_training(spec, progress=False).robust_loss.sizes)  # doctest: +SKIP
        {'cell': 4, 'network': 1, 'evaluation': 6, 'split': 2}
    """
    engine = Engine(spec, mesh_of(devices))
    return fill(
        grid_of(spec),
        store,
        lambda stored, path: _run(spec, stored, path, engine, progress=progress),
        fresh=fresh,
    )


def open_training(store: str | Path) -> xr.Dataset:
    """All that a store holds, read when it is looked at; ``complete`` says what was run.

    Raises:
        ValueError: if there is no training, or it cannot be read.
    """
    return open_grid(store, KIND, Training, "training experiment")


def grid_of(spec: Training) -> Grid:
    """What the dataset of an experiment holds."""
    cells = spec.cells
    columns = {
        name: Column(text, [getattr(cell, name) for cell in cells])
        for name, text in OF_CELLS.items()
    } | {
        name: Column(text, [spec.labels_of(cell.group)[name] for cell in cells])
        for name, text in OF_GROUPS.items()
    }
    optimizers = [spec.label("optimizers", cell.optimizer) for cell in cells]
    columns["optimizer"] = Column(OF_CELLS["optimizer"], optimizers)
    points = {
        "evaluation": Column("steps before the evaluation", spec.evaluations, "step"),
        "split": Column("which examples", SPLITS),
    }
    variables = {**OF_RUNS, **OF_EVALUATIONS}
    for name in () if all(map(spec.has_answers, spec.losses)) else ACCURACIES:
        meaning = f"{variables[name].long_name}; {WITHOUT_ANSWERS}"
        variables[name] = dataclasses.replace(variables[name], long_name=meaning)
    return Grid(
        spec=spec,
        networks=spec.networks,
        kind=KIND,
        title=TITLE,
        columns=columns,
        variables=variables,
        sizes={
            "evaluation": len(spec.evaluations),
            "split": len(SPLITS),
            "probe": min(NUM_PROBES, spec.examples),
        },
        points=points,
        float_dtype=spec.dtype,
        # All cells of a network are written at once.
        single=("network",),
    )


def _run(
    spec: Training, stored: Store, path: Place | None, engine: Engine, *, progress: bool
) -> None:
    """Run the networks that are not complete."""
    complete = stored.read("complete", {"network": slice(0, spec.networks)}).all(axis=0)
    missing = np.flatnonzero(~complete)
    if not missing.size:
        return
    note = {"training": spec.text, **describe_process(list(engine.mesh.devices.flat))}
    clock, at_once = time.perf_counter(), engine.mesh.size
    checkpoint, evaluations = Checkpoint(stored, path), spec.evaluations
    total = spec.networks * len(evaluations)
    with tqdm(total=total, unit="evaluation", disable=not progress, dynamic_ncols=True) as bar:
        bar.update(int(complete.sum()) * len(evaluations))
        for first in range(0, len(missing), at_once):
            networks = missing[first : first + at_once].tolist()
            runs, done = checkpoint.load(engine.begin(networks), networks)
            bar.update(done * len(networks))
            for index in range(done, len(evaluations)):
                bar.set_description_str(
                    f"training {len(spec.cells)} cells: network {networks[0]}, "
                    f"step {evaluations[index]} of {spec.steps}"
                )
                num_steps = evaluations[index] - evaluations[max(index - 1, 0)]
                runs, records = engine.advance(runs, networks, num_steps)
                for values, block in _blocks(records, networks, index):
                    stored.write(values, block)
                # After the records: a run that goes on from here has all that came before.
                checkpoint.save(runs, networks, index + 1)
                bar.update(len(networks))
                seconds = round(time.perf_counter() - clock, 3)
                stored.note(note["started"], {**note, "seconds": seconds, "ended": now()})
            every = {"network": networks}
            stored.write({"complete": np.full((len(spec.cells), len(networks)), True)}, every)
    checkpoint.delete()


def _blocks(
    records: dict[str, np.ndarray], networks: list[int], index: int
) -> Iterator[tuple[dict[str, np.ndarray], dict[str, Any]]]:
    """Records as (cell, network, …) with their places in the store."""
    turned = {name: np.swapaxes(value, 0, 1) for name, value in records.items()}
    yield {name: turned[name] for name in OF_RUNS}, {"network": networks}
    yield (
        {name: turned[name][:, :, None] for name in OF_EVALUATIONS},
        {"network": networks, "evaluation": [index]},
    )
