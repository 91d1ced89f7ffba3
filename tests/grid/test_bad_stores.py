"""Stores that something has happened to: one line or a repair, in all experiments alike."""

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import pytest
import xarray as xr
from zarr.storage import LocalStore

import jaxadv as ja
from jaxadv.grid import run as grid_run
from jaxadv.grid.locks import locked
from jaxadv.grid.places import DATA


@dataclass(frozen=True)
class Experiment:
    """An experiment: its specification, what runs it, and a variable and its unit of work."""

    spec: Any
    run: Callable[..., xr.Dataset]
    variable: str
    count: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, store, spec=None, *, devices=1, **options):
        options = {"devices": devices, "progress": False, **self.options, **options}
        return self.run(spec or self.spec, store, **options)


LANDSCAPE = ja.Landscape(
    scales=(0.3, 3.0), dims=2, widths=4, networks=2, examples=1, starts=4, max_steps=100
)
EXPERIMENTS = {
    "sweep": Experiment(
        ja.Sweep(
            scales=(0.1, 1.0), dims=3, widths=4, networks=2, examples=1, starts=1, max_steps=200
        ),
        ja.run_sweep, "residual", "trials_run",
    ),
    "landscape": Experiment(LANDSCAPE, ja.run_landscape, "loss_end", "networks_run"),
    "critical": Experiment(LANDSCAPE, ja.run_critical, "maxima", "networks_run", {"starts": 8}),
    "training": Experiment(
        ja.Training(
            scales=(0.3, 3.0), ratios=0.1, optimizers="adam", rates=0.05, steps=2, dims=3,
            widths=4, networks=2, examples=4, test_examples=2, attack_steps=2, strong_steps=2,
        ),
        ja.run_training, "robust_loss", "evaluations_run",
    ),
}  # fmt: skip


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.slow if name == "critical" else [])
        for name in EXPERIMENTS
    ],
)
def experiment(request):
    return EXPERIMENTS[request.param]


@pytest.fixture(scope="module")
def finished(experiment, tmp_path_factory):
    """A complete store; to be copied before something happens to it."""
    store = tmp_path_factory.mktemp("finished") / "run"
    experiment(store)
    return store


@pytest.fixture
def store(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def records(dataset):
    return dataset.load().drop_attrs()


def counts_of(dataset, experiment):
    """What each run on a store has done."""
    return [note.get(experiment.count, 0) for note in json.loads(dataset.attrs["runs"])]


def chunks(store, experiment):
    return sorted((store / DATA / experiment.variable).glob("c.*"))


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("devices", ["two cores", "two devices of JAX"])
def test_two_devices_give_the_bits_of_one(experiment, finished, monkeypatch, devices):
    """A CPU is one device of JAX. For each of several, such as accelerators, one compiles."""
    if devices == "two devices of JAX":
        monkeypatch.setattr(grid_run, "use_devices", lambda _: jax.local_devices()[:2])
    both = experiment(None, devices=2)
    assert counts_of(both, experiment) == counts_of(ja.open(finished), experiment)
    xr.testing.assert_equal(records(both), records(ja.open(finished)))


def test_shards_share_the_work(experiment, finished, tmp_path):
    expected = records(ja.open(finished))
    for index in (1, 0):
        part = experiment(tmp_path / "shards", shard=(index, 2))
        assert bool(part.complete.all()) == (index == 0)
    xr.testing.assert_equal(records(part), expected)


DAMAGES = {
    "deleted": Path.unlink,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:5]),
    "emptied": lambda path: path.write_bytes(b""),
    "edited": flip_a_byte,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_chunk_that_is_not_what_was_written_is_run_again(experiment, store, finished, damage):
    expected = records(ja.open(finished))
    DAMAGES[damage](chunks(store, experiment)[0])
    mended = experiment(store)
    xr.testing.assert_equal(records(mended), expected)
    assert len(counts_of(mended, experiment)) == 2
    xr.testing.assert_equal(records(ja.open(store)), expected)
    assert counts_of(experiment(store), experiment) == counts_of(mended, experiment)


def test_a_chunk_of_another_store_is_run_again(experiment, store, finished, tmp_path):
    experiment(tmp_path / "other", dataclasses.replace(experiment.spec, seed=1))
    one, other = (chunks(path, experiment)[0] for path in (store, tmp_path / "other"))
    if one.read_bytes() == other.read_bytes():  # small counts can be the same
        one.write_bytes(b"")
    else:
        shutil.copy(other, one)
    mended = experiment(store)
    xr.testing.assert_equal(records(mended), records(ja.open(finished)))
    assert len(counts_of(mended, experiment)) == 2


@pytest.mark.parametrize("array", ["complete", "checksum"])
@pytest.mark.parametrize("damage", ["deleted", "truncated"])
def test_flags_and_checksums_can_be_lost(experiment, store, finished, array, damage):
    DAMAGES[damage](min((store / DATA / array).glob("c.*")))
    xr.testing.assert_equal(records(experiment(store)), records(ja.open(finished)))


