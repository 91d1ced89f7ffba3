"""The report says what was found, in Markdown and JSON."""

import json
import math

import matplotlib.pyplot as plt

from jaxadv.claims.catalogue import judge_all
from jaxadv.reports.claims import as_json, as_markdown
from jaxadv.reports.pictures import Picture
from jaxadv.stats.intervals import Estimate
from tests.synthetic import along, synthetic


def sweeps():
    return {
        "dims": synthetic(
            along("dim", (16, 32, 64, 128, 256, 512)), lambda cell, _: 20 * cell["dim"] ** 0.5
        ),
        "scales": synthetic(
            along("scale", (0.1, 1.0, 10.0)), lambda cell, _: 100 * cell["scale"], budget=300
        ),
    }


def test_the_report_has_every_claim_with_verdict_rule_and_figure():
    judgements = judge_all(sweeps())
    pictures = {"C1-dim": [Picture("steps.png", "Steps.", plt.figure)]}
    text = as_markdown(judgements, sweeps(), pictures, "python report.py there")
    for judgement in judgements:
        assert f"### {judgement.claim.name}\n" in text
        for ruling in judgement.rulings:
            assert ruling.rule.text in text
    assert (
        "| [C1-dim](#c1-dim) | steps grow polynomially with the dimension | **supported** |" in text
    )
    assert "![Steps.](steps.png)" in text
    assert "python report.py there" in text
    assert "| scales | 64 | 1024 | 0.1, 1, 10 |" in text
    assert f"In all {(6 + 3) * 60 * 2:,} ascents" in text


def test_many_findings_are_summed_up_and_those_against_shown():
    scales = along("scale", [0.1 * 1.5**k for k in range(15)])
    # Steps fall at the last pair alone.
    law = {cell["scale"]: 3.0**k for k, cell in enumerate(scales[:-1])} | {scales[-1]["scale"]: 1.0}
    judgements = judge_all({"a": synthetic(scales, lambda cell, _: 100 * law[cell["scale"]])})
    text = as_markdown(judgements, {}, {}, "")
    part = text[text.index("### C3-steps\n") : text.index("### C3-steps-curvature")]
    assert "Of 14 findings: 13 for, 1 against." in part
    assert part.count("| against |") == 1
    assert "| for |" not in part


def test_the_json_has_every_finding_and_no_number_that_json_has_not():
    judgements = judge_all(sweeps())
    found = json.loads(json.dumps(as_json(judgements), allow_nan=False))
    by_name = {entry["claim"]: entry for entry in found}
    (finding,) = by_name["C1-dim"]["rules"][0]["findings"]
    assert finding["sweep"] == "dims"
    assert finding["settings"]["loss"] == "quadratic"
    (ruling,) = next(j for j in judgements if j.claim.name == "C1-dim").rulings
    exponent = ruling.findings[0][1].numbers["exponent"]
    assert isinstance(exponent, Estimate)
    assert finding["numbers"]["exponent"]["value"] == exponent.value
    ratios = [
        f["numbers"]["median ratio"]["value"] for f in by_name["C3-steps"]["rules"][0]["findings"]
    ]
    assert ratios[-1] == str(math.inf)
