"""The mean field's law of early training beside the simulation: M4.

Source: docs/theory.md, sections 7.5 and 7.6.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxadv.claims.judgements import Claim
from jaxadv.claims.verdicts import LEAST_NETWORKS, Finding, Number, Outcome, judged_within
from jaxadv.stats.cells import cells
from jaxadv.stats.intervals import estimate, means
from jaxadv.stats.trainings import SPLITS, Split, robust_losses
from jaxadv.theory import RobustLosses, robust_loss_curve, sign_linearity

EARLY = 10  # the law is held against simulations up to this step
SMALLEST_SCALE = 1e-2
# The law's loss is above its loss at the smallest scale by a share of itself. Below this share, an
# error divided by the difference says nothing.
LEAST_EXCESS = 0.05
# The fields of a training experiment that the law is for.
ASSUMED: dict[str, Any] = {
    "data": "teacher", "network": "two-layer", "layers": "hidden", "batch": 0, "output_scale": 1.0,
    "undo_scale": False,
}  # fmt: skip


def law_of(cell: xr.Dataset, steps: int, scale: float | None = None) -> RobustLosses | None:
    """The law's robust losses in a cell of a training experiment; None where it has none.

    It is for gradient descent on the hidden layer at a rate in units of 1/λ₁, on all examples at a
    time, of an odd activation and the quadratic loss, and for labels from a teacher, whose linear
    part is taken to be that of a wide tanh network (`sign_linearity`).

    Args:
        cell: of the experiment.
        steps: how many.
        scale: another scale than the cell's.
    """
    spec = tomllib.loads(cell.attrs["training"])
    is_covered = (
        all(spec.get(name, value) == value for name, value in ASSUMED.items())
        and (cell.optimizer.item(), cell.unit.item()) == ("sgd", "sharpness")
        and cell.loss.item() == "quadratic"
        and (cell.constraint.item(), cell.method.item()) == ("l2-ball", "gradient")
        and cell.ratio.item() > 0
    )
    if not is_covered:
        return None
    try:
        return robust_loss_curve(
            cell.activation.item(),
            cell.scale.item() if scale is None else scale,
            cell.ratio.item(),
            dim=cell.dim.item(),
            examples=spec["examples"],
            rate=cell.rate.item(),
            steps=steps,
            linearity=sign_linearity(),
        )
    except ValueError:  # the activation is not odd
        return None


@dataclass(frozen=True)
class FollowsLaw:
    """Is the mean robust loss what the law of early training says, at each step up to the tenth?

    Attributes:
        split: the examples.
        margin: the largest error, as a share of the law's loss.
        most_scale: the largest scale that is asked about.
        most_rate: the largest rate in units of 1/λ₁.
    """

    split: Split
    margin: float = 0.1
    most_scale: float = 3.0
    most_rate: float = 1.0

    @property
    def text(self) -> str:
        """The rule in words."""
        return (
            f"In every cell with s ≤ {self.most_scale:g} and lr·λ₁ ≤ {self.most_rate:g} that the "
            f"law is for: the largest error of the law up to step {EARLY}, as a share of the law's "
            f"loss. The measured loss is the mean robust loss over networks on "
            f"{SPLITS[self.split]} examples. For where the error's interval lies below "
            f"{self.margin:.0%}, against where it lies above; at least {LEAST_NETWORKS} networks. "
            f"The table also has the error after {EARLY} steps divided by how far the law's loss "
            f"is above its loss at s = {SMALLEST_SCALE:g}."
        )

    def findings(self, dataset: xr.Dataset) -> Iterator[Finding]:
        """A finding for each cell that the law is for."""
        losses = robust_losses(dataset, self.split).sel(evaluation=slice(0, EARLY))
        names = ("dim", "width", "rate", "ratio", "scale")
        for index, cell in enumerate(cells(dataset)):
            if cell.scale > self.most_scale or cell.rate > self.most_rate:
                continue
            law = law_of(cell, EARLY)
            if law is None or int(losses.evaluation[-1]) < EARLY:
                continue
            predicted = getattr(law, FIELDS[self.split])
            ratios = self._ratios(losses.isel(cell=index), predicted)
            judged = judged_within(np.abs(ratios - 1).max(axis=0), 0.0, self.margin)
            numbers: dict[str, Number] = {
                "largest error": judged.number,
                f"simulated over predicted after {EARLY} steps": estimate(ratios[-1]),
            }
            limit = law_of(cell, EARLY, scale=SMALLEST_SCALE)
            assert limit is not None
            excess = 1 - getattr(limit, FIELDS[self.split])[EARLY] / predicted[EARLY]
            if excess > LEAST_EXCESS:
                numbers["error over the excess"] = float((ratios[-1, 0] - 1) / excess)
            settings = {name: cell[name].item() for name in names}
            if dataset.sizes["network"] < LEAST_NETWORKS:
                yield Finding(settings, numbers, Outcome.TOO_FEW)
            else:
                yield Finding(settings, numbers, judged.outcome, judged.votes)

    def _ratios(
        self, losses: xr.DataArray, predicted: Float[np.ndarray, " step"]
    ) -> Float[np.ndarray, "step replicate"]:
        """Mean losses over the law's, at each evaluated step and in each replicate."""
        at_steps = predicted[losses.evaluation.values]
        columns = losses.transpose("evaluation", "network").values
        return np.array([
            means(column[:, None].astype(float)) / law
            for column, law in zip(columns, at_steps, strict=True)
        ])  # fmt: skip


FIELDS: dict[Split, str] = {"test": "held_out", "train": "training"}
CLAIMS = (
    Claim(
        "M4", "the held-out robust loss in early training", "",
        "R_t = ½ E(|β_t·u + ξ − y| + ρ√d √(‖β_t‖² + γ²))², with β_t by gradient descent and ξ as "
        "it was at the start: no number is fitted.",
        (FollowsLaw("test"),),
        "For many more examples than dimensions, and at least as many neurons as examples. Up to "
        "s = 3 and ten steps.", experiment="training",
    ),
    Claim(
        "M4-training", "the robust loss on training examples in early training", "",
        "R_t as in M4, where the error due to ξ falls by the factor 1 − r a step.",
        (FollowsLaw("train"),),
        "Asked of the same cells as M4.", experiment="training",
    ),
)  # fmt: skip
