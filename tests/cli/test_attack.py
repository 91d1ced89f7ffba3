"""`jaxadv attack`: what it prints and writes, and its answer to mistakes."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import jaxadv as ja
from jaxadv.cli.main import main

NUMBER, CLASSES = 12, 3
FLAGS = ["--radii", "1/20,0.2", "--bounds", "0,1", "--starts", "2", "--steps", "20"]


@pytest.fixture
def files(here):
    """A network, and images that it answers right but for the last two."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(NUMBER, 4, 4)).astype("f4")
    hidden, output = rng.normal(size=(9, 16)).astype("f4"), rng.normal(size=(9, CLASSES))
    y = np.argmax(np.tanh(x.reshape(NUMBER, -1) @ hidden.T) @ output, axis=1)
    y[-2:] = (y[-2:] + 1) % CLASSES
    np.savez(here / "net.npz", hidden=hidden, output=output)
    np.savez(here / "images.npz", x=x, y=y)
    np.savez(here / "flat.npz", x=x.reshape(NUMBER, -1), y=y)
    return x, y, ja.TwoLayer(jnp.asarray(hidden), jnp.asarray(output, "f4"))


def test_it_prints_a_table_and_writes_figures_and_perturbations(files, here, capsys):
    x, y, network = files
    main(["attack", "net.npz", "images.npz", *FLAGS, "--store", "out"])
    out, _ = capsys.readouterr()
    attacks = ja.attack(
        network, x, y, constraint=[ja.LInfBall(0.05), ja.LInfBall(0.2)], bounds=(0, 1), starts=2,
        method=ja.APGD(20, tolerances=1e-3), progress=False,
    )  # fmt: skip
    table = pd.read_csv("out/summary.csv")
    assert table.radius.tolist() == [0.05, 0.2]
    assert table.accuracy.tolist() == [10 / 12, 10 / 12]
    assert table.robust.tolist() == [attack.robust_accuracy for attack in attacks]
    assert table.gradients.tolist() == [attack.gradient_evaluations for attack in attacks]
    head, first, *_ = out.splitlines()
    assert head.split()[:6] == ["radius", "inputs", "accuracy", "robust", "low", "high"]
    assert first.split()[:3] == ["0.05", "12", "83.3%"]
    assert "\nrobust: inputs that are answered right after every trial" in out
    with np.load("out/worst.npz") as worst:
        assert worst["radius"].tolist() == [0.05, 0.2]
        np.testing.assert_allclose(worst["perturbation"][1], attacks[1].perturbation, atol=1e-5)
    for name in ("accuracy.png", "losses.png", "worst.png"):
        assert (here / "out" / name).read_bytes().startswith(b"\x89PNG")
        assert f"out/{name}" in out

    main(["attack", "net.npz", "images.npz", *FLAGS, "--store", "out"])
    assert capsys.readouterr().out == out


def test_it_proves_what_it_can(files, here, capsys):
    del files
    main(["attack", "net.npz", "flat.npz", *FLAGS, "--prove", "--store", "out"])
    assert (
        "\nproved: inputs at which every attack in the set is proved to fail"
        in capsys.readouterr().out
    )
    table = pd.read_csv(here / "out" / "summary.csv")
    assert (table.proved <= table.robust).all()
    assert table.proved[0] > 0


def test_targets_and_inputs_that_are_no_images(files, here, capsys):
    del files
    flags = ["--targeted", "--radii", "0.1", "--examples", "5", "--method", "sign", "--steps", "9"]
    main(["attack", "net.npz", "flat.npz", *flags, "--starts", "1"])
    out, _ = capsys.readouterr()
    assert out.split()[:3] == ["radius", "inputs", "reached"]
    assert "worst.png" not in out
    assert "accuracy.png" not in out
    (folder,) = (here / "results").iterdir()
    assert folder.name.startswith("attack-")


def test_a_network_of_the_users_is_found_in_this_folder(files, here, capsys):
    x, y, _ = files
    (here / "own_network.py").write_text(
        "import numpy as np\nW = np.load('net.npz')\n"
        "def network(image):\n"
        "    import jax.numpy as jnp\n"
        "    return jnp.tanh(jnp.asarray(W['hidden']) @ image.ravel()) @ jnp.asarray(W['output'])\n"
    )
    flags = ["--radii", "0.1", "--starts", "1", "--steps", "5", "--store", "out"]
    main(["attack", "own_network:network", "images.npz", *flags])
    assert capsys.readouterr().out.split()[0] == "radius"
    constant = np.zeros_like(x)
    np.savez(here / "constant.npz", x=constant, y=y)
    main(["attack", "own_network:network", "constant.npz", *flags[:-1], "constant"])
    assert (here / "constant" / "worst.png").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["net.npz", "none.npz"], "inputs: there is no file 'none.npz'"),
        (["none.npz", "images.npz"], "network: there is no file 'none.npz'"),
        (["images.npz", "images.npz"], "network: 'images.npz' is no file with arrays hidden"),
        (["mine", "images.npz"], "network: 'mine' must be module:function, FILE.safe"),
        (["mine:net", "images.npz"], "network: cannot import 'mine:net'"),
        (["net.npz", "net.npz"], "inputs: 'net.npz' has neither x and y"),
        (["net.npz", "images.npz", "--radii", "8/0"], "radii: '8/0' is not a number"),
        (["net.npz", "images.npz", "--radii", "8/"], "radii: '8/' is not a number"),
        (["net.npz", "images.npz", "--radii", "0"], "radii: 0.0 must be a positive number"),
        (["net.npz", "images.npz", "--radii", "0.1,0.1"], "radii: 0.1,0.1 has a value twice"),
        (["net.npz", "images.npz", "--constraint", "linf"], "did you mean 'linf-ball'"),
        (["net.npz", "images.npz", "--bounds", "0.5,1"], "x: has entries from"),
        (["net.npz", "images.npz", "--bounds", "1"], "bounds: (1.0,) must be two numbers"),
        (["net.npz", "images.npz", "--examples", "13"], "examples: 13, but 'images.npz' has 12"),
        (["net.npz", "images.npz", "--method", "pgd"], "method: unknown 'pgd'"),
        (["net.npz", "images.npz", "--steps", "-1"], "steps: -1 must be a whole number from 0"),
        (["net.npz", "images.npz", "--loss", "quadratic"], "loss: quadratic takes a number"),
        (["net.npz"], "Missing from jaxadv attack: NAME FILE.npz with inputs x"),
    ],
)
def test_a_mistake_is_one_line(files, mistake, args, message):
    del files
    assert message in mistake(["attack", *args])


def test_a_network_that_was_trained_in_other_units_is_named(files, here, capsys):
    x, _, network = files
    for training, is_named in (({"inputs": "pixels"}, False), ({"scale": 2}, True), ({}, True)):
        scale = float(training.get("scale", 1))
        text = "" if "scale" in training else "".join(f'{k} = "{v}"' for k, v in training.items())
        about = {"scale": scale, "training": text or "steps = 1"}
        ja.save_network("net.safetensors", network, about)
        main(["attack", "net.safetensors", "images.npz", *FLAGS, "--store", "out"])
        printed = "was trained on directions times" in capsys.readouterr().err
        assert printed == is_named
    assert x.shape == (NUMBER, 4, 4)
    # A network that nobody trained here has no units.
    ja.save_network("net.safetensors", network)
    main(["attack", "net.safetensors", "images.npz", *FLAGS, "--store", "out"])
    assert "was trained" not in capsys.readouterr().err
