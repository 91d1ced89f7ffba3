"""What the README shows of a user's own network does what it says."""

import re
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxadv as ja

README = Path(__file__).parents[1] / "README.md"


def test_an_own_network_is_certified_as_the_readme_says(capsys):
    pytest.importorskip("equinox")
    section = README.read_text(encoding="utf-8").partition("## Your own network")[2]
    section = section.partition("\n## ")[0]
    first, second = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(first.replace("\n\n", "\n").splitlines()) == 10
    names = {}
    with jax.numpy_rank_promotion("allow"):
        exec(first, names)
        assert capsys.readouterr().out.startswith("CONVERGED")
        assert ja.Kind(int(names["cert"].kind)) is ja.Kind.BOUNDARY_MAX
        exec(second.replace("(100, 784)", "(5, 784)").replace("num_lanes=16", "num_lanes=4"), names)
        assert np.asarray(names["sols"].status).tolist() == [ja.Status.CONVERGED] * 5
