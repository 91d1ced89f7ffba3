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


def test_sweeps_and_trainings_are_opened_and_landscapes_left_out(tmp_path):
    unpack(tmp_path, "sweep", "training", "landscape")
    datasets, left_out = open_experiments(tmp_path)
    assert list(datasets) == ["sweep", "training"]
    assert left_out == ["landscape, a landscape, on which there are no claims"]


def test_a_folder_may_be_a_store_itself(tmp_path):
    unpack(tmp_path, "sweep")
    datasets, _ = open_experiments(tmp_path / "sweep")
    assert list(datasets) == ["sweep"]


def test_where_there_is_nothing_to_judge_the_reason_is_said(tmp_path):
    with pytest.raises(ValueError, match="folder: no sweep in"):
        open_experiments(tmp_path)
    unpack(tmp_path, "landscape")
    with pytest.raises(ValueError, match="landscape, a landscape, on which there are no claims"):
        open_experiments(tmp_path)
