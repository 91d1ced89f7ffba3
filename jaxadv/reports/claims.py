"""Judgements as a report: Markdown for people, JSON for programs."""

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import xarray as xr

from jaxadv.claims.judgements import OVERALL, Judgement, Ruling
from jaxadv.claims.neighbours import OUTCOMES
from jaxadv.claims.verdicts import Finding, Number, Outcome
from jaxadv.reports.markdown import (
    document,
    minutes,
    show,
    show_outcomes,
    show_picture,
    show_table,
    show_values,
)
from jaxadv.reports.notes import note_on_own_functions
from jaxadv.reports.pictures import Picture
from jaxadv.stats.cells import finished_networks, is_maximum
from jaxadv.stats.intervals import Estimate

# A table of findings has no more rows; of more findings those against the claim are shown.
MOST_ROWS = 12
# Settings in the heads of tables.
HEADS = {
    "dim": "d", "width": "m", "activation": "activation", "loss": "loss", "step_rule": "steps",
    "step_size": "step size", "ratio": "ρ", "scale": "s", "optimizer": "optimiser", "rate": "rate",
}  # fmt: skip
INTRODUCTION = """\
*What the paper says* is taken from the abstract of Deng, He, Huang and Su, "Towards Understanding
the Dynamics of the First-Order Adversaries" (ICML 2020), and from summaries of it; its theorem is
not restated here. How we read it, the rules, and all predictions are ours. The rules are code."""
OF_SWEEPS = """\
The rules were written after a pilot with four networks; where a claim was changed after these
sweeps had been judged, its limits say so. A fit is an empirical check, never a proof.

Step counts are right-censored at the budget: quantiles are Kaplan and Meier's. The independent unit
is the network: intervals, in brackets, are 95% percentiles of 1,000 resamples of networks, and of
shares Clopper and Pearson's. Networks are random and not trained; those of one shape (d, m) are the
same in all sweeps with one seed, so that their findings are not independent."""
OF_FINDINGS = """\
For, against, tie, undecided: findings, one for each family of cells, pair of scales or cell."""
OF_TRAINING = """\
The rules were written after a prototype with one seed and a trial of the program on digits with two
networks, three scales and few rates, before any other run had been looked at. The independent unit
is the network, with examples of its own; the same networks and examples serve all scales, so that
their differences are paired. Intervals, in brackets, are 95% percentiles of 1,000 resamples of
networks. A run that never reached the target, or diverged, counts as slower than any that did; a
network on which both did so counts as censored."""


def as_markdown(
    judgements: Sequence[Judgement],
    datasets: Mapping[str, xr.Dataset],
    pictures: Mapping[str, Sequence[Picture]],
    command: str,
) -> str:
    """The report.

    Args:
        judgements: in their order.
        datasets: the experiments by name.
        pictures: by the name of the claim that they belong to.
        command: what wrote it.

    Example:
        >>> from jaxadv.claims.catalogue import judge_all
        >>> as_markdown(judge_all({}), {}, {}, "python report.py").splitlines()[0]
        '# The claims, and what the simulation says'
    """
    sweeps, trainings = (
        {name: dataset for name, dataset in datasets.items() if kind in dataset.attrs}
        for kind in ("sweep", "training")
    )
    parts = [
        INTRODUCTION,
        *([OF_SWEEPS] if sweeps or not trainings else []),
        *([OF_TRAINING] if trainings else []),
        "## Verdicts",
        show_table(
            ["claim", "in short", "verdict", "for", "against", "tie", "undecided"],
            [_row_of(judgement) for judgement in judgements],
        ),
        f"{OF_FINDINGS} {OVERALL}",
        f"Pairs of neighbouring scales are compared on the same networks. {OUTCOMES}",
        "## What was run",
        *_what_was_run(sweeps, trainings),
        "## Claim by claim",
    ]  # fmt: skip
    for judgement in judgements:
        parts += _section(judgement, pictures.get(judgement.claim.name, ()))
    return document("The claims, and what the simulation says", command, parts)


