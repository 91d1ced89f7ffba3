"""What the README shows of a user's own network does what it says."""

import re
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxadv as ja

README = Path(__file__).parents[1] / "README.md"


def snippets_of(title):
    section = README.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2]
    return re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)


@pytest.fixture(scope="module")
def snippets():
    return snippets_of("Your own network")


def test_an_own_network_is_attacked_as_the_readme_says(snippets, capsys):
    names = {}
    with jax.numpy_rank_promotion("allow"):
        exec(snippets[0].replace("(100, 28, 28)", "(8, 28, 28)"), names)
    assert "8 inputs, 5 starts each\naccuracy 100.0%, under attack" in capsys.readouterr().out
    assert ((names["worst"] >= 0) & (names["worst"] <= 1)).all()


def test_an_own_network_is_certified_as_the_readme_says(snippets, capsys):
    pytest.importorskip("equinox")
    _, first, second = snippets
    assert len(first.replace("\n\n", "\n").splitlines()) == 10
    names = {}
    with jax.numpy_rank_promotion("allow"):
        exec(first, names)
        assert capsys.readouterr().out.startswith("CONVERGED")
        assert ja.Kind(int(names["cert"].kind)) is ja.Kind.BOUNDARY_MAX
        exec(second.replace("(100, 784)", "(5, 784)").replace("num_lanes=16", "num_lanes=4"), names)
        assert np.asarray(names["sols"].status).tolist() == [ja.Status.CONVERGED] * 5


def test_the_robust_share_is_bounded_as_the_readme_says(capsys):
    (snippet,) = snippets_of("What is proved")
    names = {}
    with jax.numpy_rank_promotion("allow"):
        exec(snippet.replace("(100, 28, 28)", "(8, 28, 28)"), names)
    low, high = names["attacked"].robust_bounds
    assert capsys.readouterr().out == f"({low}, {high})\n"
    assert 0 < low <= high <= 1


def test_an_own_file_and_network_lead_to_a_certified_attack(tmp_path, monkeypatch, capsys):
    pytest.importorskip("equinox")
    (snippet,) = snippets_of("Your own data, and networks that you train")
    assert len([line for line in snippet.splitlines() if line]) < 10
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (540, 28, 28), np.uint8)
    np.savez(tmp_path / "mine.npz", x=x, y=x[:, 0, 0] // 26)
    monkeypatch.chdir(tmp_path)
    names = {}
    with jax.numpy_rank_promotion("allow"):
        # Fewer held-out images: of 540, five.
        exec(snippet.replace("split(500)", "split(5)"), names)
    assert "5 inputs, 10 starts each" in (printed := capsys.readouterr().out)
    assert "of the ends are certified maxima" in printed
    assert isinstance(names["trained"].network, type(names["network"]))
