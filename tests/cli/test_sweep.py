"""`jaxadv sweep`: what it prints and writes, and its answer to every mistake."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import jaxadv as ja
from jaxadv.cli.main import main, read
from jaxadv.grid.identity import Identity
from jaxadv.grid.store import Store
from jaxadv.sweeps import work as sweep_work

TINY = ["--dims", "4", "--widths", "8", "--networks", "2e0", "--examples", "2", "--starts", "1"]


def run(*args):
    main(["sweep", *args])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--scales", "abc"], "scales: 'abc' is not a number"),
        (["--scales", "-1"], "scales"),
        (["--scales=-1"], "scales: -1.0 must be a positive number"),
        (["--scales", ","], "scales: '' is not a number"),
        (["--scales", ""], "scales: needs at least one"),
        (["--scales"], "error: Missing value for argument '--scales'. Expected 1 values."),
        (["--scales", "1,1"], "scales: 1.0,1.0 has a value twice"),
        (["--ratios", "0"], "ratios: 0.0 must be a positive number"),
        (["--dims", "0"], "dims: 0 must be a whole number"),
        (["--dims", "1.5"], "dims: '1.5' is not a whole number"),
        (["--networks", "many"], "networks: 'many' is not a whole number"),
        (["--tolerances", "1e-4,1e-2"], "tolerances: (0.0001, 0.01) must descend"),
        (["--step-sizes", "nan"], "step_sizes: nan must be a positive number"),
        (["--activations", "tahn"], "did you mean 'tanh'"),
        (["--losses", "no_such:thing"], "losses: cannot import"),
        (["--network", ""], "network: unknown ''"),
        (["--step", "jaxadv:L2Ball"], "step: 'jaxadv:L2Ball' must map a step size to a StepRule"),
        (["--step", "constnat"], "did you mean 'constant'"),
        (
            ["--precision", "dobule"],
            "'dobule' for argument '--precision'. Expected one of ('single',",
        ),
        (["--data", "missing.npz"], "data: there is no file 'missing.npz'"),
        (["--data", "mnist"], "data_dir: mnist needs the folder with its files"),
        (["--data", "mnist", "--data-dir", "missing"], "data_dir: there is no folder 'missing'"),
        (["--data", "digits", "--dims", "32"], "dims: 32 does not fit data 'digits'"),
        (["--config", "missing.toml"], "config: cannot read 'missing.toml'"),
        (["--scals", "1"], "error: unknown flag --scals; did you mean --scales? (--help explains"),
        (["--scals=1"], "error: unknown flag --scals; did you mean --scales?"),
        (["--max_step", "1"], "error: unknown flag --max-step; did you mean --max-steps?"),
        (["stray"], "error: unexpected 'stray'; several values are separated by commas"),
        (["--scales", "0.1", "1"], "error: unexpected '1'; several values are separated by commas"),
        (["--scales", "--networks", "2"], "Missing value for argument '--scales'"),
        (["--dim", "4"], "error: unknown flag --dim; did you mean --dims?"),
        (["--devices", "x"], "devices: 'x' is not a whole number"),
        (["--lanes", "1.5"], "lanes: '1.5' is not a whole number"),
        (["--max-steps", "99999999999"], "max_steps: 99999999999 must be a whole number"),
        (["--shard", "half"], "shard: 'half' is not I/N"),
        (["--shard", "3/3"], "shard: 3/3 must be one of 0/N to N-1/N"),
        (["--shard", "0/3", "--fresh"], "fresh: a shard would delete what others have done"),
        (["--distributed"], "distributed: JAX finds no job with several processes here"),
        (["--store", "nowhere://bucket"], "store: cannot reach 'nowhere://bucket'"),
        (["--lanes", "0"], "lanes: 0 must be a whole number"),
    ],
    ids=" ".join,
)
def test_every_mistake_is_one_line_and_writes_nothing(here, mistake, args, message):
    assert message in mistake(["sweep", *args])
    assert list(here.iterdir()) == []


def test_references_stand_beside_names():
    flags = ["--activations", "tanh, jax.numpy:cos", "--network", "jaxadv:init_two_layer"]
    step = ["--step", "jaxadv:NormalizedStep"]
    _, (sweep, *_) = read(["sweep", *flags, *step])
    assert sweep.activations == ("tanh", "jax.numpy:cos")
    assert (sweep.network, sweep.step) == ("jaxadv:init_two_layer", "jaxadv:NormalizedStep")
    assert ja.Sweep(**sweep.to_dict()) == sweep


def test_digits_without_scikit_learn_say_what_to_install(here, mistake, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert "'digits' needs scikit-learn: pip install scikit-learn" in mistake(
        ["sweep", "--data", "digits"]
    )
    assert list(here.iterdir()) == []


def test_an_unknown_toml_key_is_one_line(here, mistake):
    (here / "own.toml").write_text("scale = [1.0]")
    assert "did you mean 'scales'" in mistake(["sweep", "--config", "own.toml"])


def test_a_toml_value_of_the_wrong_type_is_one_line(here, mistake):
    for line in ('networks = "many"', "scales = true", "data = 3", "networks = [1, 2]"):
        (here / "own.toml").write_text(line)
        assert line.split()[0] in mistake(["sweep", "--config", "own.toml"])


def test_a_flag_counts_more_than_a_file_before_either_is_checked(here):
    (here / "own.toml").write_text('networks = "many"\nscales = 0.5\nsmooth = true\nseed = 3')
    _, (sweep, *_) = read(["sweep", "--config", "own.toml", "--networks", "1e0", "--no-smooth"])
    assert (sweep.networks, sweep.scales, sweep.smooth, sweep.seed) == (1, (0.5,), False, 3)


def test_a_store_that_is_a_file_or_anothers_is_refused_and_kept(here, mistake):
    (here / "file").write_text("mine")
    assert "is a file" in mistake(["sweep", "--store", "file"])
    assert "is a file" in mistake(["sweep", "--store", "file/within"])
    assert (here / "file").read_text() == "mine"
    Store.create(Path("taken"), Identity("sweep", {"seed": 3}), {})
    before = sorted(here.rglob("*"))
    assert "was made with seed 3, not 0" in mistake(["sweep", "--store", "taken"])
    assert sorted(here.rglob("*")) == before


def test_files_and_stores_may_be_in_the_users_home(here, mistake, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "home"))
    Store.create(here / "home" / "taken", Identity("sweep", {"seed": 3}), {})
    (here / "home" / "own.toml").write_text("networks = 0")
    before = sorted(here.rglob("*"))
    assert "was made with seed 3, not 0" in mistake(["sweep", "--store", "~/taken"])
    assert "networks: 0 must be" in mistake(["sweep", "--config", "~/own.toml"])
    nowhere = "~nobody-of-this-name/run"
    assert f"store: cannot reach '{nowhere}'" in mistake(["sweep", "--store", nowhere])
    assert sorted(here.rglob("*")) == before


def test_a_run_prints_a_table_and_the_paths_that_it_wrote(here, capsys):
    run(*TINY, "--scales", "0.1,1", "--ratios", "0.1,0.2", "--max-steps", "500")
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["ratio", "scale", "trials"]
    paths = [Path(line) for line in lines if line.startswith("results/")]
    assert len(paths) == 8
    assert all(path.is_file() for path in paths)
    assert "trial" in err
    folder = paths[0].parent
    sweep = ja.Sweep(
        dims=4, widths=8, networks=2, examples=2, starts=1, scales=(0.1, 1), ratios=(0.1, 0.2),
        max_steps=500,
    )  # fmt: skip
    assert folder == Path("results") / f"sphere-{sweep.fingerprint}"
    assert len(pd.read_csv(folder / "summary.csv")) == 4
    assert json.loads((folder / "manifest.json").read_text())["sweep"] == sweep.to_toml()
    run(*TINY, "--scales", "0.1,1", "--ratios", "0.1,0.2", "--max-steps", "500")
    assert capsys.readouterr().out == out


def test_flags_go_before_the_file_and_the_file_before_defaults(here, capsys):
    (here / "own.toml").write_text("examples = 1\nscales = [0.5]\nmax_steps = 500\n")
    scales = ["--scales", "0.1,0.2,0.3,0.4"]  # four cells, as above: the same programs
    run(*TINY, "--config", "own.toml", *scales, "--store", "run")
    out = capsys.readouterr().out
    run("--config", "run/manifest.json", "--store", "run")
    assert capsys.readouterr().out == out
    expected = ja.Sweep(
        dims=4, widths=8, networks=2, examples=2, starts=1, scales=(0.1, 0.2, 0.3, 0.4),
        max_steps=500,
    )  # fmt: skip
    assert ja.open_sweep("run").attrs["sweep"] == expected.to_toml()


@pytest.mark.parametrize("data", ["own.npz", pytest.param("digits", marks=pytest.mark.slow)])
def test_real_inputs_run_the_same_way(here, capsys, data):
    rng = np.random.default_rng(0)
    np.savez("own.npz", x=rng.normal(size=(30, 5)), y=rng.normal(size=30))
    flags = ["--networks", "1", "--examples", "2", "--starts", "1", "--widths", "16"]
    run("--scales", "0.1,1", "--data", data, *flags, "--max-steps", "200")
    folder = Path(capsys.readouterr().out.splitlines()[-1]).parent
    assert folder.name.startswith(Path(data).stem)
    dataset = ja.open_sweep(folder)
    assert dataset.dim.values.tolist() == [64 if data == "digits" else 5] * 2
    assert (dataset.loss_end >= dataset.loss_start).all()


def test_a_shard_prints_the_table_only_when_all_are_done(here, capsys, monkeypatch):
    monkeypatch.setattr(sweep_work, "BLOCK_TRIALS", 1)
    flags = [*TINY, "--scales", "0.1,0.2,0.3,0.4", "--max-steps", "500", "--store", "run"]
    run(*flags, "--shard", "0/2")
    assert capsys.readouterr().out == "4 of 8 networks (cell by cell) are left to other shards\n"
    run(*flags, "--shard", "1/2")
    assert capsys.readouterr().out.split()[0] == "scale"


@pytest.mark.slow
def test_an_activation_without_certificates_draws_its_figures_all_the_same(here, capsys):
    run(*TINY, "--activations", "relu", "--scales", "1", "--max-steps", "5")
    lines = capsys.readouterr().out.splitlines()
    paths = [Path(line) for line in lines if line.startswith("results/")]
    assert len(paths) == 5
    assert all(path.is_file() for path in paths)
