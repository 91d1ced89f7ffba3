"""The specification: what it refuses, its grid, its files and its fingerprint."""

import dataclasses
import json
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.sweeps.work import SweepWork


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
        ({"widths": "d^^2"}, r"widths: 'd\^\^2' must be a whole number, or a power"),
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
        ({"data": "mnist"}, "data_dir: mnist needs the folder with its files; give data_dir"),
        ({"data": "mnist", "data_dir": "nowhere"}, "data_dir: there is no folder 'nowhere'"),
        ({"data": "digits", "dims": (32,)}, "dims: 32 does not fit data 'digits', d = 64"),
        ({"data": "digits", "examples": 2000}, "examples: 2000 per network, but"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused_by_name(fields, message):
    with pytest.raises(ValueError, match=message):
        ja.Sweep(**fields)


def test_widths_can_be_powers_of_the_dimension(tmp_path):
    sweep = ja.Sweep(dims=(16, 64), widths=(256, "d", "d^1.5", "d^2", "32"))
    shapes = [(group.dim, group.width) for group in sweep.groups]
    at_16, at_64 = (16, (256, 16, 64, 32)), (64, (256, 64, 512, 4096, 32))
    assert shapes == [(dim, width) for dim, widths in (at_16, at_64) for width in widths]
    with pytest.raises(ValueError, match=r"widths: 'd\^99' is too large in dimension 16"):
        _ = ja.Sweep(dims=16, widths="d^99").cells
    (tmp_path / "sweep.toml").write_text(sweep.text)
    assert ja.Sweep.from_toml(tmp_path / "sweep.toml") == sweep


@pytest.mark.parametrize("of", [ja.Sweep, ja.Landscape, ja.Training])
def test_what_is_declared_is_true_or_false(tmp_path, of):
    (tmp_path / "own.toml").write_text("smooth = 3")
    for make in (lambda: of(smooth=3), lambda: of.from_toml(tmp_path / "own.toml")):
        with pytest.raises(ValueError, match=r"^smooth: 3 must be true or false$"):
            make()
    for value in (1, 0, None, "yes"):
        with pytest.raises(ValueError, match=f"^smooth: {value!r} must be true or false$"):
            of(smooth=value)
    assert of(smooth=np.True_).smooth is True


@pytest.mark.parametrize(
    ("of", "field", "allowed"),
    [
        (ja.Sweep, "precision", "single, double"),
        (ja.Landscape, "trainings", "none, clean, adversarial"),
        (ja.Training, "layers", "hidden, both"),
    ],
)
def test_a_number_for_a_name_is_refused_with_the_names(of, field, allowed):
    with pytest.raises(ValueError, match=f"^{field}: unknown 3. Known are {allowed}$"):
        of(**{field: 3})


def test_logistic_labels_are_signs(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", x=rng.normal(size=(20, 3)), y=rng.normal(size=20))
    with pytest.raises(ValueError, match="logistic needs labels -1 and 1"):
        ja.Sweep(data=str(tmp_path / "own.npz"), losses="logistic")


@pytest.mark.parametrize("of", [ja.Sweep, ja.Landscape])
def test_images_are_found_where_the_users_files_are(tmp_path, of):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mnist.npz", x=rng.random((20, 28, 28)), y=np.arange(20) % 10)
    spec = of(data="mnist", data_dir=tmp_path, examples=2)
    assert spec.data_dir == str(tmp_path)
    assert spec.real_examples.dim == 784
    (tmp_path / "moved").mkdir()
    (tmp_path / "mnist.npz").rename(tmp_path / "moved" / "mnist.npz")
    moved = of(data="mnist", data_dir=str(tmp_path / "moved"), examples=2)
    assert moved.fingerprint == spec.fingerprint != of().fingerprint
    if of is ja.Sweep:
        assert SweepWork(moved).identity == SweepWork(spec).identity


@pytest.mark.parametrize("of", [ja.Sweep, ja.Landscape, ja.Training])
def test_data_is_a_name_or_a_path_and_no_array(tmp_path, of):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(400, 3)), rng.normal(size=400)
    np.savez(tmp_path / "own.npz", x=x, y=y)
    path = tmp_path / "own.npz"
    assert of(data=path) == of(data=str(path))
    for data in (x, (x, y), 3):
        with pytest.raises(TypeError, match=r"^data: .* save arrays with np\.savez") as error:
            of(data=data)
        assert "\n" not in str(error.value)
    with pytest.raises(TypeError, match="data_dir: must be a name or a path"):
        of(data_dir=3)


@pytest.mark.parametrize("of", [ja.Sweep, ja.Landscape, ja.Training])
def test_names_of_classes_are_not_regressed_on(tmp_path, of):
    rng = np.random.default_rng(0)
    path = tmp_path / "own.npz"
    for y in (np.arange(400) % 10, np.arange(400) % 2):
        np.savez(path, x=rng.normal(size=(400, 3)), y=y)
        with pytest.raises(ValueError, match=r"^data: y in .*own\.npz' are integers from 0, which"):
            of(data=path)
        if of is ja.Training:
            spec = of(data=path, losses="cross-entropy")
            assert spec.classes_of("cross-entropy") == y.max() + 1
        # As floats they are numbers, counts for example.
        np.savez(path, x=rng.normal(size=(400, 3)), y=y.astype(float))
        of(data=path)
    np.savez(path, x=rng.normal(size=(400, 3)), y=2 * y - 1)
    of(data=path)


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


def test_texts_of_other_editors_and_places_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    text = "networks = 3\n"
    (tmp_path / "own.toml").write_text(text, encoding="utf-8-sig")
    (tmp_path / "manifest.json").write_text(json.dumps({"sweep": text}), encoding="utf-8-sig")
    for name in ("own.toml", "manifest.json"):
        assert ja.Sweep.read_config(f"~/{name}") == {"networks": 3}
    assert ja.Sweep.from_toml(tmp_path / "own.toml") == ja.Sweep(networks=3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("own.toml", "networks = 3".encode("utf-16"), "must be text in UTF-8"),
        ("own.toml", "networks = 3".encode("utf-16-le"), "cannot read"),
        ("own.json", b'{"training": "networks = 3"}', "is no manifest of a sweep"),
        ("own.json", b"[" * 100_000, "cannot read"),
        ("own.json", b'{"sweep": {"networks": 3}}', "cannot read"),
        ("own.json", b"", "cannot read"),
        ("~nobody-of-this-name", b"", "cannot read"),
    ],
)
def test_texts_that_cannot_be_read_are_named_in_one_line(tmp_path, name, content, message):
    path = name if name.startswith("~") else tmp_path / name
    if path is not name:
        path.write_bytes(content)
    with pytest.raises(
        ValueError, match=f"^config: .*{name}.*{message}|{message}.*{name}"
    ) as error:
        ja.Sweep.read_config(path)
    assert "\n" not in str(error.value)


def test_functions_may_stand_for_names():
    assert ja.Sweep(activations=jnp.tanh, losses=ja.logistic).activations == ("tanh",)
    assert ja.Sweep(activations=(jnp.cos,)).activations == ("jax.numpy:cos",)
    own = ja.Sweep(losses=(cosh_loss,)).losses[0]
    assert own == "tests.sweeps.test_spec:cosh_loss"
    assert ja.Sweep(network=ja.init_two_layer, step=ja.NormalizedStep).to_dict() == (
        ja.Sweep(step="normalized").to_dict()
    )


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
        "max_steps": 9, "data": "gaussian", "seed": 9, "precision": "double", "smooth": True,
        "prove": False,
            "constraints": "linf-ball", "methods": "sign",
    }  # fmt: skip
    # Where the files of images are is no part of what is run.
    assert {*changed, "data_dir"} == {field.name for field in dataclasses.fields(ja.Sweep)}
    marks = {ja.Sweep(**{name: value}).fingerprint for name, value in changed.items()}
    assert len(marks | {own, other_data, ja.Sweep().fingerprint}) == len(changed) + 3
    assert ja.Sweep(dims=64).fingerprint == ja.Sweep().fingerprint


def cosh_loss(output, label):
    return jnp.cosh(output - label)
