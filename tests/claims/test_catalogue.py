"""Claims are asked of the experiments that they are about."""

from jaxadv.claims.catalogue import CLAIMS, claims_on
from jaxadv.claims.judgements import judge
from tests.synthetic import along, synthetic
from tests.synthetic_survey import survey
from tests.synthetic_training import decay, synthetic_training

FASTER = decay(lambda cell: 0.05 / (1 + cell["scale"]))


def test_claims_are_asked_of_their_own_experiments_alone():
    training, sweep = (
        synthetic_training(FASTER),
        synthetic(along("scale", [0.1, 1.0]), lambda *_: 9),
    )
    assert {claim.experiment for claim in claims_on({"a": training})} == {"training"}
    assert {claim.experiment for claim in claims_on({"a": sweep})} == {"sweep"}
    assert claims_on({"a": training, "b": sweep, "c": survey()}) == list(CLAIMS)
    by_name = {claim.name: claim for claim in CLAIMS}
    both = {"a": training, "b": sweep}
    for claim, source in ((by_name["C2-first"], "a"), (by_name["C3-steps"], "b")):
        findings = [name for ruling in judge(claim, both).rulings for name, _ in ruling.findings]
        assert set(findings) == {source}
