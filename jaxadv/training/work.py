"""Running a training experiment: all its optimisers, scales, ratios, rates and seeds."""

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Unpack

import xarray as xr

from jaxadv.devices import Device
from jaxadv.experiments.work import OF_GROUPS, SpecifiedWork
from jaxadv.grid import opening
from jaxadv.grid.places import place
from jaxadv.grid.run import Options, run_grid
from jaxadv.grid.schema import TEXT, Coordinate, Schema
from jaxadv.training.evaluate import (
    ACCURACIES,
    NUM_PROBES,
    OF_EVALUATIONS,
    OF_RUNS,
    SPLITS,
    WITHOUT_ANSWERS,
)
from jaxadv.training.kept_networks import missing
from jaxadv.training.program import TrainingProgram
from jaxadv.training.spec import Cell, Training


def run_training(
    spec: Training,
    store: str | Path | None = None,
    **options: Unpack[Options],
) -> xr.Dataset:
    """Train all networks of a specification, and record their losses on the way.

    A run only does what its store lacks. The same specification goes on from the last evaluation
    before it stopped, to the same curves and on any number of devices. One with more networks or
    other cells adds them to the store.

    If an executor loses a worker, another worker goes on from the last evaluations of its networks.
    Errors are those of `jaxadv.run_sweep`.

    Args:
        spec: the specification.
        store: a folder to write to, or an fsspec address. None keeps the dataset in memory.
        **options: fresh, shard, devices, executor and progress, as in `jaxadv.run_sweep`. With an
            executor, a network that is taken up by another worker goes on from its last evaluation.

    Returns:
        A dataset with dimensions (cell, network[, evaluation[, split | probe]]); the settings of a
        cell are coordinates on ``cell``, ``evaluation`` has the steps. Each variable says in its
        attributes what it is; the dataset's own attributes are the manifest.

    Example:
        >>> spec = Training(scales=1.0, optimizers="adam", widths=8, networks=1, steps=5)
        >>> dict(run_training(spec, progress=False).robust_loss.sizes)  # doctest: +SKIP
        {'cell': 4, 'network': 1, 'evaluation': 6, 'split': 2}
    """
    dataset = run_grid(TrainingWork(spec), store, **options)
    lacking = list(missing(spec, place(store))) if spec.save and store is not None else []
    if lacking:
        warnings.warn(
            f"save: {len(lacking)} of {len(spec.cells) * spec.networks} networks were trained "
            "before they were to be kept, or are not trained yet; fresh=True (--fresh) trains all "
            "anew",
            stacklevel=2,
        )
    return dataset


def open_training(store: str | Path) -> xr.Dataset:
    """All that the store of a training experiment holds; see `jaxadv.open`.

    Raises:
        ValueError: if there is no training, or it cannot be read.
    """
    return opening.open(store, Training.experiment)


@dataclass(frozen=True)
class TrainingWork(SpecifiedWork[Training]):
    """The grid of a training experiment; all cells of a group are trained together."""

    title: ClassVar[str] = "Adversarial training of two-layer networks at many input scales"
    columns: ClassVar[Mapping[str, Coordinate]] = {
        "optimizer": Coordinate("optimiser", TEXT),
        "ratio": Coordinate("perturbation ratio, 0 for clean training"),
        "unit": Coordinate("of the rate: absolute, or over the sharpness at initialisation", TEXT),
        "rate": Coordinate("learning rate, in that unit"),
        "scale": Coordinate("input scale s"),
        **OF_GROUPS,
    }
    labels: ClassVar[Mapping[str, str]] = {**SpecifiedWork.labels, "optimizer": "optimizers"}
    of_cells: ClassVar[frozenset[str]] = SpecifiedWork.of_cells | {
        "optimizers",
        "rates",
        "sharpness_rates",
    }
    # Clean training was measured without an attack.
    before: ClassVar[Mapping[str, Any]] = {"control_ratio": 0.0}

    @property
    def more_identity(self) -> Mapping[str, Any]:
        """The title, by which stores of version 0.1 are known as those of a training."""
        return {"training": self.title}

    @property
    def schema(self) -> Schema:
        """The dataset."""
        spec = self.spec
        variables = {**OF_RUNS, **OF_EVALUATIONS}
        for name in () if all(map(spec.has_answers, spec.losses)) else ACCURACIES:
            meaning = f"{variables[name].long_name}; {WITHOUT_ANSWERS}"
            variables[name] = dataclasses.replace(variables[name], long_name=meaning)
        return Schema(
            title=self.title,
            columns=self.columns,
            variables=variables,
            sizes={
                "evaluation": len(spec.evaluations),
                "split": len(SPLITS),
                "probe": min(NUM_PROBES, spec.examples),
            },
            points={
                "evaluation": Coordinate(
                    "steps before the evaluation", "int64", "step", values=spec.evaluations
                ),
                "split": Coordinate("which examples", TEXT, values=SPLITS),
            },
            float_dtype=spec.dtype,
        )

    @property
    def groups(self) -> tuple[tuple[Cell, ...], ...]:
        """The cells of each group of the specification."""
        return tuple(self.spec.cells_of(group) for group in self.spec.groups)

    @property
    def replicates_per_block(self) -> int:
        """One network: minutes of work, with a state after each evaluation."""
        return 1

    @property
    def unit(self) -> str:
        """One evaluation of a network in all cells of its group."""
        return "evaluation"

    def units(self, cells: Sequence[Cell]) -> int:
        """How many evaluations a network has."""
        del cells
        return len(self.spec.evaluations)

    def cost(self, cells: Sequence[Cell]) -> float:
        """Width times dim for each cell."""
        group = cells[0].group
        return float(group.dim * group.width * len(cells))

    def program(self, cells: tuple[Cell, ...], devices: Sequence[Device]) -> TrainingProgram:
        """The program of some cells of a group."""
        return TrainingProgram(self.spec, cells, devices)
