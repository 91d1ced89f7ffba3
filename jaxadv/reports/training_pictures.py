"""The pictures of the report on a training experiment."""

from collections.abc import Iterator
from functools import partial

import xarray as xr

from jaxadv.figures import trainings as plots
from jaxadv.figures.rates import plot_rates
from jaxadv.reports.pictures import Picture
from jaxadv.reports.training import caption_of
from jaxadv.stats.cells import groups
from jaxadv.stats.trainings import Comparison

# By the unit of rates: the end of a file's name, the comparisons drawn, and these in words.
UNITS: dict[str, tuple[str, tuple[Comparison, ...], str]] = {
    "absolute": ("", ("common", "best"), "at common rates, and at each scale's best"),
    "sharpness": ("-sharpness", ("sharpness",), "at rates in units of 1/λ₁"),
}


def training_pictures(dataset: xr.Dataset) -> Iterator[Picture]:
    """The pictures of each optimiser, and the map of all rates, of each group.

    Args:
        dataset: a training experiment, of finished networks.
    """
    for settings, group in groups(dataset):
        yield from (picture.of_group(settings) for picture in _of_one_group(group))


def _of_one_group(dataset: xr.Dataset) -> Iterator[Picture]:
    medians = caption_of(dataset, "medians with 95% intervals")
    for optimizer in dict.fromkeys(dataset.optimizer.values.tolist()):
        part = dataset.isel(cell=dataset.optimizer.values == optimizer)
        line = f"{optimizer}; {medians}"
        for unit, (suffix, comparisons, how) in UNITS.items():
            if unit in part.unit.values:
                yield Picture(
                    f"curves-{optimizer}{suffix}.png",
                    f"Robust loss on held-out examples against the step, with {optimizer} {how}; 1 "
                    "is the output 0.",
                    partial(plots.plot_curves, part, comparisons, line),
                )
                yield Picture(
                    f"steps-{optimizer}{suffix}.png",
                    f"Steps to three targets against the scale, with {optimizer} {how}.",
                    partial(plots.plot_steps_to, part, comparisons, line),
                )
        yield Picture(
            f"inner-{optimizer}.png",
            f"The inner problem during training with {optimizer}, at each scale's best rate.",
            partial(plots.plot_inner, part, line),
        )
    yield Picture(
        "rates.png",
        "Robust loss on held-out examples at the end of adversarial training, over that of the "
        "output 0, by rate and scale; the line is lr·λ₁ = 2.",
        partial(plot_rates, dataset, caption_of(dataset, "medians; black line: lr·λ₁ = 2")),
    )
