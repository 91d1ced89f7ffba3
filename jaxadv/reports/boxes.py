"""The page on boxes: what the maxima of L∞ attacks are, and which methods find them."""

import math
from collections.abc import Iterator
from functools import partial

import pandas as pd
import xarray as xr

from jaxadv.figures import boxes as plots
from jaxadv.figures.style import alone
from jaxadv.reports.markdown import document, minutes, records, show_table
from jaxadv.reports.pictures import Picture
from jaxadv.stats.boxes import (
    HEURISTIC,
    LARGEST_FITTED_DIM,
    LARGEST_KAPPA_0,
    LEAST_FREE,
    FreeLaw,
    fit_free_law,
    free_coordinates,
    free_law_errors,
    tabulate_methods,
)

ABOUT = """\
The L∞ ball here has the circumradius of the L2 ball: its radius is ρ‖x‖/√d. At a certified
maximum in a box, each coordinate is at a bound or *free* ([the theory](../../docs/theory.md),
section 4.6). At a *vertex* none is free. A vertex is certified from the gradient alone."""
COLUMNS = """\
certified: ends that were confirmed to be strict local maxima. vertex: those of them at a corner
of the box. cycling: trials that came back to a point they had been at. free: mean number of free
coordinates at certified maxima. steps: median number of steps at the end of a trial. loss: the
largest loss from all starts over the largest one of all methods, the median over inputs and, in
brackets, the 10% quantile."""


def pictures(methods: xr.Dataset, free: xr.Dataset) -> Iterator[Picture]:
    """The two figures.

    Args:
        methods: the sweep over methods.
        free: the sweep over dimensions.
    """
    sizes = methods.sizes
    trials = f"{sizes['network']} networks × {sizes['example']} inputs × {sizes['start']} starts"
    yield Picture(
        "ends.png",
        "What the ends of ascents in L∞ balls are, by method and input scale.",
        partial(plots.plot_ends, tabulate_methods(methods), f"{_shape(methods)}, {trials}"),
    )
    law = fit_free_law(free)
    sizes = free.sizes
    trials = f"{sizes['network']} networks × {sizes['example']} inputs; lines: the fitted law"
    yield Picture(
        "free.png",
        "The number of free coordinates at certified maxima, against κ₀.",
        alone(partial(plots.plot_free, table=free_coordinates(free), law=law, what=trials)),
    )


def _shape(dataset: xr.Dataset) -> str:
    return (
        f"{dataset.activation.values[0]}, d = {dataset.dim.values[0]}, "
        f"m = {dataset.width.values[0]}, ratio {dataset.ratio.values[0]:g}"
    )


def as_markdown(methods: xr.Dataset, free: xr.Dataset, command: str) -> str:
    """The page.

    Args:
        methods: the sweep over methods.
        free: the sweep over dimensions.
        command: what writes the page.
    """
    table, law, counts = tabulate_methods(methods), fit_free_law(free), free_coordinates(free)
    first, second = pictures(methods, free)
    return document(
        "Boxes: where L∞ attacks end",
        command,
        [
            ABOUT,
            "## In short",
            "\n".join(f"- {line}" for line in _summary(table, law, counts)),
            f"![{first.caption}]({first.file})",
            f"![{second.caption}]({second.file})",
            "## Methods",
            COLUMNS,
            _methods(table),
            "## Free coordinates",
            _law(law),
            _counts(counts, law),
            f"Both sweeps took {minutes([methods, free]):.0f} minutes.",
        ],
    )


