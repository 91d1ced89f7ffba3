"""`python scripts/report.py`: it runs, judges, and writes the same files again."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "report.py"
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
def script():
    spec = importlib.util.spec_from_file_location("report_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where tyro looks for the words of its options
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def configs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("configs")
    (folder / "small.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def written(script, configs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    script.main([str(folder), "--run", str(configs), "--quick"])
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


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


def test_the_same_sweeps_give_the_same_files(script, configs, written, capsys):
    before = contents(written)
    script.main([str(written), "--run", str(configs)])
    assert contents(written) == before
    assert "C1-dim          inconclusive" in capsys.readouterr().out


def test_a_sweeps_own_folder_is_enough(script, written, capsys):
    script.main([str(written / "small")])
    assert "| small | 4 | 8 |" in (written / "small" / "report.md").read_text()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "Required options"),
        (["nowhere"], "folder: no sweep in 'nowhere'"),
        (["nowhere", "--run", "here"], "run: no TOML files in 'here'"),
        (["nowhere", "--quack"], "--quack"),
    ],
)
def test_a_mistake_is_one_line(script, here, capsys, args, message):
    with pytest.raises(SystemExit) as stop:
        script.main(args)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(here.iterdir())


def test_a_mistake_in_any_config_is_found_before_anything_runs(script, tmp_path, capsys):
    (tmp_path / "a.toml").write_text(CONFIG)
    (tmp_path / "b.toml").write_text("scales = [-1]")
    with pytest.raises(SystemExit):
        script.main([str(tmp_path / "there"), "--run", str(tmp_path)])
    assert "scales: -1 must be a positive number" in capsys.readouterr().err
    assert not (tmp_path / "there").exists()


def test_folders_may_be_in_the_users_home(script, here, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    for args, message in (
        (["~/none"], f"folder: no sweep in '{here}/none'"),
        (["~/none", "--run", "~/configs"], f"run: no TOML files in '{here}/configs'"),
        (["~nobody-of-this-name/none"], "folder: '~nobody-of-this-name/none' is in no home"),
    ):
        with pytest.raises(SystemExit):
            script.main(args)
        assert message in capsys.readouterr().err
    assert not list(here.iterdir())
