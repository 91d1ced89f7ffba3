"""The experiments of a folder are opened by name, and what is left out is said."""

import zipfile
from pathlib import Path

import pytest

from jaxadv.reports.experiments import open_experiments

STORES = Path(__file__).parent.parent / "data"


def unpack(folder, *names):
    for name in names:
        with zipfile.ZipFile(STORES / f"{name}-store-0.1.zip") as archive:
            archive.extractall(folder)


def test_all_experiments_are_opened_and_critical_points_left_out(tmp_path):
    unpack(tmp_path, "sweep", "training", "landscape", "critical")
    datasets, left_out = open_experiments(tmp_path)
    assert list(datasets) == ["landscape", "sweep", "training"]
    assert left_out == ["critical, critical points, on which there are no claims"]


def test_a_folder_may_be_a_store_itself(tmp_path):
    unpack(tmp_path, "sweep")
    datasets, _ = open_experiments(tmp_path / "sweep")
    assert list(datasets) == ["sweep"]


def test_where_there_is_nothing_to_judge_the_reason_is_said(tmp_path):
    with pytest.raises(ValueError, match="folder: no experiment in"):
        open_experiments(tmp_path)
    unpack(tmp_path, "critical")
    with pytest.raises(ValueError, match="critical, critical points, on which there are no"):
        open_experiments(tmp_path)
