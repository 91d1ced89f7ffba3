"""Stored sweeps: resumed, grown, shared, mended; nothing lost and nothing run twice."""

import dataclasses
import json
import shutil
from pathlib import Path

import jax
import pytest
import xarray as xr

import jaxadv as ja
from jaxadv.grid import places
from jaxadv.grid.locks import locked
from jaxadv.grid.store import Store
from jaxadv.grid.stored import StoredGrid
from jaxadv.grid.workers import Worker
from jaxadv.sweeps import plan
from jaxadv.sweeps import work as sweep_work
from jaxadv.sweeps.program import SweepProgram
from jaxadv.sweeps.records import VARIABLES
from jaxadv.sweeps.work import SweepWork
from tests.comparison import assert_same_records

SWEEP = ja.Sweep(
    scales=(0.1, 1.0), dims=(4,), widths=(8,), networks=5, examples=2, starts=1, max_steps=500,
    precision="double",
)  # fmt: skip
DATA = places.DATA


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of two networks, and calls of one, so that all has one shape."""
    monkeypatch.setattr(sweep_work, "BLOCK_TRIALS", 8)
    monkeypatch.setattr(plan, "TRIALS_PER_CALL", 1)


def run(sweep=SWEEP, store=None, **options):
    return ja.run_sweep(sweep, store, devices=1, progress=False, **options).load()


def runs(dataset):
    return json.loads(dataset.attrs["runs"])


@pytest.fixture(scope="module")
def whole():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "TRIALS_PER_CALL", 1)
        return run()


@pytest.fixture(scope="module")
def finished(tmp_path_factory, whole):
    """A complete store; to be copied before it is spoilt."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "TRIALS_PER_CALL", 1)
        patch.setattr(sweep_work, "BLOCK_TRIALS", 8)
        path = tmp_path_factory.mktemp("finished") / "run"
        xr.testing.assert_equal(run(store=path), whole)
    return path


