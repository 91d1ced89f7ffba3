"""Trainings on pixels at several scales, one factor changed at a time: numbers and comparisons."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from jaxadv.stats.cells import finished_networks
from jaxadv.stats.intervals import Estimate, median
from jaxadv.stats.trainings import Quantity

# What is measured at each step: a name, and how it is read from the dataset.
MEASURES = ("robust loss", "robust accuracy", "inner steps")
QUANTITIES: tuple[Quantity, ...] = ("loss", "errors", "inner")


def measure(dataset: xr.Dataset, name: str, step: int) -> np.ndarray:
    """A measure at a step, (cell, network): on held-out examples; inner steps on training ones."""
    at = dataset.sel(evaluation=step)
    if name == "inner steps":
        return at.inner_steps.where(at.inner_reached, math.inf).median("probe").values
    variable = {"robust loss": "robust_loss", "robust accuracy": "robust_accuracy"}[name]
    return at[variable].sel(split="test").values


def tabulate(datasets: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Medians over networks with 95% intervals, of each variation, scale, step and measure."""
    rows = []
    for variation, dataset in datasets.items():
        finished = finished_networks(dataset)
        for step in finished.evaluation.values[1:].tolist():
            for name in MEASURES:
                for scale, values in zip(
                    finished.scale.values.tolist(), measure(finished, name, step), strict=True
                ):
                    rows.append(
                        {"variation": variation, "scale": scale, "step": step, "measure": name}
                        | dataclasses.asdict(median(values[:, None]))
                    )
    return pd.DataFrame(rows)


def estimates_of(rows: pd.DataFrame) -> list[Estimate]:
    """The estimates in rows of the table."""
    columns = (rows[name] for name in ("value", "low", "high"))
    return [Estimate(*map(float, numbers)) for numbers in zip(*columns, strict=True)]


def largest_difference(dataset: xr.Dataset) -> float:
    """The largest relative difference of robust losses between scales, on the same network."""
    losses = dataset.robust_loss.values
    return float((np.ptp(losses, axis=0) / losses.mean(axis=0)).max())
