"""What the tests of commands share."""

import sys

import pytest

from jaxadv.cli.main import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder, which a command may add to Python's path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


@pytest.fixture
def mistake(capsys):
    """The one line that a mistake prints; the command must exit with 2 and print nothing else."""

    def line_of(args):
        with pytest.raises(SystemExit) as stop:
            main(args)
        assert stop.value.code == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        return err

    return line_of