@pytest.fixture
def store(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


class Stopped(SweepProgram):
    """An program that is stopped at a call."""

    stop_at = 0
    calls: list[list[int]] = []  # noqa: RUF012, set by each test

    def start(self, networks, states, device):
        """Write down which networks were asked for."""
        type(self).calls.append(list(networks))
        if len(self.calls) == self.stop_at:
            raise KeyboardInterrupt
        return super().start(networks, states, device)


@pytest.mark.parametrize("stop_at", [1, 2, 4, 5])
def test_a_run_that_was_stopped_goes_on_with_the_blocks_that_are_not_complete(
    tmp_path, monkeypatch, whole, stop_at
):
    monkeypatch.setattr(Stopped, "stop_at", stop_at)
    monkeypatch.setattr(Stopped, "calls", [])
    monkeypatch.setattr(sweep_work, "SweepProgram", Stopped)
    with pytest.raises(KeyboardInterrupt):
        run(store=tmp_path)
    # One call was under way; a block is complete with both of its networks.
    kept = 2 * (max(stop_at - 2, 0) // 2)
    complete = ja.open_sweep(tmp_path).complete.values
    assert complete.tolist() == [[n < kept for n in range(5)]] * 2
    monkeypatch.setattr(Stopped, "calls", [])
    monkeypatch.setattr(Stopped, "stop_at", 0)
    resumed = run(store=tmp_path)
    assert Stopped.calls == [[n] for n in range(kept, 5)]
    xr.testing.assert_equal(resumed, whole)
    assert resumed.attrs["trials_run"] == SWEEP.num_trials
    assert [note["trials_run"] for note in runs(resumed)] == [4 * kept, 4 * (5 - kept)]
    assert "ended" in runs(resumed)[1]


def cut(path):
    path.write_bytes(path.read_bytes()[:5])


def take_anothers(path):
    shutil.copy(path.with_name("c.0.0.0.0"), path)


@pytest.mark.slow
def test_a_resumed_run_rounds_as_it_did_though_few_networks_are_left(tmp_path):
    """One network for two devices: in single precision another layout would be seen."""
    single = dataclasses.replace(SWEEP, precision="single", dims=(32,), networks=3)
    options = {"devices": 2, "progress": False}
    expected = ja.run_sweep(single, tmp_path, **options).load()
    for path in (tmp_path / DATA).glob("*/c.?.1*"):
        path.unlink()
    resumed = ja.run_sweep(single, tmp_path, **options).load()
    assert runs(resumed)[-1]["trials_run"] == 4
    xr.testing.assert_equal(resumed, expected)


DAMAGES = {
    "a chunk that is truncated": ("residual/c.1.0.0.0", cut),
    "a chunk that is empty": ("num_steps/c.1.0.0.0.0", lambda path: path.write_bytes(b"")),
    "a chunk that is deleted": ("loss_end/c.1.0.0.0", Path.unlink),
    "a chunk with another's values": ("loss_end/c.1.0.0.0", take_anothers),
    "a checksum that is truncated": ("checksum/c.1.0", cut),
    "a flag that is truncated": ("complete/c.1.0", cut),
    "a flag that is deleted": ("complete/c.1.0", Path.unlink),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_run_again_and_nothing_else(store, whole, damage):
    name, spoil = DAMAGES[damage]
    spoil(store / DATA / name)
    mended = run(store=store)
    xr.testing.assert_equal(mended, whole)
    # The two networks of the block, in both cells, which were run together.
    again = [] if "flag" in damage else [8]
    assert [note["trials_run"] for note in runs(mended)] == [SWEEP.num_trials, *again]
    assert runs(run(store=store)) == runs(mended)


@pytest.mark.parametrize("flags", ["lost", "cut"])
def test_chunks_that_were_never_marked_may_be_damaged(store, whole, flags):
    """As a machine that loses its power leaves them: the last files are empty, whichever."""
    for name in ("residual", "kind"):
        for cell in range(2):
            (store / DATA / name / f"c.{cell}.1.0.0").write_bytes(b"")
    for cell in range(2):
        flag = store / DATA / "complete" / f"c.{cell}.1"
        flag.unlink() if flags == "lost" else cut(flag)
    mended = run(store=store)
    xr.testing.assert_equal(mended, whole)
    assert runs(mended)[-1]["trials_run"] == 8


def test_an_error_of_the_disk_that_may_pass_deletes_nothing(store, monkeypatch, whole):
    read = Store.read

    def failing(self, name, block=None):
        if name == "residual":
            raise OSError(5, "Input/output error")
        return read(self, name, block)

    before = sorted((store / DATA).rglob("*"))
    with monkeypatch.context() as patch:
        patch.setattr(Store, "read", failing)
        with pytest.raises(OSError, match="Input/output error"):
            run(store=store)
    assert sorted((store / DATA).rglob("*")) == before
    again = run(store=store)
    assert len(runs(again)) == 1
    xr.testing.assert_equal(again, whole)


def test_a_smaller_sweep_that_finds_damage_takes_the_flags_of_all_that_is_lost(store):
    larger = dataclasses.replace(SWEEP, networks=6)
    expected = run(larger, store)
    cut(store / DATA / "residual/c.1.2.0.0")
    run(store=store)  # five networks: the sixth shares a chunk with the fifth
    complete = ja.open_sweep(store).complete.values
    assert complete[:, :5].all()
    assert not complete[1, 5]
    # Run alone, without the other cell, as rounding tells.
    assert_same_records(run(larger, store), expected)


def test_a_manifest_that_is_missing_is_written_though_all_was_run(store):
    text = (store / "manifest.json").read_text()
    (store / "manifest.json").unlink()
    run(store=store)
    assert (store / "manifest.json").read_text() == text


def test_the_coordinates_are_written_again_or_missed(store, whole):
    (store / DATA / "tolerance" / "c.0").unlink()
    xr.testing.assert_equal(run(store=store), whole)
    cut(store / DATA / "tolerance" / "c.0")
    xr.testing.assert_equal(run(store=store), whole)
    (store / DATA / "scale" / "c.0").unlink()
    with pytest.raises(ValueError, match="settings of its cells are damaged"):
        run(store=store)


def test_the_blocks_of_a_store_are_those_of_its_first_layout(store, whole, monkeypatch):
    shutil.rmtree(store / DATA / "complete")
    monkeypatch.setattr(sweep_work, "BLOCK_TRIALS", 400)
    run(store=store)
    assert StoredGrid.create(store, SweepWork(SWEEP)).store.chunks("complete")["network"] == 2
    xr.testing.assert_equal(run(store=store), whole)


def test_the_last_block_is_mended_though_it_is_shorter(store, whole):
    cut(store / DATA / "residual/c.0.2.0.0")
    grown = run(dataclasses.replace(SWEEP, networks=6), store)
    xr.testing.assert_equal(grown.isel(network=slice(0, 5)), whole)
    assert runs(grown)[-1]["trials_run"] == 2 * 4


def test_an_array_that_was_deleted_is_run_again(store, whole):
    shutil.rmtree(store / DATA / "status")
    xr.testing.assert_equal(run(store=store), whole)


def test_a_manifest_that_was_edited_is_written_anew(store, whole):
    (store / "manifest.json").write_text("edited by hand")
    found = run(store=store)
    xr.testing.assert_equal(found, whole)
    assert json.loads((store / "manifest.json").read_text())["runs"] == runs(found)


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("seed", 1, "seed 0, not 1"),
        ("precision", "single", "precision double, not single"),
        ("max_steps", 600, "max_steps 500, not 600"),
        ("tolerances", (1e-3,), r"tolerances \[0.01, 0.001, 0.0001\], not \[0.001\]"),
        ("starts", 2, "starts 1, not 2"),
        ("data", "gaussian", "data sphere, not gaussian"),
    ],
)
def test_a_sweep_with_other_settings_is_refused_in_a_line(store, field, value, named):
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    with pytest.raises(ValueError, match=f"was made with {named}; give another folder"):
        run(dataclasses.replace(SWEEP, **{field: value}), store)
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == before


def test_a_jax_that_draws_other_numbers_is_refused(store):
    with (
        jax.threefry_partitionable(not jax.config.jax_threefry_partitionable),
        pytest.raises(ValueError, match="was made with random numbers"),
    ):
        run(store=store)


def test_a_grown_store_is_that_of_one_run_and_only_what_is_new_is_run(tmp_path):
    steps = (
        {"scales": (1.0,), "networks": 3},
        {"scales": (10.0, 1.0), "networks": 5},
        {"scales": (0.1, 1.0, 10.0), "networks": 4, "dims": (4, 6)},
        {"scales": (0.1, 1.0, 10.0), "networks": 7, "dims": (4, 6)},
    )
    sweeps = [dataclasses.replace(SWEEP, **step) for step in steps]
    # Counted by hand, in networks: cells by networks, without those that are there.
    new = (3, 2 * 5 - 3, 6 * 4 - 2 * 4, 6 * 7 - (2 * 5 + 4 * 4))
    for sweep, expected in zip(sweeps, new, strict=True):
        grown = run(sweep, tmp_path)
        assert runs(grown)[-1]["trials_run"] == 2 * expected
    assert_same_records(grown, run(sweeps[-1]))
    # What an earlier sweep asked for is all there, and nothing but that.
    assert_same_records(run(sweeps[1], tmp_path), run(sweeps[1]))
    assert len(runs(run(sweeps[1], tmp_path))) == 4
    every = ja.open_sweep(tmp_path)
    assert every.scale.values[:3].tolist() == [1.0, 10.0, 0.1]
    assert bool(every.complete.all())


@pytest.mark.parametrize("failing", range(2))
def test_growth_that_was_cut_short_is_taken_up_or_left(store, monkeypatch, whole, failing):
    larger = dataclasses.replace(SWEEP, scales=(0.1, 1.0, 10.0))
    lay_out, count = Store.lay_out, iter(range(9))

    def half(self, arrays):
        if next(count) == failing:
            lay_out(self, dict(list(arrays.items())[:3]))
            raise KeyboardInterrupt
        lay_out(self, arrays)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "lay_out", half)
        with pytest.raises(KeyboardInterrupt):
            run(larger, store)
    other = shutil.copytree(store, store.parent / "other")
    xr.testing.assert_equal(run(store=other), whole)
    grown = run(larger, store)
    xr.testing.assert_equal(grown.isel(cell=slice(0, 2)), whole)
    assert runs(grown)[-1]["trials_run"] == 10
    xr.testing.assert_equal(run(store=store), whole)


