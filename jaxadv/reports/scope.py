"""What a claim was asked of: the settings of the cells that its findings are about."""

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr
from jaxtyping import Bool

from jaxadv.claims.judgements import Judgement
from jaxadv.claims.verdicts import Finding
from jaxadv.reports.markdown import show_values

# The coordinates of cells that are listed, and how.
SHOWN = {
    "dim": "d", "width": "m", "scale": "s", "ratio": "ρ", "activation": "", "loss": "",
    "constraint": "", "method": "",
    "step_rule": "steps", "optimizer": "", "unit": "rates", "rate": "rates",
}  # fmt: skip
AGAINST = " against "  # between the two scales of a pair


def scope_of(judgement: Judgement, datasets: Mapping[str, xr.Dataset]) -> str:
    """The settings that a judgement is about, in one line; nothing where there is no finding.

    Args:
        judgement: its findings name the experiments.
        datasets: the experiments by name.
    """
    kept = [
        (datasets[name], cells)
        for name, cells in _cells_by_experiment(judgement, datasets).items()
        if cells.any()
    ]
    if not kept:
        return ""
    parts = []
    for name, symbol in SHOWN.items():
        values = [
            value
            for dataset, cells in kept
            if name in dataset.coords
            for value in dataset[name].values[cells].tolist()
        ]
        if values:
            shown = show_values(sorted(set(values)))
            is_word = isinstance(values[0], str)
            parts.append(f"{symbol} {shown}".strip() if is_word else f"{symbol} = {shown}")
    return "; ".join(parts) + "."


def _cells_by_experiment(
    judgement: Judgement, datasets: Mapping[str, xr.Dataset]
) -> dict[str, Bool[np.ndarray, " cell"]]:
    every: dict[str, Bool[np.ndarray, " cell"]] = {}
    for name, finding in _findings(judgement):
        if name in datasets:
            cells = _cells_of(finding, datasets[name])
            every[name] = every.get(name, np.zeros_like(cells)) | cells
    return every


def _findings(judgement: Judgement) -> Iterator[tuple[str, Finding]]:
    for ruling in judgement.rulings:
        yield from ruling.findings


def _cells_of(finding: Finding, dataset: xr.Dataset) -> Bool[np.ndarray, " cell"]:
    """The cells that have all settings of a finding; those of a pair have either scale."""
    keep = np.ones(dataset.sizes["cell"], bool)
    for name, value in finding.settings.items():
        if name not in dataset.coords or dataset[name].dims != ("cell",):
            continue
        values = dataset[name].values
        if isinstance(value, str) and AGAINST in value:
            pair = [float(scale) for scale in value.split(AGAINST)]
            keep &= np.isclose(values[:, None], pair).any(axis=1)
        elif not (isinstance(value, str) and values.dtype.kind in "iuf"):
            # A width may stand for a power of the dimension, which many widths are.
            keep &= values == value
    return keep
