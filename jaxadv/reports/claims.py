"""Judgements as a report: Markdown for people, JSON for programs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import xarray as xr

from jaxadv.claims.judgements import OVERALL, Judgement, Ruling
from jaxadv.claims.law_errors import LAWS, errors_by_range, law_errors, richest_in_shapes
from jaxadv.claims.neighbours import OUTCOMES
from jaxadv.claims.verdicts import Number, Outcome, Verdict
from jaxadv.reports.markdown import (
    document,
    show,
    show_findings,
    show_known,
    show_outcomes,
    show_picture,
    show_table,
)
from jaxadv.reports.pictures import Picture
from jaxadv.reports.runs import what_was_run
from jaxadv.reports.scope import scope_of
from jaxadv.stats.intervals import Estimate

# A table of findings has no more rows; of more findings those against the claim are shown.
MOST_ROWS = 12
ON_THE_PAPER = """\
*What the paper says* is taken from the abstract of Deng, He, Huang and Su, "Towards Understanding
the Dynamics of the First-Order Adversaries" (ICML 2020), and from summaries of it. Its theorem is
not restated here. The readings, the rules and all predictions are ours. The rules are code. A fit
is an empirical check, never a proof."""
OF_SWEEPS = """\
Step counts are right-censored at the budget, and their quantiles use the Kaplan-Meier estimator.
The independent unit is the network. Intervals stand in brackets and cover 95%. They are percentiles
of 1,000 resamples of networks, and for shares Clopper-Pearson intervals. Networks are random and
not trained. Networks of one shape (d, m) are the same in all sweeps with one seed. A rule that was
changed after its sweeps had been judged says so in its limits. The share of votes against a rule
that is allowed was 5% of the findings, without an interval, when earlier versions of these sweeps
were judged."""
OF_FINDINGS = """\
A finding is about one family of cells, one pair of scales or one cell. Where a number is held
against bounds, a finding is *straddled* if its interval contains one of them, *censored* if too few
trials converged, and *too few* if there are too few networks or sizes."""
OF_TRAINING = """\
The rules on C2 were written after a prototype with one seed and a trial of the program on digits
with two networks. Those on held-out examples, the margin and the joint count were written after the
training losses of these experiments had been judged. The independent unit is the network, with
examples of its own. The same networks and examples serve all scales, so that their differences are
paired. Intervals stand in brackets. They cover 95% at 100 networks, and a little less at 32. A run
that never reached the target, or diverged, counts as slower than any that did. A network
on which both did so counts as censored."""
# The families of claims, by the beginning of their names.
FAMILIES = {
    "C1": "Ascent takes polynomial time, with high probability",
    "C2": "A smaller scale trains faster",
    "C3": "A smaller scale is more regular",
    "C4": "The same holds for other losses",
    "M1": "Our law of the curvature",
    "M2": "Our law of the number of steps",
    "M3": "Certificates predict the rate",
    "M4": "Our law of early training",
}


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
    sweeps, trainings, landscapes = (
        {name: dataset for name, dataset in datasets.items() if kind in dataset.attrs}
        for kind in ("sweep", "training", "landscape")
    )
    parts = [
        "## In short",
        show_table(["", "supported", "not supported", "inconclusive"], list(_in_short(judgements))),
        "In brackets: how many findings are for the claim, of those that are for or against it.",
        "## Verdicts",
        show_table(
            ["claim", "in short", "verdict", *(outcome.value for outcome in Outcome),
             "share of votes against"],
            [_row_of(judgement) for judgement in judgements],
        ),
        "## What was run",
        *what_was_run(sweeps, trainings, landscapes),
        "## Claim by claim",
    ]  # fmt: skip
    for judgement in judgements:
        parts += _section(judgement, datasets, pictures.get(judgement.claim.name, ()))
        if judgement.claim.name == "M1":
            parts += _errors_of_laws(sweeps)
    parts += [
        "## How to read this",
        ON_THE_PAPER,
        *([OF_SWEEPS] if sweeps or not trainings else []),
        *([OF_TRAINING] if trainings else []),
        f"{OF_FINDINGS} {OVERALL}",
        f"Pairs of neighbouring scales are compared on the same networks. {OUTCOMES}",
    ]
    return document("The claims, and what the simulation says", command, parts)


def _in_short(judgements: Sequence[Judgement]) -> Iterator[list[str]]:
    """A row for each family of claims: which are supported, and by what number."""
    for family, title in FAMILIES.items():
        members = [each for each in judgements if each.claim.name.startswith(family)]
        if members:
            by_verdict = {
                verdict: ", ".join(_cited(each) for each in members if each.verdict == verdict)
                for verdict in Verdict
            }
            yield [f"**{title}** ({family})", *by_verdict.values()]


def _cited(judgement: Judgement) -> str:
    """The name of a claim, with how many of its decided findings are for it."""
    in_favour, decided = (judgement.count(*outcomes) for outcomes in (FOR, DECIDED))
    return f"{judgement.claim.name} ({in_favour} of {decided})"


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


FOR = (Outcome.FOR,)
DECIDED = (Outcome.FOR, Outcome.AGAINST)


def _row_of(judgement: Judgement) -> list[str]:
    counts = [judgement.count(outcome) for outcome in Outcome]
    link = f"[{judgement.claim.name}](#{judgement.claim.name.lower()})"
    shown = show_known(judgement.share_against)
    return [link, judgement.claim.title, f"**{judgement.verdict}**", *map(str, counts), shown]


def _section(
    judgement: Judgement, datasets: Mapping[str, xr.Dataset], pictures: Sequence[Picture]
) -> list[str]:
    claim = judgement.claim
    paper = f"**The paper.** {claim.paper}\n\n" if claim.paper else ""
    ours = "Our reading" if claim.paper else "Our prediction"
    parts = [
        f"### {claim.name}",
        f"*{claim.title[0].upper()}{claim.title[1:]}:* **{judgement.verdict}**.",
        f"{paper}**{ours}.** {claim.reading}",
    ]
    parts += map(show_picture, pictures)
    if scope := scope_of(judgement, datasets):
        parts.append(f"**Asked of.** {scope}")
    for ruling in judgement.rulings:
        parts += _ruling(ruling)
    return [*parts, f"**Limits.** {claim.limits}"]


def _errors_of_laws(sweeps: Mapping[str, xr.Dataset]) -> Iterator[str]:
    """A table of where the law of the curvature and its rival hold, by shape and range of κ₀."""
    name = richest_in_shapes(sweeps)
    if name is None:
        return
    errors = errors_by_range(law_errors(sweeps[name]))
    ranges = list(dict.fromkeys(span for span, _ in errors.columns))
    yield (
        f"Median errors over activations and scales in sweep {name}, by range of κ₀: the law's "
        f"before the slash, the rival's behind it. Beyond κ₀ = 2 both say 1, or nearly."
    )
    yield show_table(
        ["d", "m", "m/d", *(f"κ₀ {span}" for span in ranges)],
        [
            [f"{dim}", f"{width}", show(width / dim)]
            + [" / ".join(_percent(row[(span, law)]) for law in LAWS) for span in ranges]
            for (dim, width), row in zip(errors.index, errors.to_dict("records"), strict=True)
        ],
    )


def _percent(number: float) -> str:
    return "" if math.isnan(number) else f"{number:+.1%}"


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
        summary += f" Share of votes against: {show(ruling.share_against)}."
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
    return [text, summary, *([show_findings(shown, varying)] if shown else [])]


def _ranges(ruling: Ruling) -> str:
    """From where to where the estimates of the decided findings lie."""
    values: dict[str, list[float]] = {}
    for _, finding in ruling.findings:
        for name, number in finding.numbers.items():
            if isinstance(number, Estimate) and finding.outcome in DECIDED:
                values.setdefault(name, []).append(number.value)
    texts = [f"{name} {show(min(v))} to {show(max(v))}" for name, v in values.items()]
    return f"Where decided: {', '.join(texts)}." if texts else ""


def _plain(number: Number) -> Any:
    if isinstance(number, Estimate):
        return {key: _plain(getattr(number, key)) for key in ("value", "low", "high")}
    return number if math.isfinite(number) else str(number)
