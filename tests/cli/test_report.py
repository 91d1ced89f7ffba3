"""`jaxadv report`: it runs, judges, and writes the same files again."""

import json

import pytest

from jaxadv.cli.main import main

CONFIG = """
dims = [4]
widths = [8]
scales = [0.1, 0.3, 1]
networks = 3
examples = 2
starts = 1
max_steps = 2000
"""


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("configs")
    (folder / "small.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def written(configs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    main(["report", str(folder), "--run", str(configs), "--quick"])
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_report_is_written_with_its_figures(written):
    text = (written / "report.md").read_text()
    for line in text.splitlines():
        if line.startswith("!["):
            assert (written / line.split("](")[1].rstrip(")")).exists()
    assert {entry["verdict"] for entry in json.loads((written / "report.json").read_text())} == {
        "inconclusive"
    }


def test_the_same_sweeps_give_the_same_files(configs, written, capsys):
    before = contents(written)
    main(["report", str(written), "--run", str(configs)])
    assert contents(written) == before
    assert "C1-dim              inconclusive" in capsys.readouterr().out


def test_a_sweeps_own_folder_is_enough(written, capsys):
    main(["report", str(written / "small")])
    assert "| small | 4 | 8 |" in (written / "small" / "report.md").read_text()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "error: Missing from jaxadv report: PATH the folder of an experiment"),
        (["nowhere"], "folder: no experiment in 'nowhere'"),
        (["nowhere", "--run", "here"], "run: no TOML files in 'here'"),
        (["nowhere", "--quikc"], "error: unknown flag --quikc; did you mean --quick?"),
        (["--quikc", "nowhere"], "error: unknown flag --quikc; did you mean --quick?"),
    ],
)
def test_a_mistake_is_one_line(here, mistake, args, message):
    assert message in mistake(["report", *args])
    assert not list(here.iterdir())


def test_a_mistake_in_any_config_is_found_before_anything_runs(tmp_path, mistake):
    (tmp_path / "a.toml").write_text(CONFIG)
    (tmp_path / "b.toml").write_text("scales = [-1]")
    error = mistake(["report", str(tmp_path / "there"), "--run", str(tmp_path)])
    assert "scales: -1 must be a positive number" in error
    assert not (tmp_path / "there").exists()


def test_folders_may_be_in_the_users_home(here, mistake, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    for args, message in (
        (["~/none"], f"folder: no experiment in '{here}/none'"),
        (["~/none", "--run", "~/configs"], f"run: no TOML files in '{here}/configs'"),
        (["~nobody-of-this-name/none"], "folder: '~nobody-of-this-name/none' is in no home"),
    ):
        assert message in mistake(["report", *args])
    assert not list(here.iterdir())
