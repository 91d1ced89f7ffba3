"""The benchmark's rivals do the same work as jaxadv, and their loops are those that they say."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

import jaxadv as ja

SWEEP = ja.Sweep(
    dims=8, widths=16, networks=1, examples=4, starts=2, tolerances=1e-2, max_steps=400
)


@pytest.fixture(scope="module")
def scripts():
    """The modules `benchmark` and `rivals`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent.parent / "scripts")
        yield importlib.import_module("benchmark"), importlib.import_module("rivals")


@pytest.fixture(scope="module")
def counts():
    """The steps of SWEEP's trials, in the order of the benchmark's batch."""
    dataset = ja.run_sweep(SWEEP, progress=False)
    steps = dataset.num_steps.isel(network=0, tolerance=-1)
    return steps.transpose("example", "start", "cell").values.ravel()


@pytest.mark.parametrize("rival", ["vmapped", "certified", "lockstep", "torch_lockstep"])
def test_rivals_take_as_many_steps(scripts, counts, rival):
    if rival == "torch_lockstep":
        pytest.importorskip("torch")
    _, rivals = scripts
    found = getattr(rivals, rival)(rivals.batch_of(SWEEP))()
    # In single precision, a sum in another order may move the last step.
    assert (np.abs(found - counts) <= 1).all()
    assert np.mean(found == counts) > 0.9


@pytest.mark.filterwarnings("ignore")  # jaxopt is no longer kept
def test_jaxopts_own_rule_ends_its_trials_at_about_the_same_step(scripts, counts):
    pytest.importorskip("jaxopt")
    _, rivals = scripts
    found = rivals.jaxopt_lockstep(rivals.batch_of(SWEEP))()
    assert np.median(np.abs(found - counts) / np.maximum(counts, 1)) < 0.25


def test_a_rival_gets_the_first_trials(scripts):
    _, rivals = scripts
    batch = rivals.batch_of(SWEEP)
    assert len(batch.first(5).x) == len(batch.first(5).start) == 5
    np.testing.assert_array_equal(batch.first(5).radius, batch.radius[:5])


def test_jaxadvs_own_share_is_its_steps_and_seconds(scripts, counts):
    benchmark, _ = scripts
    ours = benchmark.prepare(SWEEP, ja.use_devices(1))()
    assert ours.ascent[0] == counts.sum()
    assert 0 < ours.occupancy <= 1
    assert ours.ascent[1] > 0
    assert 0 < ours.certify_share < 1


def test_a_point_of_the_growth_says_what_was_measured(scripts, monkeypatch, capsys):
    growth = importlib.import_module("growth")
    # The same programs as those of `counts`.
    monkeypatch.setattr(growth, "BASE", SWEEP.to_dict())
    growth.grow_one({"networks": 1, "devices": 1})
    row = json.loads(capsys.readouterr().out)
    assert (row["trials"], row["devices"], row["networks"]) == (24, 1, 1)
    assert row["microseconds_per_trial"] > 0
    assert row["peak_bytes"] > 1e8


def test_whole_sweeps_are_measured_and_their_phases_make_up_the_whole(scripts, monkeypatch):
    del scripts
    end_to_end = importlib.import_module("end_to_end")
    monkeypatch.setattr(end_to_end, "SIZES", ((8, 16),))
    monkeypatch.setattr(end_to_end, "RIVAL_TRIALS", 4)
    # Two networks a device, for thousands of this size.
    monkeypatch.setattr(end_to_end, "WEIGHTS", 1)
    measured, text = end_to_end.measure_end_to_end(quick=True)
    (size,) = measured["sizes"]
    assert sum(size["shares"].values()) == pytest.approx(1)
    assert 0 < size["ratio"]["median"] < 1
    assert f"{size['shares']['certify']:.1%}" in text


def test_ways_to_attack_find_about_the_same_losses_in_the_same_box(scripts):
    del scripts  # its path
    attack_speed = importlib.import_module("attack_speed")
    rng = np.random.default_rng(0)
    hidden, output = rng.normal(size=(24, 784)) / 28, rng.normal(size=(24, 10)) / 5
    x, y = rng.uniform(size=(6, 784)), rng.integers(10, size=6)
    arrays = (np.asarray(array, np.float32) for array in (hidden, output, x))
    case = attack_speed.Case(*arrays, y)
    rows = {}
    for name, (package, way) in attack_speed.WAYS.items():
        if not package:
            found = way(case)()
            images = np.asarray(found.images)
            assert np.abs(images - case.x).max() <= attack_speed.EPSILON * (1 + 1e-5)
            assert -1e-6 <= images.min() <= images.max() <= 1 + 1e-6
            rows[name] = attack_speed.judge(case, found)
    losses = [row["loss"] for row in rows.values()]
    assert len(rows) == 4
    assert max(losses) <= 1.02 * min(losses)
    by_hand = rows["a hand-written loop, sign steps of ε/4"]
    assert by_hand["gradients"] == attack_speed.STEPS * attack_speed.STARTS * 6
    assert all(row["gradients"] <= by_hand["gradients"] * 1.01 for row in rows.values())
