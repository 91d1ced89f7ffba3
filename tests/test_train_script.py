"""`python scripts/train.py`: what it writes, and its answer to mistakes."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
TINY = [
    "--scales", "0.3,3", "--rates", "0.1", "--dims", "4", "--widths", "8", "--networks", "2",
    "--examples", "6", "--test-examples", "4", "--steps", "3", "--strong-steps", "20",
]  # fmt: skip


def load(name):
    spec = importlib.util.spec_from_file_location(f"{name}_script", SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script():
    return load("train")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_writes_figures_a_table_and_a_report_and_claims_are_judged_on_it(script, here, capsys):
    script.main([*TINY, "--store", "run"])
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
    assert "C2-late         inconclusive" in out
    # Three steps are neither of the first phases.
    assert "**To the end**" in text
    assert "**In the first 10 steps**" not in text

    load("report").main(["."])
    report = (here / "report.md").read_text()
    assert "### C2-late" in report
    assert "(run/curves-sgd.png)" in report
    assert "C1-dim" not in report


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--scales", "0.1,x"], "error: scales: 'x' is not a number"),
        (["--data", "mnist", "--data-dir", "nowhere"], "error: data_dir: there is no folder 'now"),
        (["--devices", "0"], "error: devices: 0 must be a whole number from 1"),
        (["--rates", "", "--optimizers", "adam"], "error: rates: none"),
        (["--ratio", "0.1"], "error: "),
    ],
)
def test_a_mistake_is_one_line(script, here, capsys, flags, message):
    with pytest.raises(SystemExit) as stop:
        script.main(flags)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1
    assert not list(here.iterdir())
