"""Locks: alone or shared, refused or waited for, free after any end."""

import signal
import subprocess
import sys
from pathlib import Path

import portalocker
import pytest

from jaxadv.grid import locks
from jaxadv.grid.locks import locked


def test_a_lock_is_for_one_alone_or_for_several_that_share_it(tmp_path):
    path = tmp_path / "new" / ".lock"
    refused = pytest.raises(ValueError, match="is in use by another run")
    with locked(path, shared=True), locked(path, shared=True), refused, locked(path):
        pass
    with locked(path):
        for shared in (True, False):
            with pytest.raises(ValueError, match="in use"), locked(path, shared=shared):
                pass
    with locked(path):
        pass


def test_a_crash_sets_a_lock_free(tmp_path):
    path = tmp_path / ".lock"
    code = (
        "import sys, time, pathlib; from jaxadv.grid.locks import locked\n"
        "with locked(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    with pytest.raises(ValueError, match="in use"), locked(path):
        pass
    process.send_signal(signal.SIGKILL)
    # Waits for the kill to be done.
    with locked(path, wait=True):
        pass
    process.communicate()


def test_a_folder_that_cannot_be_written_to_says_so():
    if not Path("/proc").is_dir():
        pytest.skip("no folder that even root cannot write to")
    with pytest.raises(OSError, match="cannot write to '/proc/jaxadv'"):
        locked(Path("/proc/jaxadv/.lock")).__enter__()


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch):
    def unsupported(*_):
        raise portalocker.LockException("not supported")

    monkeypatch.setattr(locks.portalocker, "lock", unsupported)
    with pytest.warns(UserWarning, match="has no locks"), locked(tmp_path / ".lock"):
        pass
