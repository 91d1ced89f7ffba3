"""All claims that are put to the test.

What the paper says (docs/theory.md, section 1) and how we read it are kept apart: definitions,
rules and predictions are ours.
"""

from collections.abc import Mapping, Sequence

import xarray as xr

from jaxadv.claims import (
    growth,
    logistic,
    maxima,
    maxima_along_dim,
    mean_field,
    scales,
    tail,
    training,
    training_law,
)
from jaxadv.claims.judgements import Claim, Judgement, judge

# In the order of the report.
CLAIMS: tuple[Claim, ...] = (
    *growth.CLAIMS,
    *tail.CLAIMS,
    *maxima.CLAIMS,
    *scales.CLAIMS,
    *maxima_along_dim.CLAIMS,
    *logistic.CLAIMS,
    *mean_field.CLAIMS,
    *training.CLAIMS,
    *training_law.CLAIMS,
)


def claims_on(datasets: Mapping[str, xr.Dataset]) -> Sequence[Claim]:
    """The claims on such experiments as these are; of sweeps, if there are none at all.

    Example:
        >>> claims_on({})[0].name
        'C1-dim'
    """
    kinds = {claim.experiment for claim in CLAIMS}
    present = {kind for kind in kinds for dataset in datasets.values() if kind in dataset.attrs}
    return [claim for claim in CLAIMS if claim.experiment in (present or {"sweep"})]


def judge_all(datasets: Mapping[str, xr.Dataset]) -> Sequence[Judgement]:
    """The judgements on all `claims_on` these experiments."""
    return [judge(claim, datasets) for claim in claims_on(datasets)]
