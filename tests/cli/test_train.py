"""`jaxadv train`: what it writes, and its answer to mistakes."""

from pathlib import Path

import pandas as pd
import pytest

from jaxadv.cli.main import main

TINY = [
    "--scales", "0.3,3", "--rates", "0.1", "--dims", "4", "--widths", "8", "--networks", "2",
    "--examples", "6", "--test-examples", "4", "--steps", "3", "--strong-steps", "20",
]  # fmt: skip


def test_it_writes_figures_a_table_and_a_report_and_claims_are_judged_on_it(here, capsys):
    main(["train", *TINY, "--store", "run"])
    figures = [
        "curves-sgd", "steps-sgd", "curves-sgd-sharpness", "steps-sgd-sharpness", "inner-sgd",
        "curves-adam", "steps-adam", "inner-adam", "rates",
    ]  # fmt: skip
    text = (here / "run" / "training.md").read_text()
    for name in figures:
        assert (here / "run" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"({name}.png)" in text
    assert set(pd.read_csv(here / "run" / "numbers.csv").scale) == {0.3, 3.0}
    out = capsys.readouterr().out
    assert str(Path("run") / "training.md") in out
    assert "C2-late             inconclusive" in out
    # Three steps are neither of the first phases.
    assert "**To the end**" in text
    assert "**In the first 10 steps**" not in text

    main(["report", "."])
    report = (here / "report.md").read_text()
    assert "### C2-late" in report
    assert "(run/curves-sgd.png)" in report
    assert "C1-dim" not in report


@pytest.mark.slow
def test_several_widths_are_reported_one_by_one(here, capsys):
    few = ["--optimizers", "sgd", "--sharpness-rates", "", "--ratios", "0.1"]
    main(["train", *TINY, *few, "--widths", "4,8", "--store", "run"])
    text = (here / "run" / "training.md").read_text()
    out = capsys.readouterr().out
    for width in (4, 8):
        assert text.count(f"### Width {width}\n") == 3
        for name in ("curves-sgd", "steps-sgd", "inner-sgd", "rates"):
            assert f"({name}-width-{width}.png)" in text
            assert (here / "run" / f"{name}-width-{width}.png").exists()
        assert f"\nwidth {width}\nC2-first " in out
    table = pd.read_csv(here / "run" / "numbers.csv")
    assert set(zip(table.width, table.scale, strict=True)) == {(4, 0.3), (4, 3), (8, 0.3), (8, 3)}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--scales", "0.1,x"], "error: scales: 'x' is not a number"),
        (["--data", "mnist", "--data-dir", "nowhere"], "error: data_dir: there is no folder 'now"),
        (["--devices", "0"], "error: devices: 0 must be a whole number from 1"),
        (["--rates", "", "--optimizers", "adam"], "error: rates: none"),
        (["--ratio", "0.1"], "error: unknown flag --ratio; did you mean --ratios?"),
    ],
)
def test_a_mistake_is_one_line(here, mistake, flags, message):
    assert mistake(["train", *flags]).startswith(message)
    assert not list(here.iterdir())
