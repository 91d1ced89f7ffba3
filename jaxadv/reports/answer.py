"""One page: does a smaller input scale make adversarial training converge faster, initially?"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import xarray as xr

from jaxadv.claims.judgements import Judgement
from jaxadv.claims.training import FasterAtSmallerScale
from jaxadv.claims.verdicts import Finding, Outcome, Verdict
from jaxadv.reports.markdown import document, show_findings, show_known, show_picture, show_table
from jaxadv.reports.pictures import Picture
from jaxadv.stats.trainings import (
    COMPARISONS,
    PHASES,
    QUANTITIES,
    QUANTITIES_OF,
    SPLITS,
    Comparison,
    Phase,
    Quantity,
    Split,
    output_scale_of,
)

FILE = "answer.md"
QUESTION = "Does a smaller input scale make adversarial training converge faster, initially?"
ANSWERS = {
    Verdict.SUPPORTED: "Yes",
    Verdict.NOT_SUPPORTED: "No",
    Verdict.INCONCLUSIVE: "Inconclusive",
}
# The readings of C2 in the first phase, and the question that each answers.
READINGS = {
    "C2-first": "On held-out examples, is the robust loss lower, and its target reached earlier?",
    "C2-first-training": "On training examples, is it lower, and its target reached earlier?",
    "C2-first-accuracy": "Are fewer held-out answers wrong under attack?",
    "C2-first-inner": "Does the inner ascent take fewer steps?",
    "C2-first-share": "Is more of the held-out loss at the start gone?",
}
HOW = """\
The same networks are trained on the same examples at each scale. Scales can be compared at one
common learning rate, at each scale's best rate, or at the same rate in units of 1/λ₁, λ₁ the
sharpness at the start. A cell counts the comparisons *for* the smaller scale, *against* it, and
*ties* within 3%, over data, optimisers, rates and comparisons of rates. The others are straddled,
censored, or on too few networks."""
MECHANISM = """\
The law of early training (docs/theory.md, section 7.5) gives a reason. A random network is a linear
function plus a nonlinear rest, which behaves on new inputs like noise. A larger scale starts with
more of that rest, and early training does not remove it from held-out predictions. On training
examples it is forgotten. No number of the law is fitted."""
CONTROLS = """\
There are two kinds of controls. In the first, the initial output layer is multiplied by a small
factor. Little of the random initial function is left then, and by the law the order of the scales
goes with it. In the second, training is not attacked, but the network is measured under an attack.
What remains of the order there does not come from adversarial training."""
SENTENCES = {
    Verdict.SUPPORTED: "In the first ten steps, the robust loss on held-out examples falls faster "
    "at a smaller scale.",
    Verdict.NOT_SUPPORTED: "In the first ten steps, the robust loss on held-out examples does not "
    "fall faster at a smaller scale in all readings.",
    Verdict.INCONCLUSIVE: "What was run does not decide whether the robust loss on held-out "
    "examples falls faster at a smaller scale in the first ten steps.",
}
PAIRS = "pair of scales"


def as_markdown(
    judgements: Sequence[Judgement],
    datasets: Mapping[str, xr.Dataset],
    pictures: Mapping[str, Sequence[Picture]],
    command: str,
) -> str:
    """The page.

    Args:
        judgements: on the claims of training.
        datasets: training experiments by name.
        pictures: by claim; those of M4 are shown.
        command: what wrote it.
    """
    by_name = {judgement.claim.name: judgement for judgement in judgements}
    parts = [
        f"**{QUESTION}** {SENTENCES[by_name['C2-first'].verdict]}",
        _which_pairs(_count(datasets, PHASES[0], "loss", "test")),
        show_table(
            ["in the first 10 steps", "", "for", "against", "tie", "share of votes against"],
            [_answer(by_name[name], text) for name, text in READINGS.items()],
        ),
        "The [report on all claims](report.md) has the rules and every finding.",
        "## By pair of scales",
        HOW,
        *(part for phase in PHASES for part in _by_pair(datasets, phase)),
        *_law(by_name.get("M4")),
        *_controls(datasets),
        *map(show_picture, pictures.get("M4", ())),
    ]
    return document("Input scale and the start of adversarial training", command, parts)


def _which_pairs(counts: Mapping[str, Counter[Outcome]]) -> str:
    """Where the comparisons that are decided agree, and where they do not."""
    shown = [
        f"{pair}: {of_pair[Outcome.FOR]} for, {of_pair[Outcome.AGAINST]} against"
        for pair, of_pair in counts.items()
    ]
    return f"The comparisons that are decided, by pair of scales: {'; '.join(shown)}." * bool(shown)


def _answer(judgement: Judgement, question: str) -> list[str]:
    counts = [judgement.count(outcome) for outcome in (Outcome.FOR, Outcome.AGAINST, Outcome.TIE)]
    link = f"[{judgement.claim.name}](report.md#{judgement.claim.name.lower()})"
    answer = f"**{ANSWERS[judgement.verdict]}** ({link})"
    return [question, answer, *map(str, counts), show_known(judgement.share_against)]


def _by_pair(datasets: Mapping[str, xr.Dataset], phase: Phase) -> Iterator[str]:
    """A table: a row for each pair of scales, a column for each quantity and split."""
    columns: list[tuple[Quantity, Split]] = [
        (quantity, split)
        for split in SPLITS
        for quantity in QUANTITIES_OF[split]
        if quantity in ("loss", "errors", "inner")
    ]
    counted = {column: _count(datasets, phase, *column) for column in columns}
    pairs = dict.fromkeys(pair for counts in counted.values() for pair in counts)
    if not pairs:
        return
    yield f"**{phase.text[0].upper()}{phase.text[1:]}**"
    yield show_table(
        [PAIRS, *(f"{QUANTITIES[quantity]}, {SPLITS[split]}" for quantity, split in columns)],
        [[pair, *(_counts(counted[column].get(pair)) for column in columns)] for pair in pairs],
    )


def _count(
    datasets: Mapping[str, xr.Dataset], phase: Phase, quantity: Quantity, split: Split
) -> dict[str, Counter[Outcome]]:
    """How often each outcome is found for each pair of scales, with every comparison of rates."""
    counts: dict[str, Counter[Outcome]] = {}
    for comparison in COMPARISONS:
        for finding in _findings(datasets, quantity, comparison, phase, split):
            counts.setdefault(finding.settings["scale"], Counter())[finding.outcome] += 1
    return counts


def _findings(
    datasets: Mapping[str, xr.Dataset],
    quantity: Quantity,
    comparison: Comparison,
    phase: Phase,
    split: Split = "test",
    *,
    attacked: bool = True,
    output_scale: float = 1.0,
) -> Iterator[Finding]:
    rule = FasterAtSmallerScale(quantity, comparison, phase, split, attacked, output_scale)
    for dataset in datasets.values():
        yield from rule.findings(dataset)


def _counts(counts: Counter[Outcome] | None) -> str:
    if counts is None:
        return ""
    shown = [counts[outcome] for outcome in (Outcome.FOR, Outcome.AGAINST, Outcome.TIE)]
    return "{} for, {} against, {} ties".format(*shown) + f" of {sum(counts.values())}"


def _law(judgement: Judgement | None) -> Iterator[str]:
    """How far the simulation is from the law, in each cell that the law is for."""
    findings = judgement.rulings[0].findings if judgement else ()
    if not findings:
        return
    yield "## Why"
    yield MECHANISM
    yield "The mean robust loss on held-out examples beside the law:"
    yield show_findings(findings, ("dim", "width", "ratio", "rate", "scale"))


def _controls(datasets: Mapping[str, xr.Dataset]) -> Iterator[str]:
    """The held-out loss after the first phase in the controls, at rates in units of 1/λ₁."""
    factors = {output_scale_of(dataset) for dataset in datasets.values()} - {1.0}
    settings: dict[str, dict[str, Any]] = {
        "adversarial training": {},
        **{f"initial output × {f:g}": {"output_scale": f} for f in sorted(factors)},
        "clean training": {"attacked": False},
    }
    rows: dict[str, dict[str, Counter[Outcome]]] = {}
    for name, more in settings.items():
        for finding in _findings(datasets, "loss", "sharpness", PHASES[0], **more):
            of_pair = rows.setdefault(finding.settings["scale"], {})
            of_pair.setdefault(name, Counter())[finding.outcome] += 1
    if rows and len({name for row in rows.values() for name in row}) > 1:
        yield "## Controls"
        yield CONTROLS
        yield "Held-out robust loss in the first 10 steps, at the same rate in units of 1/λ₁:"
        yield show_table(
            [PAIRS, *settings],
            [[pair, *(_counts(row.get(name)) for name in settings)] for pair, row in rows.items()],
        )
