"""Networks in files: they come back as they were, and what is no such file is said in one line."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.problems.network_files import about_network

KEY = jax.random.key(0)
OWN = {
    "two layers": lambda: ja.init_two_layer(KEY, 16, 8, "relu"),
    "classes": lambda: ja.init_two_layer(KEY, 16, 8, classes=3),
    "mlp": lambda: ja.init_mlp(KEY, 16, (8, 6), "gelu", classes=3),
    "one output": lambda: ja.init_mlp(KEY, 16, (8,)),
    "conv": lambda: ja.init_conv_net(KEY, (4, 4), channels=(2,) * 11, classes=3, stride=1),
    "normalised": lambda: ja.Normalized(ja.init_conv_net(KEY, (4, 4)), 0.5, jnp.full((4, 4), 0.3)),
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "net.safetensors"


@pytest.mark.parametrize("kind", OWN)
def test_a_network_of_ours_comes_back_as_it_was(file, kind):
    net = OWN[kind]()
    ja.save_network(file, net, {"epochs": 3})
    again = ja.load_network(file)
    assert type(again) is type(net)
    image = jax.random.uniform(KEY, (4, 4))
    np.testing.assert_array_equal(again(image), net(image))
    assert about_network(file) == {"epochs": 3}
    assert ja.load_network(file, like=net)(image).tolist() == net(image).tolist()


def test_a_network_of_the_users_comes_back_into_one_like_it(file):
    net, other = (eqx.nn.MLP(16, 3, 8, 2, key=jax.random.key(seed)) for seed in (0, 1))
    ja.save_network(file, net)
    again = ja.load_network(file, like=other)
    assert isinstance(again, eqx.nn.MLP)
    x = jax.random.uniform(KEY, (16,))
    np.testing.assert_array_equal(again(x), net(x))
    with pytest.raises(ValueError, match=r"holds the arrays of MLP, .*load_network\(path, like="):
        ja.load_network(file)
    wider = eqx.nn.MLP(16, 3, 9, 2, key=KEY)
    with pytest.raises(ValueError, match=r"has arrays\.0 of shape \(8, 16\), .* \(9, 16\)"):
        ja.load_network(file, like=wider)


def test_what_is_no_such_file_is_said_in_one_line(file):
    with pytest.raises(ValueError, match=r"^network: there is no file '.*net\.safetensors'$"):
        ja.load_network(file)
    ja.save_network(file, OWN["mlp"]())
    content = file.read_bytes()
    for size in (0, 5, 40, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:size])
        with pytest.raises(ValueError, match=r"no whole safetensors file: ") as error:
            ja.load_network(file)
        assert "\n" not in str(error.value)
    # A description that is not that of the arrays; the header keeps its length.
    file.write_bytes(content.replace(b'"kind\\": \\"MLP\\"', b'"kind\\":\\"MLPS\\"'))
    with pytest.raises(ValueError, match=r"net\.safetensors"):
        ja.load_network(file)


def test_what_cannot_be_written_is_refused(file, tmp_path):
    net = ja.init_two_layer(KEY, 3, 4)
    with pytest.raises(ValueError, match=r"path: .* must end in \.safetensors"):
        ja.save_network(tmp_path / "net.npz", net)
    own = ja.TwoLayer(net.hidden, net.output, lambda z: z**2)
    with pytest.raises(ValueError, match=r"activation: .* has no name"):
        ja.save_network(file, own)
    assert not file.exists()
    with pytest.raises(TypeError, match="no function of an input"):
        ja.save_network(file, 3)
