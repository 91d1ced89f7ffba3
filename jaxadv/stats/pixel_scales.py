"""Trainings on pixels at several scales, one factor changed at a time: the numbers."""

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from jaxadv.stats.intervals import Estimate, median
from jaxadv.stats.trainings import (
    PHASES,
    Quantity,
    Split,
    is_undone,
    measured,
    output_scale_of,
    robust_losses,
)

QUANTITIES: tuple[Quantity, ...] = ("loss", "errors", "inner")


def split_of(quantity: Quantity) -> Split:
    """The examples that a quantity is measured on: held-out ones, but for the inner ascent."""
    return "train" if quantity == "inner" else "test"


def is_control(dataset: xr.Dataset) -> bool:
    """Whether an experiment is a control: clean, from a smaller output, or with no scale left."""
    is_clean = bool((dataset.ratio == 0).all())
    return is_clean or output_scale_of(dataset) != 1 or is_undone(dataset)


def tabulate(datasets: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """Medians over networks with 95% intervals.

    Columns: variation, scale, step, quantity, value, low, high.

    Args:
        datasets: training experiments of finished networks, by the name of the variation.
    """
    rows = []
    for (variation, dataset), quantity in itertools.product(datasets.items(), QUANTITIES):
        # A target, which only the quantity "steps" has, does not matter here.
        for step in dataset.evaluation.values[1:].tolist():
            values = measured(dataset, quantity, PHASES[0], step, split_of(quantity))
            rows += [
                {"variation": variation, "scale": scale, "step": step, "quantity": quantity}
                | dataclasses.asdict(median(of_scale[:, None]))
                for scale, of_scale in zip(dataset.scale.values.tolist(), values, strict=True)
            ]
    return pd.DataFrame(rows)


def estimates_of(rows: pd.DataFrame) -> list[Estimate]:
    """The estimates in rows of the table."""
    columns = (rows[name] for name in ("value", "low", "high"))
    return [Estimate(*map(float, numbers)) for numbers in zip(*columns, strict=True)]


def largest_difference(dataset: xr.Dataset) -> float:
    """The largest relative difference of robust losses between scales, on the same network.

    NaN if a run diverged.
    """
    losses = np.stack([robust_losses(dataset, split).values for split in ("train", "test")])
    if not np.isfinite(losses).all():
        return np.nan
    return float((np.ptp(losses, axis=1) / losses.mean(axis=1)).max())
