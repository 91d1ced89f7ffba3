"""The page that answers one question: what was planted is what it says."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from jaxadv.claims.catalogue import judge_all
from jaxadv.figures.early_training import has_controls, plot_controls, plot_law
from jaxadv.reports.answer import as_markdown
from jaxadv.reports.claims_pictures import claims_pictures
from jaxadv.theory import robust_loss_curve, sign_linearity
from tests.synthetic_training import decay, synthetic_training

FASTER = decay(lambda cell: 0.05 / (1 + cell["scale"]))
SLOWER = decay(lambda cell: 0.01 * (1 + cell["scale"]))
EQUAL = decay(lambda cell: 0.02)


def rows_of(text, start):
    return [line for line in text.splitlines() if line.startswith(f"| {start}")]


def of_the_law(cell, steps):
    """Held-out losses of the law, over half of the loss of the output 0 and the split's factor."""
    curve = robust_loss_curve(
        "tanh", cell["scale"], cell["ratio"], dim=8, examples=16, rate=0.3, steps=200,
        linearity=sign_linearity(),
    )  # fmt: skip
    return curve.held_out[steps] / 0.55


@pytest.mark.parametrize(("curve", "answer"), [(FASTER, "Yes"), (SLOWER, "No"), (EQUAL, None)])
def test_the_first_row_answers_the_question(curve, answer):
    datasets = {"a": synthetic_training(curve)}
    text = as_markdown(judge_all(datasets), datasets, {}, "jaxadv report")
    first = rows_of(text, "On held-out examples")[0]
    # What is equal has no share against, and few of its findings are decided.
    assert f"**{answer or 'Inconclusive'}**" in first


def test_controls_are_no_evidence_and_have_a_column_of_their_own():
    datasets = {
        "a": synthetic_training(FASTER),
        "control": synthetic_training(SLOWER, output_scale=0.3),
    }
    judgements = judge_all(datasets)
    text = as_markdown(judgements, datasets, {}, "")
    assert "**Yes**" in rows_of(text, "On held-out examples")[0]
    (row,) = [row for row in rows_of(text, "1 against 0.1") if row.count("|") == 5]
    cells = [cell.strip() for cell in row.split("|")[2:5]]
    assert cells[0].startswith("1 for, 0 against")
    assert cells[1].startswith("0 for, 1 against")
    assert cells[2].startswith("1 for, 0 against")  # clean training falls in the same way


def test_the_law_is_held_against_the_cells_that_it_is_for():
    datasets = {"a": synthetic_training(of_the_law, ratios=(0.1,), rates=())}
    judgements = {judgement.claim.name: judgement for judgement in judge_all(datasets)}
    (ruling,) = judgements["M4"].rulings
    assert [finding.settings["scale"] for _, finding in ruling.findings] == [0.1, 1.0]
    assert {finding.outcome.value for _, finding in ruling.findings} == {"for"}
    off = {"a": datasets["a"].assign(robust_loss=1.3 * datasets["a"].robust_loss)}
    judgements = {judgement.claim.name: judgement for judgement in judge_all(off)}
    (ruling,) = judgements["M4"].rulings
    assert {finding.outcome.value for _, finding in ruling.findings} == {"against"}
    batches = datasets["a"].assign_attrs(
        training=datasets["a"].attrs["training"].replace("batch = 0", "batch = 4")
    )
    judgements = {judgement.claim.name: judgement for judgement in judge_all({"a": batches})}
    assert not judgements["M4"].rulings[0].findings


def test_the_law_is_drawn_through_its_losses():
    figure = plot_law(synthetic_training(of_the_law, ratios=(0.1,), rates=()))
    lines = figure.axes[0].get_lines()
    for measured, law in zip(lines[::2], lines[1::2], strict=True):
        steps = measured.get_xdata().astype(int)
        np.testing.assert_allclose(measured.get_ydata(), law.get_ydata()[steps], rtol=0.02)
    plt.close(figure)


def test_controls_are_drawn_beside_adversarial_training(tmp_path):
    datasets = {
        "a": synthetic_training(FASTER),
        "control": synthetic_training(SLOWER, ratios=(0.1,), output_scale=0.3),
    }
    assert has_controls(datasets)
    assert not has_controls({"a": synthetic_training(FASTER, ratios=(0.1,))})
    figure = plot_controls(datasets)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [
        "clean training, attacked when measured",
        "adversarial training",
        "adversarial, initial output × 0.3",
    ]
    plt.close(figure)
    files = [picture.file for _, picture in claims_pictures(tmp_path, datasets)]
    assert {"controls.png", "law.png"} <= set(files)