def as_json(judgements: Sequence[Judgement]) -> list[dict[str, Any]]:
    """All judgements with all findings; inf and NaN, which JSON lacks, are text."""
    return [
        {
            "claim": judgement.claim.name,
            "title": judgement.claim.title,
            "paper": judgement.claim.paper,
            "reading": judgement.claim.reading,
            "limits": judgement.claim.limits,
            "verdict": judgement.verdict.value,
            "rules": [
                {
                    "rule": ruling.rule.text,
                    "verdict": ruling.verdict.value,
                    "findings": [
                        {
                            "sweep": name,
                            "settings": finding.settings,
                            "numbers": {k: _plain(v) for k, v in finding.numbers.items()},
                            "outcome": finding.outcome.value,
                        }
                        for name, finding in ruling.findings
                    ],
                }
                for ruling in judgement.rulings
            ],
        }
        for judgement in judgements
    ]


DECIDED = (Outcome.FOR, Outcome.AGAINST)
UNDECIDED = (Outcome.STRADDLED, Outcome.CENSORED, Outcome.TOO_FEW)


def _row_of(judgement: Judgement) -> list[str]:
    columns = (Outcome.FOR,), (Outcome.AGAINST,), (Outcome.TIE,), UNDECIDED
    counts = [sum(ruling.count(*outcomes) for ruling in judgement.rulings) for outcomes in columns]
    link = f"[{judgement.claim.name}](#{judgement.claim.name.lower()})"
    return [link, judgement.claim.title, f"**{judgement.verdict}**", *map(str, counts)]


def _section(judgement: Judgement, pictures: Sequence[Picture]) -> list[str]:
    claim = judgement.claim
    paper = f"**The paper.** {claim.paper}\n\n" if claim.paper else ""
    ours = "Our reading" if claim.paper else "Our prediction"
    parts = [
        f"### {claim.name}",
        f"*{claim.title[0].upper()}{claim.title[1:]}:* **{judgement.verdict}**.",
        f"{paper}**{ours}.** {claim.reading}",
    ]
    parts += map(show_picture, pictures)
    for ruling in judgement.rulings:
        parts += _ruling(ruling)
    return [*parts, f"**Limits.** {claim.limits}"]


