"""The report on a training experiment, and the one on claims, say what was found."""

import re

import numpy as np

from jaxadv.claims.catalogue import judge_all
from jaxadv.reports import training as training_report
from jaxadv.reports.claims import as_markdown
from jaxadv.stats.trainings import PHASES, QUANTITIES, tabulate
from jaxadv.training.evaluate import ACCURACIES
from tests.synthetic import along, synthetic
from tests.synthetic_training import decay, synthetic_training

FASTER = decay(lambda cell: 0.05 / (1 + cell["scale"]))


def test_the_claims_report_has_the_kinds_that_there_are():
    both = {
        "trained": synthetic_training(FASTER),
        "swept": synthetic(along("scale", [0.1, 1.0]), lambda *_: 9),
    }
    text = as_markdown(judge_all(both), both, {}, "python report.py")
    for part in ("### C2-first", "### C1-dim", "| trained | teacher | 8 | 16 |", "| swept | 64 |"):
        assert part in text
    alone = {"trained": both["trained"]}
    text = as_markdown(judge_all(alone), alone, {}, "python report.py")
    assert "### C2-first" in text
    assert "C1-dim" not in text
    assert "| sweep |" not in text


def test_the_table_has_every_number_and_the_report_says_what_it_found():
    dataset = synthetic_training(FASTER, optimizers=("sgd", "adam"))
    table = tabulate(dataset)
    # Per scale: phases × quantities × (sgd: 2 rates, best, 1 of sharpness; adam: 2, best) × ratios.
    assert len(table) == 3 * len(PHASES) * len(QUANTITIES) * (4 + 3) * 2
    text = training_report.as_markdown(dataset, table, [], "python scripts/train.py")
    assert "**yes** 32:0" in text
    assert not re.search(r"\*\*no\*\* \d", text)
    assert "best rates" in text
    assert "lr·λ₁ = 0.3" in text
    assert "| adam | 0.1 | 10 |" in text


def test_the_report_has_accuracies_only_where_there_are_any():
    dataset = synthetic_training(FASTER)
    without = dataset.assign({name: np.nan * dataset[name] for name in ACCURACIES})
    table = tabulate(dataset)
    texts = [training_report.as_markdown(part, table, [], "") for part in (dataset, without)]
    assert ["| robust loss | clean accuracy |" in text for text in texts] == [True, False]
    assert "accuracy" not in texts[1]
    ends = [line for line in texts[1].splitlines() if line.startswith("| sgd | 0.1 |")]
    assert ends
    assert all(line.count("|") == 9 + 1 for line in ends)
