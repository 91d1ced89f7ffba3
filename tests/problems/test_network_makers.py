"""Networks of experiments by name, and those of files: the same network in every way to run it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.problems.network_makers import NETWORKS

KEY = jax.random.key(0)
SMALL = {"examples": 2, "starts": 2, "max_steps": 50, "scales": 1.0}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net.safetensors"
    ja.save_network(path, ja.init_two_layer(KEY, 8, 12, "sin"), {"by": "hand"})
    return str(path)


def test_a_stored_network_brings_its_shape_and_its_activation(file):
    sweep = ja.Sweep(network=file, networks=2, **SMALL)
    assert (sweep.dims, sweep.widths, sweep.activations) == ((8,), (12,), ("sin",))
    assert ja.Sweep(network=file, widths=12, dims=[8], **SMALL).widths == (12,)
    for field, value in (("dims", 9), ("widths", 13), ("activations", "gelu")):
        with pytest.raises(ValueError, match=rf"^{field}: {value} is not that of the network in"):
            ja.Sweep(network=file, **{field: value}, **SMALL)


def test_a_sweep_of_a_stored_network_attacks_that_network(file):
    """Its ends are those of single ascents on the network, from inputs of the sweep's keys."""
    dataset = ja.run_sweep(ja.Sweep(network=file, networks=2, **SMALL), progress=False)
    own = lambda key, dim, width, activation: ja.load_network(file)  # noqa: E731
    by_hand = ja.Sweep(network=own, networks=2, dims=8, widths=12, activations="sin", **SMALL)
    expected = ja.run_sweep(by_hand, progress=False)
    for name in ("num_steps", "multiplier"):
        np.testing.assert_array_equal(dataset[name], expected[name])
    # The replicates differ in their inputs.
    assert (dataset.multiplier[:, 0] != dataset.multiplier[:, 1]).any()


def test_a_store_knows_a_network_by_what_is_in_its_file(file, tmp_path):
    sweep = ja.Sweep(network=file, networks=1, **SMALL)
    ja.run_sweep(sweep, tmp_path / "run", progress=False)
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes((tmp_path / "net.safetensors").read_bytes())
    same = ja.Sweep(network=str(moved), networks=1, **SMALL)
    assert same.fingerprint == sweep.fingerprint
    ja.run_sweep(same, tmp_path / "run", progress=False)
    ja.save_network(moved, ja.init_two_layer(jax.random.key(1), 8, 12, "sin"))
    other = ja.Sweep(network=str(moved), networks=1, **SMALL)
    assert other.fingerprint != sweep.fingerprint
    with pytest.raises(ValueError, match="network"):
        ja.run_sweep(other, tmp_path / "run", progress=False)


def test_networks_by_name_have_the_shapes_that_are_asked_for():
    deep = NETWORKS["mlp"](KEY, dim=9, width=5, activation="tanh")
    assert [weight.shape for weight in deep.weights] == [(5, 9), (5, 5), (5,)]
    for dim, shape in ((64, (8, 8, 1)), (3072, (32, 32, 3))):
        conv = NETWORKS["conv"](KEY, dim=dim, width=7, activation="gelu", classes=4)
        assert conv.shape == shape
        assert conv(jnp.zeros(dim)).shape == (4,)
    assert NETWORKS["conv"](KEY, dim=64, width=7, activation="gelu")(jnp.zeros(64)).shape == ()
    with pytest.raises(ValueError, match="network 'conv' needs square images, and 65 is neither"):
        ja.Sweep(network="conv", dims=65)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.safetensors", "network: there is no file 'missing.safetensors'"),
        ("two-layers", "network: unknown 'two-layers'; did you mean 'two-layer'"),
    ],
)
def test_a_network_that_is_not_there_is_one_line(name, message):
    with pytest.raises(ValueError, match=message):
        ja.Sweep(network=name)


def test_a_network_of_other_inputs_than_the_data_is_refused(file):
    with pytest.raises(ValueError, match="dims: 8 does not fit data 'digits', d = 64"):
        ja.Sweep(network=file, data="digits", **SMALL)


def test_a_stored_network_with_classes_is_refused_in_its_own_words(tmp_path):
    path = tmp_path / "classes.safetensors"
    ja.save_network(path, ja.init_mlp(KEY, 8, (6,), classes=3))
    with pytest.raises(ValueError, match=r"safetensors' must map an input to a scalar: .*\(3,\)"):
        ja.Sweep(network=str(path), **SMALL)
