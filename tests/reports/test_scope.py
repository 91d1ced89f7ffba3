"""What a claim was asked of: the cells of its findings, and no others."""

import numpy as np
import pytest

from jaxadv.claims.judgements import Claim, Judgement, Ruling
from jaxadv.claims.scales import RisesWithScale
from jaxadv.claims.verdicts import Finding, Outcome
from jaxadv.reports.scope import scope_of
from tests.synthetic import synthetic

SETTINGS = [
    {"dim": dim, "width": dim**2, "loss": loss, "scale": scale}
    for dim in (8, 16)
    for loss in ("quadratic", "logistic")
    for scale in (0.1, 1.0, 10.0)
]


def scope(settings, dataset):
    ruling = Ruling(
        RisesWithScale("num_steps"), tuple(("a", Finding(s, {}, Outcome.FOR)) for s in settings)
    )
    return scope_of(Judgement(Claim("C0", "", "", "", (), ""), (ruling,)), {"a": dataset})


# Those of a stored experiment are of numpy's own type of strings, or objects.
@pytest.mark.parametrize("dtype", ["U", np.dtypes.StringDType(), object], ids=str)
def test_texts_restrict_the_cells_whatever_their_type(dtype):
    dataset = synthetic(SETTINGS, lambda *_: 9)
    dataset = dataset.assign_coords(loss=("cell", dataset.loss.values.astype(dtype)))
    text = scope([{"loss": "logistic", "dim": 8}], dataset)
    assert text.startswith("d = 8; m = 64; s = 0.1, 1, 10; ")
    assert "logistic" in text
    assert "quadratic" not in text


def test_a_pair_of_scales_is_two_scales_and_a_power_is_many_widths():
    dataset = synthetic(SETTINGS, lambda *_: 9)
    text = scope([{"scale": "1 against 0.1", "width": "d^2"}], dataset)
    assert text.startswith("d = 8, 16; m = 64, 256; s = 0.1, 1; ")


def test_without_findings_there_is_no_scope():
    assert not scope([], synthetic(SETTINGS, lambda *_: 9))
