"""Whether ascent ends in maxima: what was planted, its opposite, and nothing for kinks."""

import numpy as np
import pytest

import jaxadv as ja
from jaxadv.claims.maxima import EndsAreMaxima, Succeeds
from jaxadv.claims.verdicts import Outcome
from jaxadv.stats.cells import Domain
from tests.synthetic import along, synthetic

WIDTHS = along("width", (16, 64, 256, 1024, 4096))


def verdicts(rule, dataset):
    return [finding.outcome for finding in rule.findings(dataset)]


def failing(share):
    """The kinds of two trials on sixty networks, some of which fail."""

    def kind(cell):
        rng = np.random.default_rng(cell["width"])
        failed = rng.random((60, 1, 1)) < share(cell["width"])
        return np.where(failed, int(ja.Kind.NOT_STATIONARY), int(ja.Kind.BOUNDARY_MAX))

    return kind


@pytest.mark.parametrize(
    ("share", "expected", "votes"),
    [(0.0, Outcome.FOR, {1}), (0.5, Outcome.AGAINST, {-1}), (0.1, Outcome.STRADDLED, {-1, 1})],
)
def test_failures_must_be_rare(share, expected, votes):
    dataset = synthetic(WIDTHS[:1], lambda *_: 100, kind=failing(lambda _: share))
    (found,) = Succeeds().findings(dataset)
    assert found.outcome == expected
    assert set(found.votes.tolist()) == votes


def test_success_is_asked_of_a_domain():
    scales = along("scale", (1.0, 10.0, 14.0))  # κ₀ = 0.16, 1.79, 2.5
    dataset = synthetic([{**cell, "width": 1024} for cell in scales], lambda *_: 100)
    rule = Succeeds(Domain(least_aspect=16, most_kappa_0=2.0))
    assert [finding.settings["scale"] for finding in rule.findings(dataset)] == [1.0, 10.0]
    narrow = synthetic([{**cell, "width": 64} for cell in scales], lambda *_: 100)
    assert list(rule.findings(narrow)) == []


def test_ends_must_be_maxima_wherever_ascent_converged():
    kinds = np.full((60, 2, 1), int(ja.Kind.BOUNDARY_MAX))
    assert verdicts(EndsAreMaxima(), synthetic([{}], lambda *_: 100, kind=kinds)) == [Outcome.FOR]
    kinds[:20, 0] = int(ja.Kind.NOT_MAX)
    dataset = synthetic([{}], lambda *_: 100, kind=kinds)
    assert verdicts(EndsAreMaxima(), dataset) == [Outcome.AGAINST]
    # Where they did not converge, they say nothing.
    reached = dataset.reached & (dataset.kind != int(ja.Kind.NOT_MAX))
    assert verdicts(EndsAreMaxima(), dataset.assign(reached=reached)) == [Outcome.FOR]
    few = dataset.reached & (dataset.network < 20)
    assert verdicts(EndsAreMaxima(), dataset.assign(reached=few)) == [Outcome.TOO_FEW]


def test_nothing_is_asked_of_networks_with_kinks():
    kinks = synthetic(WIDTHS, lambda *_: 100, kind=int(ja.Kind.NOT_SMOOTH))
    assert verdicts(EndsAreMaxima(), kinks) == []
    assert verdicts(Succeeds(), kinks) == []
