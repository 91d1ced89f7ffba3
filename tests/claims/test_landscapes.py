"""Measures of regularity that rise or fall with the scale get the verdicts that are due."""

from jaxadv.claims.landscapes import MoreRegularAtSmallerScale
from jaxadv.claims.verdicts import Outcome, Rule
from jaxadv.stats.landscapes import MEASURES
from tests.synthetic_survey import NETWORKS, survey


def verdicts(name, dataset=None):
    rule = MoreRegularAtSmallerScale(name)
    return [finding.outcome for finding in rule.findings(survey() if dataset is None else dataset)]


def test_verdicts_are_on_regularity():
    assert verdicts("maxima") == [Outcome.FOR] * 3
    assert verdicts("step_cosine") == [Outcome.FOR] * 3  # a smaller one is less regular
    assert verdicts("gradient_change") == [Outcome.AGAINST] * 3
    assert verdicts("path_ratio") == [Outcome.TIE] * 3


def test_networks_are_counted_by_where_there_is_less_regularity():
    for name in ("maxima", "step_cosine"):
        first = next(MoreRegularAtSmallerScale(name).findings(survey()))
        assert first.settings == {"training": "none", "ratio": 0.1, "scale": "1 against 0.1"}
        assert list(first.numbers.values())[:2] == [NETWORKS, 0]


def test_scales_are_not_compared_across_trainings_nor_on_few_networks():
    both = survey(trainings=("none", "clean"))
    found = list(MoreRegularAtSmallerScale("maxima").findings(both))
    assert [f.settings["training"] for f in found] == ["clean"] * 3 + ["none"] * 3
    few = survey().isel(network=slice(0, 20))
    assert set(verdicts("maxima", few)) == {Outcome.TOO_FEW}


def test_rules_say_on_which_side_regularity_is():
    rules = {name: MoreRegularAtSmallerScale(name) for name in MEASURES}
    assert all(isinstance(rule, Rule) for rule in rules.values())
    assert "For the claim where it is larger at the larger scale" in rules["maxima"].text
    assert "For the claim where it is smaller at the larger scale" in rules["step_cosine"].text
