"""The figures of a training experiment: what they are called, what they show, what draws them."""

from collections.abc import Callable, Iterator
from functools import partial

import xarray as xr
from matplotlib.figure import Figure

from jaxadv.figures import trainings as plots
from jaxadv.figures.rates import plot_rates
from jaxadv.reports.training import caption_of
from jaxadv.stats.trainings import Comparison

RATES: dict[str, tuple[str, tuple[Comparison, ...], str]] = {
    "absolute": ("", ("common", "best"), "at common rates, and at each scale's best"),
    "sharpness": ("-sharpness", ("sharpness",), "at rates in units of 1/λ₁"),
}
"""By unit: how figures are called, what they compare, and that in words."""
Drawing = tuple[str, str, Callable[[], Figure]]


def drawings(dataset: xr.Dataset) -> Iterator[Drawing]:
    """The figures: file, caption, and what draws it."""
    medians = caption_of(dataset, "medians with 95% intervals")
    for optimizer in dict.fromkeys(dataset.optimizer.values.tolist()):
        own = dataset.isel(cell=dataset.optimizer.values == optimizer)
        for unit, (suffix, comparisons, how) in RATES.items():
            if unit in own.unit.values:
                line, name = f"{optimizer}; {medians}", f"{optimizer}{suffix}"
                text = f"Robust loss against the step, with {optimizer} {how}; 1 is the output 0."
                yield f"curves-{name}", text, partial(plots.plot_curves, own, comparisons, line)
                text = f"Steps to three targets against the scale, with {optimizer} {how}."
                yield f"steps-{name}", text, partial(plots.plot_steps_to, own, comparisons, line)
        text = f"The inner problem during training with {optimizer}, at each scale's best rate."
        draw = partial(plots.plot_inner, own, f"{optimizer}; {medians}")
        yield f"inner-{optimizer}", text, draw
    text = (
        "Robust loss at the end of adversarial training, over that of the output 0, by rate and "
        "scale; the line is lr·λ₁ = 2."
    )
    line = caption_of(dataset, "medians; black line: lr·λ₁ = 2")
    yield "rates", text, partial(plot_rates, dataset, line)