def _ruling(ruling: Ruling) -> list[str]:
    """A rule with its verdict, and the findings: all if they are few, else those against."""
    text = f"**Rule.** {ruling.rule.text}"
    if not ruling.findings:
        return [f"{text} *Nothing that was run can be judged by it.*"]
    outcomes = show_outcomes(finding for _, finding in ruling.findings)
    summary = f"Of {len(ruling.findings)} findings: {outcomes}."
    shown = list(ruling.findings)
    if len(shown) > MOST_ROWS:
        summary += " " + _ranges(ruling)
        shown = [item for item in shown if item[1].outcome == Outcome.AGAINST]
        if len(shown) > MOST_ROWS:
            # Evenly through the list, which runs through the grid.
            shown = [shown[len(shown) * i // MOST_ROWS] for i in range(MOST_ROWS)]
            summary += f" {MOST_ROWS} of those against it, the others are in report.json:"
        elif shown:
            summary += " Those against it:"
    varying = [
        name
        for name in dict.fromkeys(key for _, finding in ruling.findings for key in finding.settings)
        if len({str(finding.settings.get(name)) for _, finding in ruling.findings}) > 1
    ]
    return [text, summary, *([_findings(shown, varying)] if shown else [])]


def _ranges(ruling: Ruling) -> str:
    """From where to where the estimates of the decided findings lie."""
    values: dict[str, list[float]] = {}
    for _, finding in ruling.findings:
        for name, number in finding.numbers.items():
            if isinstance(number, Estimate) and finding.outcome in DECIDED:
                values.setdefault(name, []).append(number.value)
    texts = [f"{name} {show(min(v))} to {show(max(v))}" for name, v in values.items()]
    return f"Where decided: {', '.join(texts)}." if texts else ""


def _findings(findings: Sequence[tuple[str, Finding]], settings: Sequence[str]) -> str:
    """A table of settings, numbers and outcomes."""
    sweeps = len({name for name, _ in findings}) > 1
    numbers = list(dict.fromkeys(name for _, finding in findings for name in finding.numbers))
    head = ["from"] * sweeps + [HEADS[name] for name in settings] + numbers + ["outcome"]
    rows = [
        [name] * sweeps
        + [show(finding.settings.get(key, "")) for key in settings]
        + [show(finding.numbers.get(key, "")) for key in numbers]
        + [finding.outcome.value]
        for name, finding in findings
    ]
    return show_table(head, rows)


def _what_was_run(
    sweeps: Mapping[str, xr.Dataset], trainings: Mapping[str, xr.Dataset]
) -> Iterator[str]:
    """Tables of the experiments."""
    if sweeps or not trainings:
        yield show_table(
            ["sweep", "d", "m", "s", "ρ", "activations", "losses", "steps", "networks × trials",
             "tolerance", "budget", "certified"],
            [_description(name, dataset) for name, dataset in sweeps.items()],
        )  # fmt: skip
        yield _totals(sweeps)
        yield from (note_on_own_functions(sweeps[name], f"Sweep {name}") for name in sweeps)
    if trainings:
        yield show_table(
            ["training", "data", "d", "m", "layers", "s", "ρ", "optimisers", "rates",
             "rates·λ₁", "networks", "examples", "batch", "steps", "diverged"],
            [_training(name, dataset) for name, dataset in trainings.items()],
        )  # fmt: skip
        runs = sum(dataset.diverged_step.size for dataset in trainings.values())
        yield f"In all {runs:,} runs, which took {minutes(trainings.values()):.0f} minutes."


def _training(name: str, dataset: xr.Dataset) -> list[str]:
    """A training experiment in one row."""
    spec = tomllib.loads(dataset.attrs["training"])
    columns = ("scales", "ratios", "optimizers", "rates", "sharpness_rates")
    finished = finished_networks(dataset)
    return [
        name,
        spec["data"],
        *(show_values(dataset[name].values.tolist()) for name in ("dim", "width")),
        spec["layers"],
        *(show_values(spec[field]) for field in columns),
        str(finished.sizes["network"]),
        str(spec["examples"]),
        str(spec["batch"] or "all"),
        str(spec["steps"]),
        f"{float((finished.diverged_step >= 0).mean()):.1%}",
    ]


def _description(name: str, dataset: xr.Dataset) -> list[str]:
    """A sweep in one row."""
    finished = finished_networks(dataset)
    sizes = finished.sizes
    axes = ("dim", "width", "scale", "ratio", "activation", "loss", "step_rule")
    return [
        name,
        *(show_values(dataset[axis].values.tolist()) for axis in axes),
        f"{sizes['network']} × {sizes['example'] * sizes['start']}",
        show(float(dataset.tolerance[-1])),
        str(tomllib.loads(dataset.attrs["sweep"])["max_steps"]),
        f"{float(is_maximum(finished).mean()):.1%}",
    ]


def _totals(datasets: Mapping[str, xr.Dataset]) -> str:
    """How many ascents there were in all, and how long they took."""
    ascents = sum(dataset.kind.size for dataset in datasets.values())
    return (
        f"In all {ascents:,} ascents, which took {minutes(datasets.values()):.0f} minutes. The "
        f"manifest.json of each sweep has the versions, the commit, the machine and the time."
    )


def _plain(number: Number) -> Any:
    if isinstance(number, Estimate):
        return {key: _plain(getattr(number, key)) for key in ("value", "low", "high")}
    return number if math.isfinite(number) else str(number)