def test_shards_share_the_work_and_the_last_one_has_it_all(tmp_path, whole):
    for index in (2, 0, 1):
        part = run(store=tmp_path, shard=(index, 3))
        assert bool(part.complete.all()) == (index == 1)
    xr.testing.assert_equal(part, whole)
    assert sorted(note["trials_run"] for note in runs(part)) == [4, 8, 8]
    assert {note["worker"] for note in runs(part)} == {0, 1, 2}
    assert len(runs(run(store=tmp_path, shard=(0, 3)))) == 3
    assert run(store=tmp_path).attrs["trials_run"] == SWEEP.num_trials


@pytest.mark.parametrize("shard", [(3, 3), (-1, 3), (0, 0)])
def test_shards_that_are_not_there_are_refused(tmp_path, shard):
    with pytest.raises(ValueError, match=f"shard: {shard[0]}/{shard[1]} must be"):
        run(store=tmp_path / "run", shard=shard)
    assert not (tmp_path / "run").exists()


def test_shards_need_a_store_and_do_not_begin_anew(tmp_path):
    with pytest.raises(ValueError, match="store: processes that share"):
        run(shard=(0, 2))
    with pytest.raises(ValueError, match="fresh: a shard would delete"):
        run(store=tmp_path, shard=(0, 2), fresh=True)


