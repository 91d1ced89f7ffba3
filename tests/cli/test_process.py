"""How a command is stopped, what it says to type again, and how it reads tyro's errors."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from jaxadv.cli.mistakes import errors_in_one_line, message_in
from jaxadv.cli.process import command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_program_at_once_and_says_how_to_go_on(number):
    code = (
        "import sys, time; from jaxadv.cli.process import command, stop_at_once\n"
        "sys.argv = ['sweep.py', '--fresh', '--data', 'my file.npz']\n"
        "again = command(without=['--fresh'])\n"
        "stop_at_once(f'to go on: {again}'); print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", code], **pipes)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=10)
    assert err == "\nto go on: python sweep.py --data 'my file.npz'\n"
    assert process.returncode == 128 + number


@pytest.mark.parametrize(
    ("path", "program"),
    [
        ("/home/me/.venv/bin/jaxadv", "jaxadv sweep"),
        ("jaxadv.exe", "jaxadv sweep"),
        ("/lib/jaxadv/__main__.py", "python -m jaxadv sweep"),
        ("scripts/sweep.py", "python scripts/sweep.py sweep"),
    ],
)
def test_the_command_is_said_as_it_was_typed(monkeypatch, path, program):
    monkeypatch.setattr(sys, "argv", [path, "sweep", "--scales", "0.1,1"])
    assert command() == f"{program} --scales 0.1,1"


@pytest.mark.parametrize("args", [["--help"], ["sweep", "--help"], ["--version"], ["info"]])
def test_where_nobody_reads_the_output_a_command_ends_silently(args):
    reading, writing = os.pipe()
    os.close(reading)
    line = [sys.executable, "-m", "jaxadv", *args]
    ended = subprocess.run(line, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert ended.stderr == b""
    assert ended.returncode == 141


def test_a_broken_connection_is_said_while_the_output_is_read(capfd):
    with pytest.raises(SystemExit) as stop, errors_in_one_line():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
    assert stop.value.code == 2
    assert capfd.readouterr().err == f"error: [Errno {errno.EPIPE}] Broken pipe\n"


def test_what_a_box_says_is_read_with_and_without_line_characters():
    text = "one thing and another"
    drawn = ["╭─ Bad ───────╮", "│ one thing   │", "│ and another │", "│ ─────────── │", "│ Help │"]
    plain = [" Bad ", " --------- ", "  one thing ", "  and another", "  ---------", "  Help", "  "]
    assert message_in("\n".join(drawn)) == message_in("\n".join(plain)) == text