@pytest.mark.parametrize("name", ["variable", "complete", "checksum"])
def test_a_whole_array_can_be_lost(experiment, store, finished, name):
    array = experiment.variable if name == "variable" else name
    shutil.rmtree(store / DATA / array)
    if name != "checksum":
        with pytest.raises(
            ValueError, match=f"store: has no array '{array}'; run the command that made it"
        ):
            ja.open(store)
    xr.testing.assert_equal(records(experiment(store)), records(ja.open(finished)))


@pytest.mark.parametrize("text", [None, "edited by hand"])
def test_a_manifest_that_is_lost_or_edited_is_written_again(experiment, store, finished, text):
    manifest = store / "manifest.json"
    manifest.unlink() if text is None else manifest.write_text(text)
    again = experiment(store)
    assert json.loads(manifest.read_text()) == json.loads((finished / "manifest.json").read_text())
    assert len(counts_of(again, experiment)) == 1  # nothing was run


def assert_refused(experiment, store, message, **options):
    """In one line, with nothing changed."""
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    with pytest.raises((ValueError, OSError), match=message) as error:
        experiment(store, **options)
    assert "\n" not in str(error.value)
    after = {path: path.stat().st_mtime_ns for path in store.rglob("*") if ".lock" not in path.name}
    assert after == {path: time for path, time in before.items() if path in after}
    assert set(before) <= {*after, *store.glob(".lock*")}


def test_metadata_that_cannot_be_read_is_named(experiment, store):
    (store / DATA / "zarr.json").write_text("{")
    assert_refused(experiment, store, "store: cannot read .*zarr.json.* put it back, or give anoth")


def test_an_array_whose_description_cannot_be_read_is_named(experiment, store, finished):
    array = store / DATA / experiment.variable
    (array / "zarr.json").write_text("{")
    with pytest.raises(ValueError, match=f"store: cannot read the array '{experiment.variable}'"):
        experiment(store)
    shutil.rmtree(array)  # as the line says
    xr.testing.assert_equal(records(experiment(store)), records(ja.open(finished)))


def test_a_foreign_folder_and_a_file_are_refused_and_left_alone(experiment, tmp_path):
    foreign = tmp_path / "thesis" / DATA
    foreign.mkdir(parents=True)
    (foreign / "chapter.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for options in ({}, {"fresh": True}):
        assert_refused(experiment, tmp_path / "thesis", "thesis.*give another folder", **options)
        assert_refused(experiment, tmp_path / "file", "is a file; give a folder", **options)
    assert (foreign / "chapter.txt").read_text() == "mine"


def test_another_experiment_and_another_seed_are_refused(experiment, store):
    for other in EXPERIMENTS.values():
        if other is not experiment:
            assert_refused(other, store, "store: .* (holds a|was made with survey)")
    seed = dataclasses.replace(experiment.spec, seed=1)
    assert_refused(experiment, store, "was made with seed 0, not 1; give another folder", spec=seed)


def test_a_second_run_on_the_same_store_is_refused(experiment, store):
    larger = dataclasses.replace(experiment.spec, networks=3)
    with locked(store / ".lock"):
        for options in ({"spec": larger}, {"fresh": True}, {"shard": (0, 2)}):
            assert_refused(experiment, store, "is in use by another run", **options)


@contextlib.contextmanager
def full_disk(monkeypatch, *, after):
    """A disk with room for some files of data, and for none afterwards."""
    write, left = LocalStore.set, [after]

    async def failing(self, key, value):
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        left[0] -= 1
        await write(self, key, value)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "set", failing)
        yield


@pytest.mark.parametrize("after", [0, 9, 40])
def test_a_full_disk_is_said_in_a_line_and_what_was_complete_is_kept(
    experiment, finished, tmp_path, monkeypatch, after
):
    store = tmp_path / "run"
    message = r"store: cannot write to .*No space left on device; what was complete is kept"
    with full_disk(monkeypatch, after=after), pytest.raises(OSError, match=message) as error:
        experiment(store)
    assert "\n" not in str(error.value)
    with contextlib.suppress(ValueError):  # a store that was never laid out
        kept = ja.open(store)
        complete, before = kept.complete.values, records(kept)
        xr.testing.assert_equal(before.where(complete), records(ja.open(finished)).where(complete))
    again = experiment(store)
    xr.testing.assert_equal(records(again), records(ja.open(finished)))
    assert sum(counts_of(again, experiment)) <= counts_of(ja.open(finished), experiment)[0]


def test_a_read_only_folder_shows_its_records_and_refuses_more(experiment, store, monkeypatch):
    async def refuse(*_):
        raise OSError(30, "Read-only file system")

    expected = records(ja.open(store))
    monkeypatch.setattr(LocalStore, "set", refuse)
    larger = dataclasses.replace(experiment.spec, networks=3)
    with pytest.raises(OSError, match=r"store: cannot write to .*Read-only file system"):
        experiment(store, larger)
    xr.testing.assert_equal(records(ja.open(store)), expected)
    xr.testing.assert_equal(records(experiment(store)), expected)  # complete: nothing to write


def test_a_training_whose_state_cannot_be_written_says_so(tmp_path, monkeypatch):
    training = EXPERIMENTS["training"]

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match=r"cannot write to .*No space left on device; what was"):
            training(tmp_path / "run")
    assert bool(training(tmp_path / "run").complete.all())
