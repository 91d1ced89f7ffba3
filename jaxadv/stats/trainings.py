"""From a training experiment to numbers: phases, comparisons of rates, and how fast it converged.

How fast training converges at two scales depends on how their learning rates are compared
(docs/theory.md, section 7.2): one common rate, each scale's best one, or the same in units of the
sharpness.
"""

import dataclasses
import itertools
import math
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Bool, Float, Int

from jaxadv.stats.cells import finished_networks, groups
from jaxadv.stats.intervals import median, network_medians

Quantity = Literal["loss", "steps", "share", "errors", "inner"]
Split = Literal["test", "train"]
Comparison = Literal["common", "best", "sharpness"]
QUANTITIES: dict[Quantity, str] = {
    "loss": "robust loss",
    "steps": "steps to the target",
    "share": "share of the robust loss at the start",
    "errors": "share of wrong answers under attack",
    "inner": "median number of steps of the inner ascent",
}
# The inner ascent is followed on training examples alone.
QUANTITIES_OF: dict[Split, tuple[Quantity, ...]] = {
    "test": ("loss", "steps", "share", "errors"),
    "train": ("loss", "steps", "share", "errors", "inner"),
}
SPLITS: dict[Split, str] = {"test": "held-out", "train": "training"}
COMPARISONS: dict[Comparison, str] = {
    "common": "one common rate",
    "best": "each scale's best rate",
    "sharpness": "one rate in units of 1/λ₁",
}
# Robust losses, in units of the loss of the output 0, which knows nothing.
TARGETS = (0.9, 0.7, 0.5)


@dataclasses.dataclass(frozen=True)
class Phase:
    """A part of training, from its start.

    Attributes:
        name: one word, for the names of claims.
        text: the phase in words, as rules and reports have it.
        steps: the number of steps after which the phase ends; None for the end of training.
        target: steps are counted until the robust loss is this many times the loss of the output 0.
    """

    name: str
    text: str
    steps: int | None
    target: float

    def end(self, dataset: xr.Dataset) -> int | None:
        """The step at which the phase ends; None where training was shorter.

        The end of training is a phase only of trainings that are longer than all other phases, or
        shorter than all.
        """
        evaluations = dataset.evaluation.values
        if self.steps is None:
            others = [phase.steps for phase in PHASES if phase.steps is not None]
            last = int(evaluations[-1])
            return last if last > max(others) or last < min(others) else None
        return self.steps if self.steps in evaluations else None


PHASES = (
    Phase("first", "in the first 10 steps", 10, TARGETS[0]),
    Phase("early", "in the first 100 steps", 100, TARGETS[1]),
    Phase("late", "to the end", None, TARGETS[2]),
)


def output_scale_of(dataset: xr.Dataset) -> float:
    """The factor of the initial output layers of an experiment: other than 1 in a control."""
    return float(tomllib.loads(dataset.attrs["training"]).get("output_scale", 1.0))


def is_undone(dataset: xr.Dataset) -> bool:
    """Whether an experiment undoes the input scale, which makes it a control."""
    return bool(tomllib.loads(dataset.attrs["training"]).get("undo_scale", False))


def robust_losses(dataset: xr.Dataset, split: Split = "test") -> xr.DataArray:
    """The robust loss, usually on held-out examples; inf once a run has diverged."""
    losses = dataset.robust_loss.sel(split=split)
    return _while_alive(dataset, losses.fillna(math.inf))


def _while_alive(dataset: xr.Dataset, values: xr.DataArray) -> xr.DataArray:
    """Values at each evaluation; inf once a run has diverged."""
    alive = (dataset.diverged_step < 0) | (dataset.evaluation < dataset.diverged_step)
    return values.where(alive, math.inf).transpose("cell", "network", "evaluation")


def steps_to(
    dataset: xr.Dataset, target: float, within: int, split: Split = "test"
) -> Float[np.ndarray, "cell network"]:
    """The first evaluated step with a robust loss of at most so many times that of the output 0.

    inf where there is none within so many steps: right-censored, the number is larger than that.
    """
    losses = robust_losses(dataset, split).sel(evaluation=slice(0, within))
    below = (losses <= target * dataset.chance_loss).transpose("cell", "network", "evaluation")
    first = below.evaluation.values[below.values.argmax(axis=-1)].astype(float)
    return np.where(below.any("evaluation").values, first, math.inf)


def measured(
    dataset: xr.Dataset, quantity: Quantity, phase: Phase, end: int, split: Split = "test"
) -> Float[np.ndarray, "cell network"]:
    """A quantity at the end of a phase; less of it is faster convergence.

    The inner ascent is followed on training examples alone.
    """
    if quantity == "steps":
        return steps_to(dataset, phase.target, end, split)
    if quantity == "inner":
        steps = dataset.inner_steps.where(dataset.inner_reached, math.inf).median("probe")
        return _while_alive(dataset, steps).sel(evaluation=end).values
    if quantity == "errors":
        errors = 1 - dataset.robust_accuracy.sel(split=split)
        # Where no answer is right or wrong, a run that diverged has no errors either.
        known = _while_alive(dataset, errors).where(errors.notnull().any())
        return known.sel(evaluation=end).values
    losses = robust_losses(dataset, split)
    after = losses.sel(evaluation=end).values
    return after if quantity == "loss" else after / losses.sel(evaluation=0).values


