"""What is proved of maxima, against what a search finds, from surveys of landscapes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float

from jaxadv.proofs.ends import Proved
from jaxadv.stats.cells import cells, finished_networks, is_proved, kappa_0_of_setting
from jaxadv.stats.intervals import Estimate, estimate, median, medians
from jaxadv.stats.landscapes import num_maxima

# What is known of the maxima at an input, from most to least.
REGIMES = {
    "unique": "proved unique",
    "global": "proved global",
    "one": "one found by search",
    "many": "several found",
}
# What the cells of a family have in common; they differ in the scale.
FAMILY = ("survey", "dim", "width", "activation", "constraint", "training", "ratio")
# The slack is fitted where it is a small part of the multiplier, and more than rounding.
FITTED = (1e-3, 1.0)


def tabulate(surveys: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    """A row for each cell of some surveys.

    Columns: the name of the survey and the settings; κ₀; the median over inputs of K/λ at the best
    maximum, with its interval over networks (``ratio_value``, ``ratio_low``, ``ratio_high``); for
    each of `REGIMES` the share of inputs; ``inputs``; ``bounded``, at how many of them the number
    of maxima is proved to be at most 1 or 2; and ``refuted``, at how many of these the search found
    more.
    """
    rows = []
    for survey, dataset in surveys.items():
        for cell in cells(finished_networks(dataset)):
            found, most = num_maxima(cell), cell.most_maxima.values
            is_global, is_unique = (
                is_proved(cell, least).values.any(axis=-1)
                for least in (Proved.GLOBAL, Proved.UNIQUE)
            )
            regimes = {
                "unique": is_unique,
                "global": is_global & ~is_unique,
                "one": ~is_global & (found == 1),
                "many": ~is_global & (found > 1),
            }
            middle = median(cell.proof_ratio.values)
            rows.append({
                "survey": survey,
                **{name: cell[name].item() for name in (*FAMILY[1:], "scale")},
                "kappa_0": kappa_0_of_setting(cell),
                "ratio_value": middle.value,
                "ratio_low": middle.low,
                "ratio_high": middle.high,
                **{name: float(flags.mean()) for name, flags in regimes.items()},
                "inputs": found.size,
                "bounded": int((~np.isnan(most)).sum()),
                "refuted": int((found > most).sum()),
            })  # fmt: skip
    return pd.DataFrame(rows)


def boundaries(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """For each family the scales at which K/λ passes ½ and 1; NaN where it does not.

    Between two scales, the logarithm of K/λ is taken to be linear in that of the scale.
    """
    families = dict.fromkeys(zip(*(table[name] for name in FAMILY), strict=True))
    for values in families:
        settings = dict(zip(FAMILY, values, strict=True))
        keep = np.all([table[name] == value for name, value in settings.items()], axis=0)
        rows = table.loc[keep].sort_values("scale")
        yield settings | {
            name: _crossing(rows["scale"].to_numpy(), rows["ratio_value"].to_numpy(), level)
            for name, level in (("half", 0.5), ("one", 1.0))
        }


def _crossing(
    scales: Float[np.ndarray, " scale"], ratios: Float[np.ndarray, " scale"], level: float
) -> float:
    known = np.isfinite(ratios) & (ratios > 0)
    scales, ratios = scales[known], ratios[known]
    above = np.flatnonzero(ratios >= level)
    if not above.size or above[0] == 0:
        return np.nan
    pair = slice(above[0] - 1, above[0] + 1)
    return float(np.exp(np.interp(np.log(level), np.log(ratios[pair]), np.log(scales[pair]))))


@dataclass(frozen=True)
class SlackLaw:
    """K/λ − κ₀ = factor · ρ^a s^b m^c d^e, fitted by least squares in logarithms.

    Attributes:
        factor: of the law.
        exponents: of ratio, scale, width and dim, with intervals over networks.
        error: the median relative error of K/λ over the cells of the fit.
        cells: how many there are.
    """

    factor: float
    exponents: dict[str, Estimate]
    error: float
    cells: int


def fit_slack(datasets: Sequence[xr.Dataset], activation: str = "tanh") -> SlackLaw:
    """The law of the slack in L2 balls, for random networks of one activation."""
    sizes, values = [], []
    for dataset in map(finished_networks, datasets):
        for cell in cells(dataset):
            is_asked = cell.activation.item() == activation and cell.constraint.item() == "l2-ball"
            if not is_asked or cell.training.item() != "none":
                continue
            ratios = medians(cell.proof_ratio.values)
            kappa_0 = kappa_0_of_setting(cell)
            if FITTED[0] < ratios[0] - kappa_0 and ratios[0] < FITTED[1]:
                sizes.append([cell[name].item() for name in ("ratio", "scale", "width", "dim")])
                values.append((ratios, kappa_0))
    logs = np.log(np.array(sizes, float))
    design = np.column_stack([np.ones(len(logs)), logs])
    ratios, kappas = np.array([row for row, _ in values]), np.array([kappa for _, kappa in values])
    # A resample may lie below κ₀.
    slack = np.maximum(ratios - kappas[:, None], FITTED[0] / 10)
    solution = np.linalg.lstsq(design, np.log(slack), rcond=None)[0]
    names = ("ratio", "scale", "width", "dim")
    exponents = {name: estimate(row) for name, row in zip(names, solution[1:], strict=True)}
    predicted = kappas + np.exp(design @ solution[:, 0])
    error = float(np.median(np.abs(predicted / ratios[:, 0] - 1)))
    return SlackLaw(float(np.exp(solution[0, 0])), exponents, error, len(kappas))
