"""Where stores are: what is refused, what is taken up, and what is deleted."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import pytest
from upath import UPath

from jaxadv.grid import places
from jaxadv.grid.store import Store
from tests.grid.test_store import IDENTITY, create, spec


def test_a_file_or_another_identity_is_refused_and_left_alone(tmp_path):
    (tmp_path / "file").write_text("mine")
    for path in (tmp_path / "file", tmp_path / "file" / "within"):
        with pytest.raises(ValueError, match="is a file"):
            create(path)
    assert (tmp_path / "file").read_text() == "mine"
    create(tmp_path / "run")
    with pytest.raises(ValueError, match=r"was made with seed 0, not 1; give another folder"):
        create(tmp_path / "run", other(seed=1))
    with pytest.raises(ValueError, match=r"precision None, not double"):
        places.check(tmp_path / "run", other(precision="double"))
    with pytest.raises(ValueError, match="holds a count, not a sum; give another folder"):
        places.check(tmp_path / "run", dataclasses.replace(IDENTITY, experiment="sum"))


def other(**entries):
    """The identity with further entries."""
    return dataclasses.replace(IDENTITY, entries={**IDENTITY.entries, **entries})


@pytest.mark.parametrize(
    ("name", "found", "message"),
    [
        ("format", places.FORMAT + 1, "use the version that made it"),
        ("format", None, "has format None"),
        ("maker", "somebody", "was not made by jaxadv"),
    ],
)
def test_another_format_or_maker_is_refused_and_left_alone(tmp_path, name, found, message):
    create(tmp_path)
    root = tmp_path / places.DATA / "zarr.json"
    metadata = json.loads(root.read_text())
    metadata["attributes"][name] = found
    root.write_text(json.dumps(metadata))
    before = root.read_text()
    for attempt in (create, Store.open, places.delete):
        with pytest.raises(ValueError, match=message):
            attempt(tmp_path)
    assert root.read_text() == before


def test_a_store_that_is_not_there_or_not_readable_says_so(tmp_path):
    with pytest.raises(ValueError, match="there is none"):
        Store.open(tmp_path)
    (tmp_path / places.DATA / "inner").mkdir(parents=True)
    with pytest.raises(ValueError, match="cannot read"):
        Store.open(tmp_path)
    (tmp_path / places.DATA / "zarr.json").write_text("{")
    with pytest.raises(ValueError, match="cannot read"):
        create(tmp_path)


def test_what_a_kill_leaves_of_a_creation_is_no_store_yet(tmp_path):
    (tmp_path / places.DATA).mkdir()
    (tmp_path / places.DATA / "zarr.0123.partial").write_text("{")
    places.check(tmp_path, IDENTITY)
    places.delete(tmp_path)
    with pytest.raises(ValueError, match="there is none"):
        Store.open(tmp_path)
    create(tmp_path).lay_out({"count": spec()})
    assert Store.open(tmp_path).read("count").tolist() == [0] * 4


def test_what_a_kill_leaves_of_a_deletion_can_be_deleted(path, monkeypatch):
    create(path).lay_out({"one": spec(), "two": spec()})

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(path / places.DATA / places.ROOT), "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            places.delete(path)
    assert create(path).sizes("one") == {}
    places.delete(path)
    assert create(path).sizes("one") == {}


def test_only_our_own_data_is_deleted(path):
    places.delete(path)
    create(path)
    (path / "notes.txt").write_text("mine")
    places.delete(path)
    with pytest.raises(ValueError, match="there is none"):
        Store.open(path)
    assert (path / "notes.txt").read_text() == "mine"
    (path / places.DATA / "inner").mkdir(parents=True, exist_ok=True)
    (path / places.DATA / "inner" / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="cannot read"):
        places.delete(path)
    assert (path / places.DATA / "inner" / "thesis.txt").read_text() == "mine"


def test_a_path_may_begin_with_the_users_home_and_an_address_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("~/run", Path("~/run"), UPath("~/run")):
        assert places.place(path) == tmp_path / "run"
    assert places.place("memory://~/run").path.endswith("~/run")
    with pytest.raises(ValueError, match=r"store: cannot reach '~nobody-of-this-name/run': .*home"):
        places.place("~nobody-of-this-name/run")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere://bucket/run", "Unsupported filesystem: 'nowhere'"),
        ("gs://bucket/run", "Please install gcsfs"),
    ],
)
def test_addresses_that_cannot_be_reached_say_why(address, message):
    if address.startswith("gs") and importlib.util.find_spec("gcsfs"):
        pytest.skip("gcsfs is there")
    with pytest.raises(ValueError, match=f"store: cannot reach '{address}': .*{message}"):
        places.place(address)