def _summary(table: pd.DataFrame, law: FreeLaw, counts: pd.DataFrame) -> Iterator[str]:
    """The findings, a sentence each."""
    box = [row for row in records(table) if row["constraint"] == "linf-ball"]
    scales = sorted({row["scale"] for row in box})
    small, large = ([row for row in box if row["scale"] == s] for s in (scales[0], scales[-1]))
    steps = ", ".join(f"{row['steps']:g} ({row['method']})" for row in small)
    yield (
        f"At the input scale {scales[0]:g} at least {min(row['vertex'] for row in small):.1%} of "
        f"the ends of each method are vertices. The median number of steps is {steps}."
    )
    cycling = next(row["cycling"] for row in large if row["method"] == "sign")
    yield (
        f"At the scale {scales[-1]:g} the largest share of vertices is "
        f"{max(row['vertex'] for row in large):.1%}, and {cycling:.1%} of the trials of sign steps "
        "cycle."
    )
    errors = free_law_errors(law, counts)
    held_out = ", ".join(
        f"{error:.0%} (d = {dim})" for dim, error in errors.items() if dim > LARGEST_FITTED_DIM
    )
    yield (
        f"The number of free coordinates is about {law.factor.value:.2f} κ₀^"
        f"{law.in_kappa.value:.2f} d^{law.in_dim.value:.2f}, fitted to d ≤ {LARGEST_FITTED_DIM}. "
        f"In the larger dimensions the median error of the law is {held_out}."
    )
    shares = [
        f"{row['free'] / row['dim']:.2%} (d = {row['dim']})"
        for row in records(counts)
        if row["scale"] == 1
    ]
    yield (
        "The share of free coordinates falls with the dimension: at the scale 1 from "
        f"{shares[0]} to {shares[-1]}."
    )
    worst = min(box, key=lambda row: row["relative"])
    yield (
        f"The lowest median loss relative to the best method in L∞ is {worst['relative']:.4f}, "
        f"that of {worst['method']} at the scale {worst['scale']:g}."
    )


def _methods(table: pd.DataFrame) -> str:
    head = ["set", "s", "κ₀", "method", "certified", "vertex", "cycling", "free", "steps", "loss"]
    rows = [
        [
            row["constraint"], f"{row['scale']:g}", f"{row['kappa_0']:.3g}", row["method"],
            f"{row['certified']:.1%}", f"{row['vertex']:.1%}", f"{row['cycling']:.1%}",
            "" if math.isnan(row["free"]) else f"{row['free']:.1f}", f"{row['steps']:g}",
            f"{row['relative']:.4f} ({row['low']:.4f})",
        ]
        for row in records(table.sort_values(["constraint", "scale"], kind="stable"))
    ]  # fmt: skip
    return show_table(head, rows)


def _law(law: FreeLaw) -> str:
    return (
        f"Least squares in logarithms over the cells with d ≤ {LARGEST_FITTED_DIM}, κ₀ ≤ "
        f"{LARGEST_KAPPA_0:g} and at least {LEAST_FREE:g} free coordinates give "
        f"|F| = c κ₀^a d^b with c = {law.factor}, a = {law.in_kappa}, b = {law.in_dim}. "
        f"Brackets have 95% intervals over networks. The heuristic of the theory, section 6.7, has "
        f"c = {HEURISTIC:.3f}, a = 1 and b = 0.5. The larger dimensions were not fitted. They "
        "test the law. The table has the measured means, and the law in brackets."
    )


def _counts(counts: pd.DataFrame, law: FreeLaw) -> str:
    cells, errors = records(counts), free_law_errors(law, counts)
    kappas = {row["scale"]: row["kappa_0"] for row in cells}
    scales, dims = sorted(kappas), sorted({row["dim"] for row in cells})
    by_setting = {(row["dim"], row["scale"]): row["free"] for row in cells}
    rows = [
        [
            f"{dim}",
            *(f"{by_setting[dim, s]:.2f} ({law(kappas[s], dim):.2f})" for s in scales),
            f"{errors[dim]:.0%}" if dim in errors else "",
        ]
        for dim in dims
    ]
    heads = [f"s = {s:g}, κ₀ = {kappas[s]:.2g}" for s in scales]
    return show_table(["d", *heads, "off by"], rows)
