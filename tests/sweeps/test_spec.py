"""The specification: what it refuses, its grid, its files and its fingerprint."""

import dataclasses
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scales": ()}, "scales: needs at least one"),
        ({"scales": (-1.0,)}, "scales: -1.0 must be a positive number"),
        ({"scales": ("a",)}, "scales: 'a' must be a positive number"),
        ({"scales": (1.0, 1.0)}, "scales: 1.0,1.0 has a value twice"),
        ({"scales": (True,)}, "scales: True must be"),
        ({"ratios": 0.0}, "ratios: 0.0 must be"),
        ({"dims": (0,)}, "dims: 0 must be a whole number"),
        ({"dims": (2.5,)}, "dims: 2.5 must be a whole number"),
        ({"widths": (0,)}, "widths: 0 must be"),
        ({"networks": 0}, "networks: 0 must be"),
        ({"starts": 1.5}, "starts: 1.5 must be"),
        ({"step_sizes": (float("nan"),)}, "step_sizes: nan must be"),
        ({"tolerances": (1e-4, 1e-2)}, "tolerances: .* must descend"),
        ({"tolerances": ()}, "tolerances: needs at least one"),
        ({"max_steps": -1}, "max_steps: -1 must be"),
        ({"seed": -1}, "seed: -1 must be"),
        ({"seed": 2**32}, "seed: 4294967296 must be"),
        ({"activations": ("tahn",)}, "activations: unknown 'tahn'; did you mean 'tanh'"),
        ({"losses": ("square",)}, "losses: unknown 'square'"),
        ({"network": "three-layer"}, "network: unknown 'three-layer'"),
        ({"step": "normalised"}, "step: unknown 'normalised'; did you mean 'normalized'"),
        ({"precision": "half"}, "precision: unknown 'half'"),
        ({"scales": 1e40}, "scales: 1e[+]40 must lie between"),
        ({"activations": "math:sin"}, "activations: 'math:sin' must map an array elementwise"),
        ({"activations": "jax.numpy:sum"}, "activations: 'jax.numpy:sum' must map an array"),
        ({"losses": "jax.numpy:sum"}, r"losses: .* must map \(output, label\) to a scalar"),
        ({"network": "jax.numpy:sum"}, "network: .* must map"),
        ({"data": "missing.npz"}, "data: there is no file 'missing.npz'"),
        ({"data": "digits", "dims": (32,)}, "dims: 32 does not fit data 'digits', d = 64"),
        ({"data": "digits", "examples": 2000}, "examples: 2000 per network, but"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused_by_name(fields, message):
    with pytest.raises(ValueError, match=message):
        ja.Sweep(**fields)


def test_logistic_labels_are_signs(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", x=rng.normal(size=(20, 3)), y=rng.normal(size=20))
    with pytest.raises(ValueError, match="logistic needs labels -1 and 1"):
        ja.Sweep(data=str(tmp_path / "own.npz"), losses="logistic")


def test_the_grid_is_the_product_of_its_axes():
    sweep = ja.Sweep(scales=(0.1, 1), ratios=(0.1, 0.2), dims=(4, 8), activations=("sin", "erf"))
    assert len(sweep.cells) == len(set(sweep.cells)) == 16
    assert len(sweep.groups) == 4
    assert [cell.group for cell in sweep.cells[::4]] == list(sweep.groups)
    assert sweep.num_trials == 16 * 16 * 16 * 4


def test_dims_are_the_datas_own_where_none_are_given(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", x=rng.normal(size=(20, 7)), y=rng.normal(size=20))
    assert ja.Sweep(data=str(tmp_path / "own.npz")).dims == (7,)
    assert ja.Sweep().dims == ja.Sweep(data="digits").dims == (64,)


def test_toml_round_trips(tmp_path):
    sweep = ja.Sweep(scales=(1e-5, 3), activations=("sin", "jax.numpy:cos"), step="normalized")
    (tmp_path / "sweep.toml").write_text(sweep.to_toml())
    assert ja.Sweep.from_toml(tmp_path / "sweep.toml") == sweep


def test_toml_mistakes_are_refused(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text("scale = [1.0]")
    with pytest.raises(ValueError, match=r"unknown key 'scale'.*did you mean 'scales'"):
        ja.Sweep.read_config(path)
    path.write_text("scales = [1.0")
    with pytest.raises(ValueError, match="cannot read"):
        ja.Sweep.read_config(path)
    with pytest.raises(ValueError, match="cannot read"):
        ja.Sweep.read_config(tmp_path / "missing.toml")


def test_functions_may_stand_for_names():
    assert ja.Sweep(activations=jnp.tanh, losses=ja.logistic).activations == ("tanh",)
    assert ja.Sweep(activations=(jnp.cos,)).activations == ("jax.numpy:cos",)
    own = ja.Sweep(losses=(cosh_loss,)).losses[0]
    assert own == "tests.sweeps.test_spec:cosh_loss"
    with pytest.raises(ValueError, match="no importable name"):
        ja.Sweep(activations=(lambda z: z,))


def test_the_fingerprint_is_stable_and_tells_every_field_apart(tmp_path):
    code = "import jaxadv as ja; print(ja.Sweep(scales=(0.1, 3.0)).fingerprint)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == ja.Sweep(scales=(0.1, 3.0)).fingerprint
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 64)), rng.normal(size=50)
    for name, labels in (("own", y), ("other", -y), ("same", y)):
        np.savez(tmp_path / f"{name}.npz", x=x, y=labels)
    own, other_data, same = (
        ja.Sweep(data=str(tmp_path / f"{name}.npz")).fingerprint
        for name in ("own", "other", "same")
    )
    assert own == same
    changed = {
        "scales": 3, "ratios": 0.2, "dims": 9, "widths": 9, "networks": 9, "examples": 9,
        "starts": 9, "network": "jaxadv.problems.networks:init_two_layer", "activations": "sin",
        "losses": "logistic", "step": "normalized", "step_sizes": 0.2, "tolerances": 1e-3,
        "max_steps": 9, "data": "gaussian", "seed": 9, "precision": "double",
    }  # fmt: skip
    assert set(changed) == {field.name for field in dataclasses.fields(ja.Sweep)}
    marks = {ja.Sweep(**{name: value}).fingerprint for name, value in changed.items()}
    assert len(marks | {own, other_data, ja.Sweep().fingerprint}) == len(changed) + 3
    assert ja.Sweep(dims=64).fingerprint == ja.Sweep().fingerprint


def cosh_loss(output, label):
    return jnp.cosh(output - label)
