"""Tables for a terminal, with a line on each column that needs one."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

# What columns are that tables of sweeps and of attacks have.
OF_TRIALS = {
    "certified": "trials whose end was confirmed to be a strict local maximum",
    "vertex": "trials whose end is such a maximum, at a corner of the box",
    "cycling": "trials that came back to a point, and would have gone round for ever",
    "out_of_budget": "trials that took all steps they were allowed",
}


def explained(
    table: pd.DataFrame, show: Callable[[str, Any], str], legend: Mapping[str, str]
) -> str:
    """The table, and below it a line on each of its columns that the legend has.

    Args:
        table: what is shown.
        show: from the name of a column and a value to the text of the value.
        legend: what columns are, by name.

    Example:
        >>> print(explained(pd.DataFrame({"s": [1]}), lambda _, value: f"{value}", {"s": "scale"}))
        s
        1
        s: scale
    """
    text = table.apply(lambda column: [show(str(column.name), value) for value in column])
    lines = [f"{name}: {legend[name]}" for name in table if name in legend]
    return "\n".join([text.to_string(index=False), *lines])
