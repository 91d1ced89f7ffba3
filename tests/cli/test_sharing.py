"""`--dask`: a command's work on the workers of a scheduler, and the answer where there is none."""

import socket
import sys
import time

import pytest
from distributed import LocalCluster

import jaxadv as ja
from jaxadv.cli import sharing
from jaxadv.cli.main import main, read
from jaxadv.reports.sweep import as_text, summarize

TINY = [
    "--dims", "4", "--widths", "8", "--networks", "2", "--examples", "2", "--starts", "1",
    "--scales", "0.1,0.2,0.3,0.4", "--max-steps", "500",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("same_rounding")
def test_a_sweep_on_the_workers_of_dask_prints_the_table_of_a_plain_one(here, capsys):
    options = {"threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(n_workers=1, host="127.0.0.1", **options) as cluster:
        main(["sweep", *TINY, "--store", "run", "--dask", cluster.scheduler_address])
    assert "ClientExecutor" in ja.open("run").attrs["runs"]
    _, (sweep, *_) = read(["sweep", *TINY])
    plain = summarize(ja.run_sweep(sweep, devices=1, progress=False))
    assert capsys.readouterr().out.startswith(as_text(plain, sweep.max_steps))


def test_an_address_where_nothing_listens_is_one_line_within_seconds(here, mistake, monkeypatch):
    assert sharing.TIMEOUT <= 10
    monkeypatch.setattr(sharing, "TIMEOUT", 1)
    with socket.socket() as taken:  # and does not listen
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        start = time.perf_counter()
        assert f"error: dask: no scheduler at '{address}'" in mistake(["sweep", "--dask", address])
    assert time.perf_counter() - start < 10
    assert list(here.iterdir()) == []


def test_without_the_package_a_line_says_what_to_install(here, mistake, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    line = mistake(["sweep", "--dask", "tcp://127.0.0.1:8786"])
    assert "dask: needs the package distributed" in line
    assert "pip install 'jaxadv[cluster]'" in line
    assert list(here.iterdir()) == []
