"""Figures of how often ascent succeeds, and of how many steps it takes with high probability."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from jaxadv.claims.maxima import fails_on
from jaxadv.claims.tail import PROBABILITIES, first_trials, steps_at
from jaxadv.figures.style import (
    LABELS,
    MARKERS,
    caption,
    colour,
    empty,
    in_legend,
    points,
    ticks_at,
)
from jaxadv.stats.cells import SETTINGS, cells, families, kappa_0_of, typical
from jaxadv.stats.intervals import Estimate, share
from jaxadv.theory import CRITICAL

SHORT = {"dim": "d =", "width": "m =", "step_size": "step size", "scale": "s =", "ratio": "ρ ="}


def plot_failures(axes: Axes, dataset: xr.Dataset) -> Axes:
    """The share of networks with a trial that found no certified maximum, against the width.

    Filled points for the quadratic loss, open ones for others.
    """
    chosen = typical(dataset, ("width", "scale", "loss"))
    scales = sorted(set(chosen.scale.values.tolist()))
    most = 0.0
    for _, family in families(chosen, "width"):
        scale, loss = family.scale.values[0].item(), family.loss.values[0]
        rank, filled = scales.index(scale), loss == "quadratic"
        shares = [share(fails_on(cell)) for cell in cells(family)]
        most = max(most, *(estimate.high for estimate in shares))
        # A little apart, for many are 0.
        widths = family.width.values * 1.06 ** (2 * rank - len(scales) + 0.5 * (not filled))
        points(
            axes, widths, shares, color=colour(rank, len(scales)), marker="o", ms=5,
            mfc=None if filled else "white", label=f"s = {scale:g}, {loss} loss",
        )  # fmt: skip
    axes.set(xscale="log", ylim=(-0.02 * most, min(1.02, 1.2 * most)), xlabel=LABELS["width"])
    ticks_at(axes, sorted(set(chosen.width.values.tolist())))
    axes.set_ylabel("share of networks with a failure")
    axes.legend(fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    budget = f"d = {chosen.dim.values[0]}, {chosen.step_rule.values[0]} steps"
    caption(axes, f"{budget}; n = {chosen.sizes['network']} networks, Clopper-Pearson intervals")
    return axes


def plot_success(axes: Axes, dataset: xr.Dataset) -> Axes:
    """The share of networks on which all trials end in a confirmed maximum, against κ₀.

    With Clopper-Pearson intervals; a colour and a marker for each family along the scale. The
    dotted line is κ₀ = 2, where the landscape loses its regularity.
    """
    every = [
        (settings, [(kappa_0_of(cell), share(~fails_on(cell))) for cell in cells(family)])
        for settings, family in families(dataset, "scale")
    ]
    every = [
        (settings, known)
        for settings, family in every
        if (known := [point for point in family if not math.isnan(point[0])])
    ]
    if not every:
        return empty(axes, "no cell of a two-layer network with a smooth activation")
    for index, (settings, family) in enumerate(every):
        points(
            axes, [kappa_0 for kappa_0, _ in family], [estimate for _, estimate in family],
            color=colour(index, len(every)), marker=MARKERS[index % len(MARKERS)], ms=5, ls="-",
            lw=1, label=_label(settings) or None,
        )  # fmt: skip
    axes.axvline(CRITICAL, color="0.6", lw=1, ls=":")
    axes.set(xlabel="κ₀ = 2ρs σ₂/σ₁", ylim=(-0.02, 1.02))
    axes.set_ylabel("share of networks with a confirmed maximum")
    if any(settings for settings, _ in every):
        axes.legend(fontsize=9, loc="lower left")
    trials = dataset.sizes["example"] * dataset.sizes["start"]
    text = f"n = {dataset.sizes['network']} networks × {trials} trials, Clopper-Pearson intervals"
    caption(axes, text)
    return axes


def plot_tail(axes: Axes, dataset: xr.Dataset) -> Axes:
    """The steps that suffice but for a failure probability p, against ln(1/p).

    One trial on each network, at the tightest tolerance, over the median; bounds by order
    statistics. A straight line is a tail that falls exponentially. Cells whose median is 0 or
    beyond the budget are left out.
    """
    last = dataset.isel(tolerance=-1)
    varying = [name for name in SETTINGS if len(set(last[name].values.tolist())) > 1]
    every = [(cell, first_trials(cell)) for cell in cells(last)]
    medians = [steps_at(counts, 0.5).value for _, counts in every]
    drawn = [
        (cell, counts, middle)
        for (cell, counts), middle in zip(every, medians, strict=True)
        if 0 < middle < math.inf
    ]
    if not drawn:
        return empty(axes, "no median of the steps is positive and within the budget")
    number = len(drawn)
    for index, (cell, counts, middle) in enumerate(drawn):
        estimates = [_over(steps_at(counts, p), middle) for p in PROBABILITIES]
        known = [k for k, estimate in enumerate(estimates) if math.isfinite(estimate.value)]
        label = _label({name: cell[name].item() for name in varying})
        points(
            axes, np.log(1 / np.array(PROBABILITIES))[known] + 0.03 * (index - number / 2),
            [estimates[k] for k in known],
            color=colour(index, number), marker=MARKERS[index % len(MARKERS)], ms=5, ls="-", lw=1,
            label=label or None,
        )  # fmt: skip
    axes.set(
        ylim=(0, None),
        xlabel="failure probability p (axis: ln(1/p))",
        ylabel="steps over their median",
    )
    axes.set_xticks(np.log(1 / np.array(PROBABILITIES)).tolist(), [f"{p:g}" for p in PROBABILITIES])
    if varying:
        axes.legend(fontsize=9, loc="upper left")
    tolerance, networks = last.tolerance.item(), dataset.sizes["network"]
    caption(axes, f"to a residual of {tolerance:g}; one trial on each of n = {networks:,} networks")
    return axes


def _label(settings: Mapping[str, Any]) -> str:
    """Settings in a legend."""
    texts = (f"{SHORT.get(name, name)} {in_legend(value)}" for name, value in settings.items())
    return ", ".join(texts)


def _over(estimate: Estimate, number: float) -> Estimate:
    """An estimate in units of a number."""
    return Estimate(*(end / number for end in (estimate.value, estimate.low, estimate.high)))
