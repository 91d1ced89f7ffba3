"""The pictures of one sweep: steps, curvatures and residuals."""

from collections.abc import Iterator
from functools import partial

import xarray as xr

from jaxadv.figures import sweeps as plots
from jaxadv.figures.style import alone
from jaxadv.reports.pictures import Picture, suffix_of
from jaxadv.stats.cells import families, in_boxes
from jaxadv.sweeps.spec import Sweep
from jaxadv.sweeps.traces import run_traces


def sweep_pictures(sweep: Sweep, dataset: xr.Dataset) -> Iterator[Picture]:
    """Three pictures of each family of cells that differ in the scale alone.

    They are of the steps, of the curvature at the maxima or, in boxes, of the free coordinates, and
    of the residuals.

    Args:
        sweep: the specification. Its functions are called.
        dataset: what it found.
    """
    # No further than the longest trial: recording takes every step of the budget it is given.
    longest = int(dataset.num_steps.max())
    traces = run_traces(sweep, max_steps=longest).assign_coords(dataset.coords)
    for name, caption, plot, source in (
        ("steps", "Share of trials still running.", plots.plot_steps, dataset),
        ("curvature", "Curvature at the maxima.", plots.plot_curvature, dataset),
        ("free", "Coordinates at no bound, at the maxima.", plots.plot_free, dataset),
        ("residuals", "Residuals against the step.", plots.plot_residuals, traces),
    ):
        for settings, family in families(source):
            if name in {"curvature", "free"} and (name == "free") != in_boxes(family):
                continue
            file = f"{name}{suffix_of(settings)}.png"
            yield Picture(file, caption, alone(partial(plot, dataset=family)))
