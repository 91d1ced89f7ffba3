"""Stores of version 0.1 are judged and drawn by what they have."""

import zipfile
from pathlib import Path

from jaxadv.claims.catalogue import claims_on
from jaxadv.claims.judgements import judge
from jaxadv.figures.style import save
from jaxadv.reports.claims import as_markdown
from jaxadv.reports.claims_pictures import claims_pictures
from jaxadv.reports.experiments import open_experiments

STORES = Path(__file__).parent.parent / "data"


def test_a_report_on_stores_of_version_0_1_has_all_that_they_tell(tmp_path):
    for name in ("sweep", "landscape", "training"):
        with zipfile.ZipFile(STORES / f"{name}-store-0.1.zip") as archive:
            archive.extractall(tmp_path)
    datasets, _ = open_experiments(tmp_path)
    assert "condition_number" not in datasets["sweep"]
    judgements = [judge(claim, datasets) for claim in claims_on(datasets)]
    by_name = {judgement.claim.name: judgement for judgement in judgements}
    assert not by_name["C3-condition"].rulings[0].findings
    assert by_name["C3-steps"].rulings[0].findings
    for _, picture in claims_pictures(tmp_path, datasets):
        save(tmp_path / Path(picture.file).name, picture.draw)
    assert "| sweep | 6 | 8 |" in as_markdown(judgements, datasets, {}, "")
