"""What the page on proofs is made of: regimes, boundaries, and the law of the slack."""

import itertools

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import jaxadv as ja
from jaxadv.proofs.ends import Proved
from jaxadv.reports.proofs import as_markdown, pictures
from jaxadv.stats.proofs import REGIMES, boundaries, fit_slack, tabulate
from jaxadv.theory import kappa_0


def survey(scales, ratios, widths, dim, networks=6):
    """A survey whose K/λ is κ₀ and the law's slack, with a little noise."""
    axes = list(itertools.product(widths, ratios, scales))
    width, ratio, scale = (np.array(column) for column in zip(*axes, strict=True))
    kappa = np.array([kappa_0("tanh", s, r) for s, r in zip(scale, ratio, strict=True)])
    noise = 1 + 0.01 * np.random.default_rng(0).normal(size=(len(axes), networks, 2))
    ratios_of_proofs = (kappa + law(ratio, scale, width, dim))[:, None, None] * noise
    shape = (*ratios_of_proofs.shape, 3)
    codes = np.select(
        [ratios_of_proofs < 0.5, ratios_of_proofs < 1],
        [Proved.UNIQUE, Proved.GLOBAL],
        Proved.NOTHING,
    )
    starts = np.arange(3) if dim > 100 else np.zeros(3, int)
    dims = ("cell", "network", "example")
    text = "network = 'two-layer'\n"
    settings = {"dim": dim, "activation": "tanh", "constraint": "l2-ball", "training": "none"}
    coords = {name: ("cell", [value] * len(axes)) for name, value in settings.items()}
    return xr.Dataset(
        {
            "proof_ratio": (dims, ratios_of_proofs),
            "proof": ((*dims, "start"), np.broadcast_to(codes[..., None], shape).astype("i1")),
            "maximum": ((*dims, "start"), np.broadcast_to(starts, shape)),
            "most_maxima": (dims, np.where(ratios_of_proofs < 0.5, 1.0, np.nan)),
            "complete": (dims[:2], np.ones(ratios_of_proofs.shape[:2], bool)),
        },
        {
            **coords,
            "loss": ("cell", ["logistic"] * len(axes)),
            "method": ("cell", ["gradient"] * len(axes)),
            "width": ("cell", width),
            "ratio": ("cell", ratio),
            "scale": ("cell", scale),
        },
        {"landscape": text, "seconds": 60.0},
    )


def law(ratio, scale, width, dim):
    return 1.5 * ratio**1.6 * scale**1.5 * width**0.25 * dim**0.1


@pytest.fixture(scope="module")
def surveys():
    scales, ratios = (0.1, 0.3, 1.0, 3.0), (0.03, 0.1, 0.3)
    return {
        "random": survey(scales, ratios, (128, 512), 64),
        "wide": survey(scales, ratios, (1000,), 200),
    }


def test_each_input_is_in_one_regime(surveys):
    table = tabulate(surveys)
    np.testing.assert_allclose(table[list(REGIMES)].sum(axis=1), 1)
    assert (table.query("ratio_high < 0.5").unique == 1).all()
    assert (table.query("ratio_low > 1")[["unique", "global"]] == 0).to_numpy().all()
    # In the survey "random" all ascents find one maximum, in "wide" each finds its own.
    assert (table.query("survey == 'random'").many == 0).all()
    assert (table.query("survey == 'wide' and ratio_low > 1").many == 1).all()
    # There a proof says 1, and the search finds 3.
    assert (
        table.query("survey == 'wide'").refuted == table.query("survey == 'wide'").bounded
    ).all()
    assert table.query("survey == 'random'").refuted.sum() == 0


def test_boundaries_are_where_the_ratio_passes_a_half_and_one():
    table = pd.DataFrame({
        "survey": "a", "dim": 8, "width": 8, "activation": "tanh", "constraint": "l2-ball",
        "training": "none", "ratio": 0.1, "scale": [0.1, 1.0, 10.0],
        "ratio_value": [0.01, 0.1, 10.0],
    })  # fmt: skip
    (row,) = boundaries(table)
    np.testing.assert_allclose([row["half"], row["one"]], [5**0.5, 10**0.5])
    (row,) = boundaries(table.assign(ratio_value=0.2))
    assert np.isnan([row["half"], row["one"]]).all()


def test_the_law_of_the_slack_is_recovered(surveys):
    fitted = fit_slack(list(surveys.values()))
    for name, power in (("ratio", 1.6), ("scale", 1.5), ("width", 0.25), ("dim", 0.1)):
        estimate = fitted.exponents[name]
        np.testing.assert_allclose(estimate.value, power, atol=0.08)
        assert estimate.low <= estimate.value <= estimate.high
    assert fitted.error < 0.02


def test_the_page_is_written_from_real_surveys():
    options = {"networks": 2, "examples": 1, "starts": 3, "losses": "logistic", "dims": 8}
    spec = ja.Landscape(scales=(0.1, 0.3, 3.0), ratios=(0.1, 0.3), widths=32, **options)
    dataset = ja.run_landscape(spec, progress=False)
    more = ja.run_landscape(
        ja.Landscape(scales=(0.1, 0.3, 3.0), ratios=(0.1, 0.3), widths=64, **options),
        progress=False,
    )
    surveys = {"random": dataset, "wide": more}
    assert tabulate(surveys).refuted.sum() == 0
    steps = [{"s": 0.1, "most": 5, "bound": 12.0}, {"s": 1.0, "most": 90, "bound": np.inf}]
    page = as_markdown(surveys, steps, "python some.py")
    assert "the bound of the steps is at most 2.4 times" in page
    assert "| 1 | 90 | none |" in page
    (picture,) = pictures(dataset)
    assert picture.file == "regimes.png"
    assert len(picture.draw().axes) == 2
