"""Markdown as all reports write it: documents, tables, numbers, verdicts and pictures."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pandas as pd
import xarray as xr

from jaxadv.claims.verdicts import Finding, Outcome
from jaxadv.reports.pictures import Picture
from jaxadv.stats.cells import groups, in_words
from jaxadv.stats.intervals import Estimate

# Settings in the heads of tables.
HEADS = {
    "dim": "d", "width": "m", "activation": "activation", "loss": "loss", "constraint": "set",
    "method": "method", "step_rule": "steps",
    "step_size": "step size", "ratio": "ρ", "scale": "s", "optimizer": "optimiser", "rate": "rate",
    "tolerance": "tolerance",
}  # fmt: skip
# A word for each outcome, in tables.
MARKS = {
    Outcome.FOR: "**yes**",
    Outcome.AGAINST: "**no**",
    Outcome.TIE: "tie",
    Outcome.STRADDLED: "straddled",
    Outcome.CENSORED: "censored",
    Outcome.TOO_FEW: "too few",
}


def document(title: str, command: str, parts: Iterable[str]) -> str:
    r"""A whole document; empty parts are left out.

    Args:
        title: its heading.
        command: what wrote it.
        parts: paragraphs, tables and headings.

    Example:
        >>> document("Numbers", "python x.py", ["One.", "", "Two."])
        '# Numbers\n\nWritten by `python x.py`.\n\nOne.\n\nTwo.\n'
    """
    head = f"# {title}\n\nWritten by `{command}`."
    return "\n\n".join([head, *filter(None, parts)]) + "\n"


def by_group(
    dataset: xr.Dataset, section: Callable[[xr.Dataset], Iterable[str]], *, level: int = 3
) -> Iterator[str]:
    """A section on each group of cells; headings where there are several groups.

    Args:
        dataset: of any experiment.
        section: the parts on the cells of one group.
        level: of the headings.
    """
    for settings, group in groups(dataset):
        if settings:
            yield f"{'#' * level} {sentence(in_words(settings))}"
        yield from section(group)


def sentence(text: str) -> str:
    """The text with a capital letter.

    Example:
        >>> sentence("width 8, loss mine:L")
        'Width 8, loss mine:L'
    """
    return text[:1].upper() + text[1:]


def show_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""A table.

    Example:
        >>> show_table(["s"], [["0.1"]])
        '| s |\n| --- |\n| 0.1 |'
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, by column.

    Example:
        >>> records(pd.DataFrame({"s": [0.5, 1.0]}))
        [{'s': 0.5}, {'s': 1.0}]
    """
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def show_picture(picture: Picture) -> str:
    """A picture with its caption below."""
    return f"![{picture.caption}]({picture.file})\n\n*{picture.caption}*"


def show(value: Any) -> str:
    """A setting or a number, with three digits.

    Example:
        >>> show(Estimate(102.4, 95.0, math.inf)), show(math.nan), show("tanh")
        ('102 [95, ∞]', 'unknown', 'tanh')
    """
    if isinstance(value, Estimate):
        return f"{show(value.value)} [{show(value.low)}, {show(value.high)}]"
    if isinstance(value, float):
        if math.isnan(value):
            return "unknown"
        return ("∞" if value > 0 else "−∞") if math.isinf(value) else f"{value:.3g}"
    return str(value)


def show_known(estimate: Estimate) -> str:
    """An estimate, or nothing where it is not known.

    Example:
        >>> show_known(Estimate(math.nan, math.nan, math.nan)), show_known(Estimate(1.0, 0.0, 2.0))
        ('', '1 [0, 2]')
    """
    return "" if math.isnan(estimate.value) else show(estimate)


def show_values(values: Sequence[Any]) -> str:
    """The distinct values of a grid axis; of many numbers the ends.

    Example:
        >>> show_values([1.0, 2.0]), show_values([1, 2, 3, 4, 5])
        ('1, 2', '1 to 5 (5)')
    """
    distinct = list(dict.fromkeys(values))
    if len(distinct) > 4 and not isinstance(distinct[0], str):
        return f"{show(min(distinct))} to {show(max(distinct))} ({len(distinct)})"
    return ", ".join(map(show, distinct))


def show_counts(finding: Finding, names: tuple[str, str]) -> str:
    """Two counts of networks, and the outcome.

    Example:
        >>> show_counts(Finding({}, {"more": 40, "less": 0}, Outcome.FOR), ("more", "less"))
        '**yes** 40:0'
    """
    first, second = (finding.numbers[name] for name in names)
    return f"{MARKS[finding.outcome]} {first}:{second}"


def show_outcomes(findings: Iterable[Finding]) -> str:
    """How many findings there are of each outcome.

    Example:
        >>> show_outcomes([Finding({}, {}, Outcome.TIE), Finding({}, {}, Outcome.FOR)])
        '1 for, 0 against, 1 tie'
    """
    counts = Counter(finding.outcome for finding in findings)
    decided = (Outcome.FOR, Outcome.AGAINST)
    shown = [outcome for outcome in Outcome if outcome in decided or counts[outcome]]
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in shown)


def minutes(datasets: Iterable[xr.Dataset]) -> float:
    """How long experiments took, all of them together."""
    return sum(dataset.attrs.get("seconds", 0.0) for dataset in datasets) / 60


def show_findings(findings: Sequence[tuple[str, Finding]], settings: Sequence[str]) -> str:
    r"""A table of settings, numbers and outcomes, and of experiments if there are several.

    Args:
        findings: each with the name of its experiment.
        settings: the settings that have a column.

    Example:
        >>> show_findings([("a", Finding({"dim": 8}, {"bend": 0.1}, Outcome.FOR))], ["dim"])
        '| d | bend | outcome |\n| --- | --- | --- |\n| 8 | 0.1 | for |'
    """
    several = len({name for name, _ in findings}) > 1
    numbers = list(dict.fromkeys(name for _, finding in findings for name in finding.numbers))
    head = ["from"] * several + [HEADS[name] for name in settings] + numbers + ["outcome"]
    rows = [
        [name] * several
        + [show(finding.settings.get(key, "")) for key in settings]
        + [show(finding.numbers.get(key, "")) for key in numbers]
        + [finding.outcome.value]
        for name, finding in findings
    ]
    return show_table(head, rows)