def named(comparison: Comparison, rate: float | None) -> str:
    """A comparison in words, with its rate where it has one.

    Example:
        >>> named("sharpness", 0.3)
        'lr·λ₁ = 0.3'
    """
    return {
        "common": f"rate {rate or 0:g}",
        "best": "best rates",
        "sharpness": f"lr·λ₁ = {rate or 0:g}",
    }[comparison]


@dataclasses.dataclass(frozen=True)
class Series:
    """A quantity at each scale, for the same networks, with learning rates that are comparable.

    Attributes:
        settings: optimiser, ratio, and the rate where there is one for all scales.
        scales: ascending.
        values: of each network.
        cells: which cell of the dataset each value is from.
    """

    settings: dict[str, Any]
    scales: Float[np.ndarray, " scale"]
    values: Float[np.ndarray, "scale network"]
    cells: Int[np.ndarray, "scale network"]


def series(
    dataset: xr.Dataset,
    values: Float[np.ndarray, "cell network"],
    comparison: Comparison,
    end: int,
    split: Split = "test",
) -> Iterator[Series]:
    """All series of one comparison.

    Args:
        dataset: a finished experiment's, of one group.
        values: what is compared.
        comparison: of the rates.
        end: the step at which a best rate is the best.
        split: the examples on which it is.
    """
    for optimizer, ratio in _pairs(dataset):
        chosen = (dataset.optimizer.values == optimizer) & (dataset.ratio.values == ratio)
        settings = {"optimizer": optimizer, "ratio": ratio}
        if comparison == "best":
            yield _series(dataset, values, settings, best_cells(dataset, chosen, end, split))
            continue
        unit = "absolute" if comparison == "common" else "sharpness"
        chosen &= dataset.unit.values == unit
        for rate in np.unique(dataset.rate.values[chosen]).tolist():
            rows = np.flatnonzero(chosen & (dataset.rate.values == rate))
            rows = rows[np.argsort(dataset.scale.values[rows])]
            every = np.repeat(rows[:, None], dataset.sizes["network"], axis=1)
            yield _series(dataset, values, {**settings, "rate": rate}, every)


def best_cells(
    dataset: xr.Dataset, chosen: Bool[np.ndarray, " cell"], end: int, split: Split = "test"
) -> Int[np.ndarray, "scale network"]:
    """The cell with each scale's best rate, chosen on other networks than it is used for.

    Networks of even number take the rate with the lowest median robust loss on those of odd
    number, and the other way round; rates of all units count.

    Args:
        dataset: a finished experiment's, of one group.
        chosen: which cells to choose from.
        end: the step at which the loss is looked at.
        split: the examples on which it is.
    """
    losses = robust_losses(dataset, split).sel(evaluation=end).values
    half = np.arange(dataset.sizes["network"]) % 2
    every = []
    for scale in np.unique(dataset.scale.values[chosen]):
        rows = np.flatnonzero(chosen & (dataset.scale.values == scale))
        best = [
            rows[np.nan_to_num(network_medians(losses[rows][:, half != side]), nan=np.inf).argmin()]
            for side in (0, 1)
        ]
        every.append(np.array(best)[half])
    return np.array(every)


COLUMNS = (
    "comparison", "optimizer", "ratio", "rate", "scale", "phase", "quantity", "value", "low", "high"
)  # fmt: skip


def tabulate(dataset: xr.Dataset) -> pd.DataFrame:
    """Every quantity in every phase and series, at each scale: medians with intervals.

    Columns: what tells groups apart, if there are several; comparison, optimizer, ratio, rate (NaN
    for the best), scale, phase, quantity, value, low, high.

    Raises:
        ValueError: as `cells.finished_networks`.
    """
    rows = [
        settings | row
        for settings, group in groups(finished_networks(dataset))
        for row in _rows(group)
    ]
    # Evaluations may be at the end of no phase.
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(COLUMNS))


def _rows(group: xr.Dataset) -> Iterator[dict[str, Any]]:
    """The rows of one group."""
    for phase in PHASES:
        end = phase.end(group)
        if end is None:
            continue
        for quantity, comparison in itertools.product(QUANTITIES, COMPARISONS):
            values = measured(group, quantity, phase, end)
            for each in series(group, values, comparison, end):
                for scale, row in zip(each.scales, each.values, strict=True):
                    yield (
                        {"comparison": comparison, "rate": np.nan, **each.settings}
                        | {"scale": float(scale), "phase": phase.name, "quantity": quantity}
                        | dataclasses.asdict(median(row[:, None]))
                    )


def _pairs(dataset: xr.Dataset) -> Sequence[tuple[str, float]]:
    pairs = zip(dataset.optimizer.values.tolist(), dataset.ratio.values.tolist(), strict=True)
    return list(dict.fromkeys(pairs))


def _series(
    dataset: xr.Dataset,
    values: Float[np.ndarray, "cell network"],
    settings: dict[str, Any],
    cells: Int[np.ndarray, "scale network"],
) -> Series:
    networks = np.arange(dataset.sizes["network"])
    return Series(settings, dataset.scale.values[cells[:, 0]], values[cells, networks], cells)
