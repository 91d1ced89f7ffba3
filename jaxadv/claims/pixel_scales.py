"""Is training on pixels ahead at the smaller of two scales? The rule of C2, at one rate."""

from collections.abc import Iterator

import xarray as xr

from jaxadv.claims.training import FasterAtSmallerScale
from jaxadv.claims.verdicts import Finding
from jaxadv.stats.pixel_scales import split_of
from jaxadv.stats.trainings import Comparison, Phase, Quantity, is_undone, output_scale_of


def findings(dataset: xr.Dataset, quantity: Quantity, phase: Phase) -> Iterator[Finding]:
    """Is the smaller of two neighbouring scales ahead at the end of a phase?

    By the rule of `FasterAtSmallerScale`, at one rate: in units of 1/λ₁, or a common one.

    Args:
        dataset: a training experiment of finished networks, adversarial or clean.
        quantity: what is compared; less of it is ahead.
        phase: at whose end.
    """
    comparison: Comparison = "sharpness" if "sharpness" in dataset.unit.values else "common"
    rule = FasterAtSmallerScale(
        quantity,
        comparison,
        phase,
        split=split_of(quantity),
        attacked=bool((dataset.ratio > 0).any()),
        output_scale=output_scale_of(dataset),
        undone=is_undone(dataset),
    )
    return rule.findings(dataset)
