"""The program `jaxadv` as a whole: what it says without running anything."""

import subprocess
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import pytest

import jaxadv as ja
from jaxadv.cli.commands import COMMANDS, Command, Output
from jaxadv.cli.flags import renamed
from jaxadv.cli.main import main, read
from jaxadv.cli.mistakes import warnings_as_notes

ROOT = Path(ja.__file__).parent.parent
NAMES = [command.name for command in COMMANDS]
HEAVY = ("jax", "jaxlib", "xarray", "zarr", "matplotlib", "pandas", "scipy")


def program(*args):
    return subprocess.run(
        [sys.executable, "-m", "jaxadv", *args], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("args", [["--help"], *([name, "--help"] for name in NAMES)], ids=" ".join)
def test_help_is_there_in_a_moment(args):
    """No library that takes long to import is imported."""
    code = (
        "import sys\nfrom jaxadv.cli.main import main\n"
        f"try: main({args})\n"
        f"finally: assert not set({HEAVY}) & set(sys.modules), sorted(sys.modules)"
    )
    start = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert "Example: jaxadv" in run.stdout
    # Under half a second on a machine that does nothing else.
    assert time.perf_counter() - start < 5


def test_help_explains_every_field():
    text = program("sweep", "--help").stdout
    for flag in ("--scales A,B,…", "--step-sizes", "--config", "--store", "--data-dir", "--fresh"):
        assert flag in text
    words = " ".join(text.replace("│", " ").split())
    assert "perturbation ratios ρ" in words
    assert "(default: 0.01,0.001,0.0001)" in words
    assert "The grid is the product of scales, ratios," in words
    assert "by default a folder in results/" in words


@pytest.mark.parametrize("name", NAMES)
def test_every_flag_has_words_and_the_help_names_no_other_default(capsys, name):
    with pytest.raises(SystemExit) as stop:
        read([name, "--help"])
    assert stop.value.code == 0
    lines = [line.strip("│ ") for line in capsys.readouterr().out.splitlines()]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("--"):
            explained = line.split("  ")[-1] if "  " in line else following
            assert explained.strip()
            assert not explained.startswith("(default")
    assert "unset" not in " ".join(lines)


def test_the_version_is_that_of_the_package(capsys):
    main(["--version"])
    assert capsys.readouterr().out == f"jaxadv {version('jaxadv')}\n"


def test_completions_are_written(tmp_path):
    run = program("--tyro-write-completion", "bash", str(tmp_path / "jaxadv"))
    assert run.returncode == 0
    text = (tmp_path / "jaxadv").read_text()
    assert "--tolerances" in text
    assert "--sharpness-rates" in text


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            [],
            "error: command: none is given. Known are sweep, landscape, train, attack, report,",
        ),
        (["swep"], "error: command: unknown 'swep'; did you mean 'sweep'?"),
        (["--scales", "1"], "error: command: unknown '--scales'"),
        (["--versoin"], "error: command: unknown '--versoin'"),
        (["--tyro-print-completion", "sh"], "error: --tyro-print-completion: give a shell, bash"),
        (["--tyro-write-completion", "bash"], "error: --tyro-write-completion: give a shell, bash"),
        (["info", "--verbose"], "error: unknown flag --verbose"),
        (["info", "all"], "error: unexpected 'all'"),
    ],
)
def test_a_mistake_is_one_line(here, mistake, args, message):
    assert mistake(args).startswith(message)
    assert not list(here.iterdir())


def test_a_script_is_the_command_of_its_name():
    for name in ("sweep", "landscape", "train", "report"):
        words = [sys.executable, ROOT / "scripts" / f"{name}.py", "--help"]
        run = subprocess.run(words, capture_output=True, text=True, check=True)
        assert run.stdout == program(name, "--help").stdout
        assert run.stdout.startswith(f"usage: jaxadv {name}")


def test_info_says_what_a_report_of_a_bug_needs(capsys):
    main(["info"])
    facts = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert facts["jaxadv"] == version("jaxadv")
    assert facts["Python"] == sys.version.split()[0]
    assert facts["devices"] == f"{len(ja.use_devices())} × cpu (cpu)"
    assert {"jax", "jaxlib", "numpy", "optax", "xarray", "zarr"} <= set(facts)
    assert facts["jax_compilation_cache_dir"].endswith("programs")


class Renamed:
    former_names: ClassVar = {"dim": "dims", "step_size": "step_sizes"}


def test_a_flag_by_its_former_name_is_taken_and_noted(capsys):
    args = ["--dim", "3", "--dim=4", "--dims", "5", "--step-size", "1", "--dimension", "dim"]
    now = ["--dims", "3", "--dims=4", "--dims", "5", "--step-sizes", "1", "--dimension", "dim"]
    assert renamed(args, [Renamed, Output]) == now
    assert capsys.readouterr().err == (
        "note: --dim is now --dims\n" * 2 + "note: --step-size is now --step-sizes\n"
    )
    assert renamed(args, [Output]) == args
    assert capsys.readouterr().err == ""


def test_a_warning_about_a_file_is_one_line(capsys):
    with warnings_as_notes():
        warnings.warn("dim: is now named dims", DeprecationWarning, stacklevel=1)
    assert capsys.readouterr().err == "note: dim: is now named dims\n"


def test_parts_of_a_command_share_no_flag():
    for command in COMMANDS:
        names = [name for part in command.parts for name in part.__dataclass_fields__]
        assert len(names) == len(set(names)), command.name
        assert isinstance(command, Command)
    assert Output() == Output(config=None, store=None, fresh=False)
