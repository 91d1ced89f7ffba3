"""Stores of version 0.1 open, give the numbers of a fresh run, and grow; see tests/data."""

import dataclasses
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import jaxadv as ja
from jaxadv.grid.places import DATA

DATA_FOLDER = Path(__file__).parent.parent / "data"
LANDSCAPE = ja.Landscape(
    scales=(0.3, 3.0), dims=3, widths=8, networks=2, examples=1, starts=8, max_steps=500
)
SWEEP = ja.Sweep(
    scales=(0.1, 1.0), dims=6, widths=8, activations=("tanh", "softplus"), networks=3, examples=2,
    starts=2, tolerances=(1e-2, 1e-4), max_steps=2000,
)  # fmt: skip
TRAINING = ja.Training(
    scales=(0.3, 3.0), ratios=(0.0, 0.1), optimizers=("sgd", "adam"), rates=0.05,
    sharpness_rates=0.25, steps=12, dims=4, widths=8, networks=2, examples=16, test_examples=8,
    attack_steps=5, strong_steps=5, control_ratio=0,
)  # fmt: skip
RUNS = {
    "sweep": (SWEEP, ja.run_sweep, {}),
    "landscape": (LANDSCAPE, ja.run_landscape, {}),
    "critical": (LANDSCAPE, ja.run_critical, {"starts": 50}),
    "training": (TRAINING, ja.run_training, {}),
}


@pytest.fixture
def older(tmp_path):
    """The folder with a store of each kind."""
    for name in RUNS:
        with zipfile.ZipFile(DATA_FOLDER / f"{name}-store-0.1.zip") as archive:
            archive.extractall(tmp_path)
    return tmp_path


def records(dataset):
    return dataset.load().drop_attrs()


def files(store):
    return {path: path.read_bytes() for path in (store / DATA).glob("*/c.*")}


@pytest.mark.parametrize("name", RUNS)
def test_an_older_store_opens_and_nothing_of_it_is_run_again(older, name):
    spec, run, options = RUNS[name]
    before = files(older / name)
    opened = ja.open(older / name)
    assert bool(opened.complete.all())
    again = run(spec, older / name, progress=False, **options)
    assert len(json.loads(again.attrs["runs"])) == 1
    # A variable that the older version did not have is left aside.
    xr.testing.assert_equal(records(again)[list(records(opened))], records(opened))
    after = files(older / name)
    changed = {path.parent.name for path in after if before.get(path) != after[path]}
    assert changed <= {"checksum"}  # sweeps had some before


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n == "training" else pytest.mark.slow) for n in RUNS],
)
def test_an_older_store_grows_by_networks_and_what_was_there_stays(older, name):
    spec, run, options = RUNS[name]
    before = records(ja.open(older / name))
    grown = run(
        dataclasses.replace(spec, networks=spec.networks + 1),
        older / name,
        devices=1,
        progress=False,
        **options,
    )
    assert grown.sizes["network"] == spec.networks + 1
    assert bool(grown.complete.all())
    kept = grown.isel(network=slice(0, spec.networks))
    xr.testing.assert_equal(records(kept)[list(before)], before)


@pytest.mark.parametrize("name", ["sweep", "landscape"])
def test_an_older_store_grows_by_cells(older, name):
    spec, run, options = RUNS[name]
    before = records(ja.open(older / name))
    wider = dataclasses.replace(spec, scales=(*spec.scales, 1.5))
    grown = run(wider, older / name, devices=1, progress=False, **options)
    assert grown.sizes["cell"] == len(wider.cells) > before.sizes["cell"]
    old = [index for index, cell in enumerate(wider.cells) if cell.scale != 1.5]
    xr.testing.assert_equal(records(grown.isel(cell=old))[list(before)], before)


def test_an_older_training_says_that_it_takes_no_further_cells(older):
    wider = dataclasses.replace(TRAINING, scales=(0.3, 1.0, 3.0))
    with pytest.raises(ValueError, match=r"made by jaxadv 0\.1, .* cells cannot be added"):
        ja.run_training(wider, older / "training", progress=False)
    assert bool(ja.open(older / "training").complete.all())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["landscape", "critical", "training"])
def test_a_fresh_run_gives_the_numbers_of_version_0_1(older, name):
    """To rounding: the tests compile without most optimisations, and the stores were not."""
    spec, run, options = RUNS[name]
    before = records(ja.open(older / name))
    fresh = records(run(spec, progress=False, **options))
    for variable in before.data_vars:
        one, two = fresh[variable].values, before[variable].values
        if two.dtype.kind == "f":
            np.testing.assert_allclose(one, two, rtol=2e-4, atol=1e-5, err_msg=variable)
        else:
            np.testing.assert_array_equal(one, two, err_msg=variable)


def test_what_an_older_store_was_made_with_is_still_refused_by_name(older):
    with pytest.raises(ValueError, match=r"was made with step_size 0.1, not 0.2; give another"):
        ja.run_landscape(dataclasses.replace(LANDSCAPE, step_size=0.2), older / "landscape")
    with pytest.raises(ValueError, match=r"was made with steps 12, not 13; give another"):
        ja.run_training(dataclasses.replace(TRAINING, steps=13), older / "training")
    with pytest.raises(ValueError, match=r"was made with control_ratio 0.0, not 0.1"):
        ja.run_training(dataclasses.replace(TRAINING, control_ratio=0.1), older / "training")
    with pytest.raises(ValueError, match=r"was made with ascents 50, not 60"):
        ja.run_critical(LANDSCAPE, older / "critical", starts=60)
    with pytest.raises(ValueError, match=r"was made with smooth False, not True"):
        ja.run_sweep(dataclasses.replace(SWEEP, smooth=True), older / "sweep")
    with pytest.raises(ValueError, match=r"holds a sweep, not a landscape"):
        ja.run_landscape(LANDSCAPE, older / "sweep")


def test_a_truncated_chunk_of_an_older_store_is_run_again(older):
    chunk = older / "landscape" / DATA / "loss_end" / "c.1.1.0.0"
    before = records(ja.open(older / "landscape"))
    chunk.write_bytes(chunk.read_bytes()[:5])
    mended = ja.run_landscape(LANDSCAPE, older / "landscape", devices=1, progress=False)
    assert json.loads(mended.attrs["runs"])[-1]["networks_run"] == 1
    for variable in before.data_vars:
        np.testing.assert_allclose(mended[variable], before[variable], rtol=1e-6, atol=1e-9)
