"""Memory stays flat over a long run; run with ``make soak``."""

import time

import numpy as np
import psutil
import pytest

from tests.soak import programs

pytestmark = pytest.mark.slow

NETWORKS = 16_000
FLAGS = [
    "--scales", "0.1", "--dims", "16", "--widths", "64", "--networks", str(NETWORKS),
    "--examples", "8", "--starts", "2", "--tolerances", "1e-2", "--max-steps", "200",
]  # fmt: skip


def test_memory_stays_flat(tmp_path):
    process, megabytes = programs.start(tmp_path, FLAGS), []
    watched = psutil.Process(process.pid)
    while process.poll() is None and (complete := programs.num_complete(tmp_path)) < NETWORKS:
        if complete > NETWORKS // 20:
            megabytes.append(watched.memory_info().rss / 1e6)
        time.sleep(1)
    programs.end(process)
    tenth = max(1, len(megabytes) // 10)
    first, last = np.mean(megabytes[:tenth]), np.mean(megabytes[-tenth:])
    print(f"\nresident memory in {len(megabytes)} samples: from {first:.0f} to {last:.0f} MB")
    assert last < 1.1 * first
