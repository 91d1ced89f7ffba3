"""The page on proofs: how much of what ascents find is proved, and where proofs end."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from jaxadv.figures import proofs as plots
from jaxadv.reports.markdown import document, minutes, records, show, show_picture, show_table
from jaxadv.reports.pictures import Picture
from jaxadv.stats.intervals import Estimate
from jaxadv.stats.proofs import FAMILY, REGIMES, SlackLaw, boundaries, fit_slack, tabulate

ABOUT = """\
A certificate says that a point is *a* local maximum. A proof says that it is *the* global maximum
on the set, and that there is no other one. It compares two numbers of each network and input: the
multiplier λ of the maximum, and K, a bound of the curvature of the network on all of the set.
K < λ proves that the maximum is global, K < λ/2 that there is no other on its side of the label
([the theory](../../docs/theory.md), section 9). The loss is logistic, and its maxima are all on one
side; on digits it is quadratic. Networks are random where nothing else is said, inputs have norm
s√d, and the radius is ρ times that."""
COLUMNS = """\
K/λ: median over inputs, with its 95% interval over networks; "unknown" where λ is not positive.
The four shares are of inputs: *unique* (proved to be global, with no other maximum on its side),
*global* (proved to be global), *one* (nothing is proved, and all ascents that converged found one
maximum), *many* (they found several). The rest are inputs at which no ascent ended in a certified
maximum."""
BOUNDARY = """\
The scales at which the median of K/λ passes ½ and 1, by interpolation of logarithms; empty where it
does not within the scales that were run."""
STEPS = """\
Projected gradient ascent with steps of constant size, from 200 random starts and from the point
opposite to the maximum: the most steps to the tolerance, and the bound that is proved for every
start (section 9.7). "none": the assumptions of the bound do not hold."""


def pictures(random: xr.Dataset) -> Iterator[Picture]:
    """The figure.

    Args:
        random: the survey of random networks, in L2 balls.
    """
    sizes = random.sizes
    what = (
        f"L2 balls, {sizes['network']} networks × {sizes['example']} inputs × {sizes['start']} "
        "starts in each cell; colours: what is known at most inputs"
    )
    yield Picture(
        "regimes.png",
        "What is known of the maxima: proved unique, proved global, one found, several found.",
        partial(plots.plot_regimes, tabulate({"random": random}), what),
    )


def as_markdown(
    surveys: Mapping[str, xr.Dataset], steps: Sequence[Mapping[str, Any]], command: str
) -> str:
    """The page.

    Args:
        surveys: by name; "random" is the one that is drawn.
        steps: rows of settings, with the most steps of all starts and the bound.
        command: what writes the page.
    """
    every = tabulate(surveys)
    law = fit_slack(list(surveys.values()))
    (picture,) = pictures(surveys["random"])
    return document(
        "Proofs: which maxima are global",
        command,
        [
            ABOUT,
            "## In short",
            "\n".join(f"- {line}" for line in _summary(every, law, steps)),
            show_picture(picture),
            "## Where proofs end",
            BOUNDARY,
            _boundaries(every),
            "## The slack of the bound",
            _law(law),
            "## Steps",
            STEPS,
            _steps(steps),
            "## All cells",
            COLUMNS,
            *(
                part
                for name in surveys
                for part in (f"### {name}", _cells(every.loc[(every["survey"] == name).to_numpy()]))
            ),
            f"All surveys took {minutes(surveys.values()):.0f} minutes.",
        ],
    )


def _summary(
    every: pd.DataFrame, law: SlackLaw, steps: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """The findings, a sentence each."""
    usual = every.query(
        "ratio == 0.1 and activation == 'tanh' and constraint == 'l2-ball' and survey != 'digits'"
    )
    proved = (usual.unique + usual["global"]).groupby(usual.scale).agg(["min", "max"])
    whole, nothing = proved.index[proved["min"] == 1], proved.index[proved["max"] == 0]
    shapes = len(usual[["dim", "width"]].drop_duplicates())
    yield (
        "At ρ = 0.1 with tanh in L2 balls, all global maxima are proved up to "
        f"s = {whole.max():g}, and none from s = {nothing.min():g} on, in all {shapes} shapes of "
        "networks."
    )
    yield (
        f"The number of maxima is proved to be at most 1 or 2 at {every.bounded.sum():,} of "
        f"{every.inputs.sum():,} inputs; the search found more than that at {every.refuted.sum()}."
    )
    for words, rows in (
        ("In L∞ balls at ρ = 0.1", every.query("survey == 'boxes' and ratio == 0.1")),
        ("On digits, random networks", every.query("survey == 'digits' and training == 'none'")),
        ("On digits, after clean training", every.query("training == 'clean'")),
        ("On digits, after adversarial training", every.query("training == 'adversarial'")),
    ):
        shares = ", ".join(
            f"{row['unique'] + row['global']:.0%} (s = {row['scale']:g})"
            for row in records(rows.sort_values("scale"))
        )
        yield f"{words}: the global maximum is proved at {shares} of the inputs."
    known = [row for row in steps if np.isfinite(row["bound"])]
    if known:
        worst = max(row["bound"] / row["most"] for row in known)
        yield (
            f"Where it is known, the bound of the steps is at most {worst:.1f} times what the "
            "worst start needed."
        )
    exponents = law.exponents
    yield (
        f"The slack K/λ − κ₀ grows as ρ^{exponents['ratio'].value:.2f} "
        f"s^{exponents['scale'].value:.2f} m^{exponents['width'].value:.2f} "
        f"d^{exponents['dim'].value:.2f} (tanh)."
    )


def _boundaries(table: pd.DataFrame) -> str:
    rows = [
        [
            *(show(row[name]) for name in FAMILY),
            *("" if np.isnan(row[name]) else show(row[name]) for name in ("half", "one")),
        ]
        for row in boundaries(table)
    ]
    return show_table([*FAMILY, "K/λ = ½", "K/λ = 1"], rows)


def _law(law: SlackLaw) -> str:
    rows = [[name, show(power)] for name, power in law.exponents.items()]
    table = show_table(["of", "exponent"], rows)
    return (
        f"A least-squares fit of ln(K/λ − κ₀) in the {law.cells} cells of tanh in L2 balls with "
        f"K/λ < 1: the factor is {law.factor:.3g}, and the median error of K/λ is {law.error:.0%}. "
        f"A rough estimate had been ρ²s²√m.\n\n{table}"
    )


def _steps(steps: Sequence[Mapping[str, Any]]) -> str:
    head = [name for name in steps[0] if name not in ("most", "bound")]
    rows = [
        [
            *(show(row[name]) for name in head),
            str(row["most"]),
            f"{row['bound']:.0f}" if np.isfinite(row["bound"]) else "none",
        ]
        for row in steps
    ]
    return show_table([*head, "most steps", "bound"], rows)


def _cells(table: pd.DataFrame) -> str:
    """All cells of a survey."""
    varying = [name for name in (*FAMILY, "scale") if len(set(table[name])) > 1]
    rows = [
        [
            *(show(row[name]) for name in varying),
            show(row["kappa_0"]),
            show(Estimate(*(row[f"ratio_{end}"] for end in ("value", "low", "high")))),
            *(f"{row[name]:.0%}" for name in REGIMES),
        ]
        for row in records(table)
    ]
    return show_table([*varying, "κ₀", "K/λ", *REGIMES], rows)
