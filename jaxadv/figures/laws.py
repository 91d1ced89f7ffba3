"""A figure of the two laws of the curvature beside the simulation, in networks of many shapes."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxadv.claims.law_errors import LAWS, RANGES
from jaxadv.claims.mean_field import LEAST_CONVERGED
from jaxadv.figures.style import MARKERS, WIDTH, colour, headline, legend_below
from jaxadv.theory import CRITICAL

TITLES = {"law": "κ₀(1 − 0.60 d^(−2/3)) − κ₀²/4", "rival": "the rival, √(1 − (1 + κ₀²/2)⁻²)"}
SIGNS = "●■▲◆▼✚✖★"  # of the markers, in text
EDGE = 0.4  # the axis of errors ends here; what lies beyond stands on its edge


def plot_laws(errors: pd.DataFrame, networks: int) -> Figure:
    """The error of each law against κ₀: a point for each cell, a colour for m/d, a marker for d.

    Pale where fewer than 95% of the trials converged.

    Args:
        errors: `law_errors` of a sweep.
        networks: how many each cell has.
    """
    figure, axes = plt.subplots(1, len(LAWS), figsize=(WIDTH, 4.0), sharex=True, sharey=True)
    dims, aspects = sorted(set(errors.dim)), sorted(set(errors.width / errors.dim))
    for place, law in zip(axes, LAWS, strict=True):
        for row in errors.to_dict("records"):
            place.plot(
                row["kappa_0"],
                max(-EDGE, min(EDGE, row[law])),
                MARKERS[dims.index(row["dim"]) % len(MARKERS)],
                color=colour(aspects.index(row["width"] / row["dim"]), len(aspects)),
                ms=4,
                alpha=0.85 if row["converged"] >= LEAST_CONVERGED else 0.2,
                mew=0,
            )
        place.axhspan(-0.05, 0.05, color="0.92", zorder=0)
        place.axhline(0, color="0.4", lw=0.8, zorder=1)
        place.axvline(CRITICAL, color="0.6", lw=1, ls=":")
        place.set(xscale="log", xlim=(0.01, RANGES[-1]), ylim=(-EDGE, EDGE), xlabel="κ₀")
        place.set_title(TITLES[law], fontsize=10)
    axes[0].set_ylabel("simulated over predicted, less 1")
    handles = {
        f"{aspect:g}": Line2D([], [], marker="o", ls="none", color=colour(rank, len(aspects)))
        for rank, aspect in enumerate(aspects)
    }
    legend_below(figure, handles, "m/d")
    names = f"{len(set(errors.activation))} activations"
    shapes = ", ".join(f"{sign} d = {dim}" for sign, dim in zip(SIGNS, dims, strict=False))
    headline(
        figure,
        f"median curvature ratios at maxima, n = {networks} networks; {names}; {shapes}; "
        "grey: ± 5%",
    )
    return figure
