"""The table of attacks on one network, a row for each set of perturbations."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxadv.ascent.kinds import MAXIMA, Kind
from jaxadv.ascent.solution import Status
from jaxadv.attacks.result import Attack
from jaxadv.reports.terminal import OF_TRIALS, explained
from jaxadv.stats.intervals import share

LEGEND = {
    "accuracy": "inputs that are answered right without a perturbation",
    "robust": "inputs that are answered right after every trial: at most so many are robust",
    "reached": "inputs at which a trial reached the target",
    "proved": "inputs at which every attack in the set is proved to fail: at least so many are "
    "robust",
    "loss": "mean loss at the worst perturbations",
    **OF_TRIALS,
    "steps": "median number of steps of a trial",
    "gradients": "gradients that all trials took together",
    "low": "where the 95% interval of the share before it begins, if inputs are a random sample",
    "high": "where it ends",
}
SHARES = ("accuracy", "robust", "low", "high", "reached", "proved", *OF_TRIALS)
SILENT_AT_0 = ("vertex", "cycling", "out_of_budget")


def tabulate(attacks: Sequence[Attack], radii: Sequence[float]) -> pd.DataFrame:
    """A row for each radius; `LEGEND` says what the columns are.

    The interval of the robust share is that of Clopper and Pearson over inputs, which holds where
    they are a random sample.
    """
    rows = []
    for attack, radius in zip(attacks, radii, strict=True):
        kept = share(attack.robust)
        row: dict[str, float | int] = {"radius": radius, "inputs": len(attack.robust)}
        if attack.targeted:
            row |= {"reached": 1 - kept.value, "low": 1 - kept.high, "high": 1 - kept.low}
        else:
            row |= {"accuracy": attack.accuracy, "robust": kept.value}
            row |= {"low": kept.low, "high": kept.high}
        if attack.proved is not None:
            row["proved"] = float(attack.proved.mean())
        row["loss"] = float(attack.loss.mean())
        if attack.kind is not None:
            row["certified"] = float(np.isin(attack.kind, MAXIMA).mean())
            row["vertex"] = float((attack.kind == Kind.VERTEX_MAX).mean())
        row["cycling"] = float((attack.status == Status.CYCLING).mean())
        row["out_of_budget"] = float((attack.status == Status.MAX_STEPS).mean())
        row["steps"] = float(np.median(attack.dataset.steps))
        row["gradients"] = attack.gradient_evaluations
        rows.append(row)
    return pd.DataFrame(rows)


def as_text(table: pd.DataFrame) -> str:
    """The table for a terminal, with a line on each column that needs one.

    Example:
        >>> table = pd.DataFrame({"radius": [0.1], "robust": [0.5], "low": [0.4], "high": [0.6]})
        >>> as_text(table).split()[4:8]
        ['0.1', '50.0%', '40.0%', '60.0%']
    """
    silent = [name for name in SILENT_AT_0 if name in table and not np.any(table[name])]
    shown = table.drop(columns=silent)

    def show(name: str, value: Any) -> str:
        if name in SHARES:
            return f"{value:.1%}"
        return f"{value:,.0f}" if name in ("inputs", "gradients") else f"{value:.4g}"

    return explained(shown, show, LEGEND)
