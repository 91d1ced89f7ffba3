"""Stores: blocks where they belong, growth, notes, and what is damaged."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from jaxadv.grid import places
from jaxadv.grid.identity import Identity
from jaxadv.grid.store import NOTES, ArraySpec, Store

README = Path(__file__).parents[2] / "README.md"
IDENTITY = Identity("count", {"seed": 0, "tolerances": (0.1, 0.01)})


def spec(runs=4, dtype="int32", chunk=2):
    return ArraySpec(("run",), (runs,), (chunk,), dtype, {"units": "1"})


def create(path, identity=IDENTITY):
    return Store.create(path, identity, {"title": "test"})


def test_blocks_are_written_where_they_belong(path):
    target = create(path)
    target.lay_out({"count": spec()})
    target.write({"count": np.array([5, 6])}, {"run": slice(2, 4)})
    again = create(path)
    assert again.read("count").tolist() == [0, 0, 5, 6]
    assert again.read("count", {"run": [3]}).tolist() == [6]
    assert again.dataset().attrs["title"] == "test"


def test_arrays_grow_and_shrink_and_keep_what_they_hold(path):
    target = create(path)
    target.lay_out({"count": spec(3), "mean": spec(3, "float32")})
    target.write({"count": np.arange(3)}, {})
    target.lay_out({"count": spec(5, chunk=100), "name": spec(2, np.dtypes.StringDType())})
    assert target.read("count").tolist() == [0, 1, 2, 0, 0]
    assert target.chunks("count") == {"run": 2}
    assert target.sizes("count") == {"run": 5}
    assert target.sizes("missing") == {}
    assert target.read("name").tolist() == ["", ""]
    assert np.isnan(target.read("mean")).all()
    target.lay_out({"count": spec(2)})
    target.lay_out({"count": spec(4)})
    assert target.read("count").tolist() == [0, 1, 0, 0]


def test_notes_are_kept_beside_the_data(path):
    target = create(path)
    target.note("b", {"steps": 1})
    target.note("a", {"steps": 2, "nested": {"list": [1, "x"]}})
    target.note("b", {"steps": 3})
    assert create(path).notes() == {
        "a": {"steps": 2, "nested": {"list": [1, "x"]}},
        "b": {"steps": 3},
    }
    assert target.note_of("b") == {"steps": 3}
    assert target.note_of("c") == {}


def test_xarray_opens_a_store_as_the_readme_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    target = create(Path("results/mine"))
    target.lay_out({"count": spec()})
    target.note("a", {"steps": 2})
    opened = xr.open_zarr("results/mine/data.zarr", consolidated=False)
    xr.testing.assert_identical(opened.load(), target.dataset().load())
    assert '`xr.open_zarr("results/mine/data.zarr", consolidated=False)`' in README.read_text()


def test_damaged_chunks_can_be_erased(path):
    target = create(path)
    target.lay_out({"count": spec(3)})
    target.write({"count": np.array([1, 2, 3])}, {})
    for chunk in ("c.0", "c.1"):
        (path / places.DATA / "count" / chunk).write_bytes(b"damaged")
    with pytest.raises(places.DAMAGED):
        target.read("count")
    target.erase(["count"], {"run": [2]})
    assert target.read("count", {"run": [2]}).tolist() == [0]
    target.erase(["count"], {"run": slice(0, 1)})
    assert target.read("count").tolist() == [0, 0, 0]
    target.erase(["count"], {})


def test_an_array_that_is_damaged_says_what_to_delete(tmp_path):
    create(tmp_path).lay_out({"count": spec()})
    (tmp_path / places.DATA / "count" / "zarr.json").write_text("{")
    with pytest.raises(ValueError, match=r"array 'count' .* delete its folder"):
        create(tmp_path).read("count")


def test_a_creation_that_was_cut_short_is_taken_up(tmp_path, monkeypatch):
    def broken(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("zarr.Group.update_attributes", broken)
        with pytest.raises(OSError, match=r"cannot write to .*: No space left on device; what was"):
            create(tmp_path)
    with pytest.raises(ValueError, match="there is none"):
        Store.open(tmp_path)
    create(tmp_path)
    Store.open(tmp_path)


def test_what_a_kill_leaves_of_a_note_is_passed_over(tmp_path):
    target = create(tmp_path)
    target.note("a", {"steps": 1})
    (tmp_path / places.DATA / NOTES / "b").mkdir()
    assert target.notes() == {"a": {"steps": 1}}


def test_descriptions_that_were_gathered_once_do_not_hide_growth(tmp_path):
    target = create(tmp_path)
    target.lay_out({"count": spec(2)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(tmp_path / places.DATA)
    create(tmp_path).lay_out({"count": spec(4)})
    assert create(tmp_path).sizes("count") == {"run": 4}


def test_a_store_that_was_stopped_while_it_grew_says_so(tmp_path):
    target = create(tmp_path)
    target.lay_out({"one": spec(2), "two": spec(3)})
    with pytest.raises(ValueError, match="stopped while it grew"):
        target.dataset()
