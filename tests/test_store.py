"""Stores: refusals, and nothing half made."""

import numpy as np
import pytest
import xarray as xr

import jaxadv as ja
from jaxadv import store
from jaxadv.store import ArraySpec, Store

SPEC = {"count": ArraySpec(("run",), (4,), (2,), "int32", {"units": "1"})}
COORDS = xr.Dataset(coords={"run": ("run", np.arange(4))}, attrs={"title": "test"})


def test_blocks_are_written_where_they_belong(tmp_path):
    target = Store.create(tmp_path / "run", "abc", COORDS, SPEC)
    target.write({"run": slice(2, 4)}, {"count": np.array([5, 6])})
    again = Store.create(tmp_path / "run", "abc", COORDS, SPEC)
    assert again.read("count").tolist() == [0, 0, 5, 6]
    assert again.dataset().attrs["title"] == "test"


def test_a_file_or_another_identity_is_refused_and_left_alone(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="is a file"):
        Store.create(tmp_path / "file", "abc", COORDS, SPEC)
    assert (tmp_path / "file").read_text() == "mine"
    Store.create(tmp_path / "run", "abc", COORDS, SPEC)
    with pytest.raises(ValueError, match="another sweep, abc, not xyz"):
        Store.create(tmp_path / "run", "xyz", COORDS, SPEC)


def test_a_folder_with_other_things_keeps_them(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    Store.create(tmp_path, "abc", COORDS, SPEC)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_store_that_is_not_there_or_not_readable_says_so(tmp_path):
    with pytest.raises(ValueError, match="there is no sweep"):
        ja.open_sweep(tmp_path)
    (tmp_path / store.DATA).mkdir()
    with pytest.raises(ValueError, match="cannot read"):
        ja.open_sweep(tmp_path)
    (tmp_path / store.DATA / "zarr.json").write_text("{")
    with pytest.raises(ValueError, match="cannot read"):
        ja.open_sweep(tmp_path)


def test_a_creation_that_fails_leaves_no_store(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr(store, "_lay_out", broken)
    with pytest.raises(OSError, match="disk full"):
        Store.create(tmp_path, "abc", COORDS, SPEC)
    assert not (tmp_path / store.DATA).exists()
