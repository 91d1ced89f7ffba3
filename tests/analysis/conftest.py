"""A small sweep and empty axes."""

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import pytest

import jaxadv as ja
from jaxadv.analysis.plots.style import STYLE

SWEEP = ja.Sweep(
    scales=(10.0, 0.1), ratios=(0.1, 0.2), dims=8, widths=32, networks=3, examples=4, starts=2,
    max_steps=300,
)  # fmt: skip


@pytest.fixture(scope="session")
def sweep():
    return SWEEP


@pytest.fixture(scope="session")
def dataset():
    return ja.run_sweep(SWEEP, progress=False)


@pytest.fixture
def axes():
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots()
        yield axes
        plt.close(figure)
