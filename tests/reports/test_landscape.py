"""The report on a survey has its numbers and its verdicts."""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

from jaxadv.reports import landscape as landscape_report
from jaxadv.reports.pictures import Picture
from jaxadv.stats.landscapes import tabulate
from tests.synthetic_survey import survey


def test_the_report_has_the_numbers_and_the_verdicts():
    dataset = survey(trainings=("none", "adversarial"))
    counts = dict.fromkeys(("maxima", "minima", "saddles", "valleys", "missed", "strays"), 1)
    counts |= {"euler": 2, "settled": 1, "certified": 99}
    critical = xr.Dataset(
        {name: (("cell", "network"), np.full((1, 5), number)) for name, number in counts.items()},
        coords=dataset.isel(cell=[3]).coords.assign(dim=("cell", [3])),
        attrs=dataset.attrs,
    )
    critical.euler[0, 0] = 0
    pictures = [Picture("plane.png", "A plane.", plt.figure)]
    text = landscape_report.as_markdown(
        dataset, tabulate(dataset), [critical], pictures, "python x"
    )
    assert "**Adversarial training, ρ = 0.1**" in text
    assert "| distinct maxima found | 1 [1, 1], mean 1 | 2 [2, 2], mean 2 |" in text
    assert "| distinct maxima found | **yes** 40:0 | **yes** 40:0 | **yes** 40:0 |" in text
    assert "| change of the gradient within a radius | **no** 0:40 |" in text
    assert "| 3 | 30 | 5 | 5 | 5 | 5 | 5 | 4, 0.8 [" in text
    assert "| 100 | 99.0% | 5 | 5 |" in text
    assert "![A plane.](plane.png)" in text
