"""Runs on an object store that speaks S3: the same records, also after kills and failures."""

import dataclasses
import functools
import json
import multiprocessing
import signal

import fsspec
import numpy as np
import pytest
import s3fs
import xarray as xr
from botocore.exceptions import EndpointConnectionError
from upath import UPath

import jaxadv as ja
from jaxadv.grid import places
from jaxadv.grid.places import DATA, AddressStore
from jaxadv.grid.states import FOLDER, States, delete_states
from jaxadv.training.program import TrainingProgram
from tests.grid.dying import run_and_die
from tests.grid.test_bad_stores import EXPERIMENTS, counts_of, records
from tests.grid.test_store import create, spec

pytestmark = pytest.mark.usefixtures("same_rounding")
SWEEP, TRAINING = EXPERIMENTS["sweep"], EXPERIMENTS["training"]


@functools.cache
def in_memory(name):
    """What an experiment finds that keeps nothing."""
    return EXPERIMENTS[name](None)


def killed(run, store, owner, method, number):
    """Run an experiment in another process, which is killed at some call of a method."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=run_and_die, args=(run, store, owner, method, number))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


def total(dataset, experiment):
    return sum(counts_of(dataset, experiment))


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("landscape", "training")]


@pytest.mark.parametrize("name", ["sweep", *SLOW])
def test_an_object_store_has_the_records_of_a_run_in_memory_and_grows(bucket, name):
    experiment, whole = EXPERIMENTS[name], in_memory(name)
    smaller = dataclasses.replace(experiment.spec, networks=1)
    begun = experiment(bucket, smaller)
    xr.testing.assert_equal(records(begun), records(whole).isel(network=[0]))
    xr.testing.assert_equal(records(ja.open(bucket)), records(begun))
    grown = experiment(bucket)
    xr.testing.assert_equal(records(grown), records(whole))
    assert len(counts_of(grown, experiment)) == 2
    assert total(grown, experiment) == total(whole, experiment)
    manifest = json.loads(UPath(f"{bucket}/manifest.json").read_text())
    assert manifest["runs"] == json.loads(grown.attrs["runs"])


@pytest.mark.slow
def test_what_another_process_writes_or_deletes_is_seen(bucket):
    path = places.place(bucket)
    # Another option makes another file system, which knows as little of this one as a process.
    other = UPath(bucket, use_listings_cache=False, default_fill_cache=False)
    store = create(path)
    store.note("a", {"steps": 1})
    assert (list(store.notes()), States(path, {}).load(0)) == (["a"], None)
    create(other).note("b", {"steps": 2})
    States(other, {}).save(0, {"w": np.zeros(2)})
    assert list(store.notes()) == ["a", "b"]
    assert list(States(path, {}).load(0)) == ["w"]
    places.delete(other)
    assert places.open_group(path) is None


@pytest.mark.slow
def test_a_process_that_was_killed_while_it_wrote_is_followed_by_one_that_goes_on(bucket):
    killed(SWEEP, bucket, AddressStore, "set", 60)
    opened = ja.open(bucket)
    assert list((places.place(bucket) / DATA / "residual").glob("c.*"))
    assert not bool(opened.complete.all())
    assert counts_of(opened, SWEEP) == [0]
    resumed = SWEEP(bucket)
    xr.testing.assert_equal(records(resumed), records(in_memory("sweep")))
    assert total(resumed, SWEEP) == total(in_memory("sweep"), SWEEP)


@pytest.mark.slow
@pytest.mark.parametrize("fresh", [False, True])
def test_a_training_that_was_killed_goes_on_from_its_states_or_anew(bucket, monkeypatch, fresh):
    expected = records(in_memory("training"))
    killed(TRAINING, bucket, States, "save", 2)
    states = places.place(bucket) / FOLDER
    assert len(list(states.iterdir())) == 1
    advances, usual = [], TrainingProgram.advance

    def advance(self, running, num_steps):
        advances.append(num_steps)
        return usual(self, running, num_steps)

    monkeypatch.setattr(TrainingProgram, "advance", advance)
    resumed = TRAINING(bucket, fresh=fresh)
    xr.testing.assert_equal(records(resumed), expected)
    of_network = len(TRAINING.spec.evaluations)
    assert len(advances) == 2 * of_network - (0 if fresh else 2)
    assert len(counts_of(resumed, TRAINING)) == (1 if fresh else 2)
    assert not states.exists()


def test_states_are_kept_and_deleted_and_a_fresh_run_deletes_all_that_is_ours(bucket):
    path = places.place(bucket)
    create(path).lay_out({"count": spec()})
    (path / "notes.txt").write_text("mine")
    states = States(path, {"seed": 0})
    assert states.load(0) is None
    for replicate in (0, 1):
        states.save(replicate, {"w": np.arange(3) + replicate})
    states.save(0, {"w": np.arange(4)})
    assert States(path, {"seed": 0}).load(0)["w"].tolist() == [0, 1, 2, 3]
    assert States(path, {"seed": 1}).load(0) is None
    states.delete([0, 2])
    assert (states.load(0), states.load(1)["w"].tolist()) == (None, [1, 2, 3])
    places.delete(path)
    delete_states(path)
    assert [file.name for file in path.iterdir()] == ["notes.txt"]
    delete_states(path)
    assert create(path).sizes("count") == {}


def assert_one_line(error, *parts):
    assert "\n" not in str(error.value)
    assert all(part in str(error.value) for part in parts)


def test_a_bucket_that_is_not_there_is_said_in_a_line_and_not_made(object_store):
    store = "s3://no-such-bucket/run"
    with pytest.raises(OSError, match="store: cannot write to") as error:
        SWEEP(store)
    assert_one_line(error, store, "The specified bucket does not exist")
    with pytest.raises(ValueError, match="store: there is none in 's3://no-such-bucket/run'"):
        ja.open(store)
    assert not UPath("s3://no-such-bucket", use_listings_cache=False).exists()


def test_an_address_where_nothing_listens_is_said_in_a_line(object_store, monkeypatch):
    # Not in the environment, which s3fs has read.
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": "http://127.0.0.1:9"})
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for reach in (SWEEP, ja.open):
        with pytest.raises(ValueError, match="store: cannot reach") as error:
            reach("s3://bucket/run")
        assert_one_line(error, "s3://bucket/run", "http://127.0.0.1:9")


@pytest.mark.slow
def test_a_connection_that_is_lost_is_said_in_a_line_and_what_was_complete_is_kept(
    bucket, monkeypatch
):
    store = create(places.place(bucket))
    store.lay_out({"count": spec()})
    store.write({"count": np.arange(4)}, {})

    def lost(*_, **__):
        raise EndpointConnectionError(endpoint_url="http://lost")

    with monkeypatch.context() as patch:
        patch.setattr(s3fs.S3FileSystem, "_pipe_file", lost)
        with pytest.raises(OSError, match="store: cannot write to") as error:
            store.write({"count": np.ones(2)}, {"run": slice(0, 2)})
        assert_one_line(error, bucket, 'Could not connect to the endpoint URL: "http://lost"')
    assert store.read("count").tolist() == [0, 1, 2, 3]
    opened = store.dataset()
    monkeypatch.setattr(s3fs.S3FileSystem, "_cat_file", lost)
    for read in (opened.load, store.notes, lambda: store.read("count")):
        with pytest.raises(OSError, match="Could not connect") as error:
            read()
        assert_one_line(error, bucket.removeprefix("s3://"))
