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


def test_a_file_names_no_code(file, tmp_path, monkeypatch):
    net = ja.init_two_layer(KEY, 3, 4)
    own = ja.TwoLayer(net.hidden, net.output, jnp.sinh)
    ja.save_network(file, own)
    with pytest.raises(
        ValueError, match=r"arrays of TwoLayer with the activation jax\.numpy:sinh, not how"
    ):
        ja.load_network(file)
    assert ja.load_network(file, like=own).activation is jnp.sinh
    (tmp_path / "harm.py").write_text("raise SystemExit('was run')")
    monkeypatch.syspath_prepend(tmp_path)
    ja.save_network(file, net)
    content = file.read_bytes()
    # The header keeps its length.
    file.write_bytes(
        content.replace(b'\\"tanh\\"}', b'\\"harm:f\\"}', 1).replace(b'"about', b'"abt', 1)
    )
    with pytest.raises(ValueError, match="network: "):
        ja.load_network(file)
    around = ja.Normalized(eqx.nn.MLP(16, 3, 8, 2, key=KEY), 0.5, 1)
    ja.save_network(file, around)
    with pytest.raises(ValueError, match="holds the arrays of MLP"):
        ja.load_network(file)


def test_keys_in_a_network_are_kept(file):
    class Noisy(eqx.Module):
        key: jax.Array
        weight: jax.Array

        def __call__(self, x):
            return self.weight @ x + jax.random.normal(self.key, ())

    net = Noisy(jax.random.key(3), jnp.ones(4))
    ja.save_network(file, net)
    again = ja.load_network(file, like=Noisy(jax.random.key(0), jnp.zeros(4)))
    assert again(jnp.ones(4)) == net(jnp.ones(4))


def test_what_cannot_be_written_is_refused(file, tmp_path):
    net = ja.init_two_layer(KEY, 3, 4)
    with pytest.raises(ValueError, match=r"path: .* must end in \.safetensors"):
        ja.save_network(tmp_path / "net.npz", net)
    with pytest.raises(TypeError, match="no function of an input"):
        ja.save_network(file, 3)