def test_two_runs_on_one_store_do_not_meet(store, whole):
    larger = dataclasses.replace(SWEEP, networks=6)
    with locked(store / ".lock"):
        for options in ({}, {"shard": (0, 2)}, {"fresh": True}):
            with pytest.raises(ValueError, match="is in use by another run"):
                run(larger, store, **options)
    with locked(store / ".lock", shared=True), locked(store / ".lock-0-of-2"):
        with pytest.raises(ValueError, match="is in use by another run"):
            run(larger, store)
        with pytest.raises(ValueError, match="is in use by another run"):
            run(larger, store, shard=(0, 2))
        run(store=store, shard=(1, 2))
    xr.testing.assert_equal(run(store=store), whole)


def test_a_fresh_store_is_begun_anew_and_what_is_not_ours_stays(store, tmp_path, whole):
    (store / "notes.txt").write_text("mine")
    anew = run(dataclasses.replace(SWEEP, seed=1), store, fresh=True)
    assert not anew.equals(whole)
    assert anew.attrs["trials_run"] == SWEEP.num_trials
    assert (store / "notes.txt").read_text() == "mine"
    foreign = tmp_path / "thesis" / DATA
    foreign.mkdir(parents=True)
    (foreign / "chapter.txt").write_text("mine")
    for fresh in (True, False):
        with pytest.raises(ValueError, match="thesis"):
            run(store=tmp_path / "thesis", fresh=fresh)
    assert (foreign / "chapter.txt").read_text() == "mine"


def test_a_manifest_is_enough_to_run_it_again_bit_for_bit(tmp_path):
    run(SWEEP, tmp_path / "one", lanes=4)
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    again = ja.Sweep.from_toml(tmp_path / "one" / "manifest.json")
    assert again == SWEEP
    options = manifest["runs"][-1]["options"]
    assert options == {"devices": 1, "lanes": 4, "check_every": None}
    found = ja.run_sweep(again, tmp_path / "two", progress=False, **options).load()
    xr.testing.assert_equal(found, ja.open_sweep(tmp_path / "one").load())
    for name in VARIABLES:
        for path in (tmp_path / "one" / DATA / name).glob("c.*"):
            other = tmp_path / "two" / path.relative_to(tmp_path / "one")
            assert other.read_bytes() == path.read_bytes(), path


def test_a_manifest_says_what_ran_and_on_what(finished):
    manifest = json.loads((finished / "manifest.json").read_text())
    assert manifest["format"] == places.FORMAT
    assert manifest["identity"]["seed"] == 0
    assert manifest["trials_run"] == SWEEP.num_trials
    assert 0 < manifest["steps_run"] <= manifest["lane_steps_run"]
    (only,) = manifest["runs"]
    assert only["jax_version"] == jax.__version__
    assert only["device_count"] == 1
    assert only["flags"]["jax_default_prng_impl"] == "threefry2x32"
    assert only["layout"][0]["lanes"] >= 1
    assert only["started"] < only["ended"]
    assert only["steps_run"] == manifest["steps_run"] > 0


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_addresses_of_fsspec_are_stores_like_folders(tmp_path, whole, scheme):
    address = f"{scheme}://{tmp_path}/run"
    part = run(store=address, shard=(0, 2))
    assert not bool(part.complete.all())
    xr.testing.assert_equal(run(store=address), whole)
    xr.testing.assert_equal(ja.open_sweep(address).load(), whole)
    manifest = json.loads((places.place(address) / "manifest.json").read_text())
    assert manifest["trials_run"] == SWEEP.num_trials
    assert (tmp_path / "run").exists() == (scheme == "file")


def test_a_disk_that_is_full_keeps_what_was_complete(tmp_path, monkeypatch, whole):
    write, count = StoredGrid.write, iter(range(9))

    def full(self, task, records):
        if next(count) == 1:
            raise OSError("No space left on device")
        write(self, task, records)

    with monkeypatch.context() as patch:
        patch.setattr(StoredGrid, "write", full)
        with pytest.raises(OSError, match="No space left"):
            run(store=tmp_path)
    assert ja.open_sweep(tmp_path).complete.values.sum() == 4
    resumed = run(store=tmp_path)
    xr.testing.assert_equal(resumed, whole)
    assert runs(resumed)[-1]["trials_run"] == SWEEP.num_trials - 8


def test_one_worker_is_alone():
    worker = Worker.here(None)
    assert (worker.index, worker.count, worker.together) == (0, 1, False)
    assert worker.first_alone(lambda: 7, lambda: 8) == 7
    assert worker.total(10**10) == 10**10
    assert worker.name() < Worker.here(None).name()
