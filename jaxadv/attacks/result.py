"""What an attack found."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from jaxadv.ascent.kinds import MAXIMA


@dataclass(frozen=True)
class Attack:
    """What an attack found in one set of perturbations.

    Attributes:
        dataset: all records, as `ja.open` gives them for a stored attack, of one cell.
        shape: of an input.
        targeted: whether labels are answers to be reached. A trial succeeds where it reaches the
            target, otherwise where the answer is not the label.
    """

    dataset: xr.Dataset
    shape: tuple[int, ...]
    targeted: bool = False

    @property
    def perturbation(self) -> np.ndarray:
        """The worst perturbation of each input, of the shape of x.

        It is the end of largest loss (of smallest, with targets) among the trials that succeeded,
        or among all trials if none did.
        """
        return self._values("perturbation").reshape(-1, *self.shape)

    @property
    def loss(self) -> np.ndarray:
        """The loss at each input's worst perturbation."""
        return self._values("loss")

    @property
    def changed(self) -> np.ndarray:
        """Whether the answer at the worst perturbation is not the one at the input itself."""
        return self._values("changed")

    @property
    def robust(self) -> np.ndarray:
        """Whether no trial on an input succeeded, and the answer at the input is no success itself.

        Without targets: whether it is answered right, at itself and where all its trials ended.
        """
        return self._values("robust")

    @property
    def accuracy(self) -> float:
        """The share of inputs whose answer without a perturbation is the label, or the target."""
        return float(self._values("correct").mean())

    @property
    def robust_accuracy(self) -> float:
        """The share of robust inputs: an upper bound, because another attack may find more."""
        return float(self.robust.mean())

    @property
    def proved(self) -> np.ndarray | None:
        """At which inputs every attack in the set is proved to fail; None if not asked for.

        What is not proved may be robust all the same.
        """
        return self._values("proved") if "proved" in self.dataset else None

    @property
    def robust_bounds(self) -> tuple[float, float]:
        """Bounds of the share of robust inputs: proved, and not broken yet.

        The first is 0 if no proof was asked for.
        """
        proved = 0.0 if self.proved is None else float(self.proved.mean())
        return proved, self.robust_accuracy

    @property
    def saturated(self) -> np.ndarray:
        """Whether the loss's own gradient at an input is 0 by rounding."""
        return self._values("saturated")

    @property
    def num_steps(self) -> np.ndarray:
        """Steps to each tolerance, (input, start, tolerance); those taken, if never reached."""
        return self._values("num_steps")

    @property
    def status(self) -> np.ndarray:
        """Why each trial stopped, a `Status`, (input, start)."""
        return self._values("status")

    @property
    def residual(self) -> np.ndarray:
        """The residual at the end of each trial, (input, start)."""
        return self._values("residual")

    @property
    def kind(self) -> np.ndarray | None:
        """What certificates found the ends to be, a `Kind`, (input, start); None without them."""
        return self._values("kind") if "kind" in self.dataset else None

    @property
    def maximum(self) -> np.ndarray | None:
        """The first start that found the same certified maximum, -1 if a trial found none.

        Of shape (input, start); None without certificates.
        """
        return self._values("maximum") if "maximum" in self.dataset else None

    @property
    def num_maxima(self) -> np.ndarray | None:
        """How many distinct certified maxima the trials on each input found.

        None without certificates.
        """
        if self.maximum is None:
            return None
        return (self.maximum == np.arange(self.maximum.shape[1])).sum(axis=1)

    @property
    def ends(self) -> np.ndarray | None:
        """Where each trial ended, (input, start, ...); None unless `attack` was to keep them.

        A certified maximum is polished by Newton's method, and stands for the end close to it.
        """
        if "end" not in self.dataset:
            return None
        values = self._values("end")
        return values.reshape(*values.shape[:2], *self.shape)

    @property
    def gradient_evaluations(self) -> int:
        """The number of gradients that all trials took together."""
        steps = self._values("steps")
        return int(steps.sum(dtype=np.int64)) + steps.size

    def to_dataset(self) -> xr.Dataset:
        """All records, with the perturbation in the shape of x."""
        axes = tuple(f"axis_{number}" for number in range(len(self.shape)))
        shaped = xr.Variable(("input", *axes), self.perturbation, self.dataset.perturbation.attrs)
        return self.dataset.drop_vars("perturbation").assign(perturbation=shaped)

    def __str__(self) -> str:
        """A few lines for a terminal."""
        clean_loss = self._values("clean_loss").mean()
        number, starts = self.status.shape
        proved, robust = self.robust_bounds
        at_least = "" if self.proved is None else f"at least {proved:.1%} (proved) and "
        at_most = "" if self.proved is None else f", at most at {1 - proved:.1%} (proved)"
        lines = [
            f"{self.dataset.constraint.item()}: {number} inputs, {starts} starts each",
            f"accuracy {self.accuracy:.1%}, under attack {at_least}at most {robust:.1%}"
            if not self.targeted
            else f"targets reached at {1 - robust:.1%} of the inputs{at_most}",
            f"mean loss {clean_loss:.4g}, at the worst perturbations {self.loss.mean():.4g}",
            f"{self.gradient_evaluations:,} gradients",
        ]
        if self.kind is not None:
            share = np.isin(self.kind, MAXIMA).mean()
            lines.append(f"{share:.1%} of the ends are certified maxima")
        return "\n".join([*lines, *self.notes])

    @property
    def notes(self) -> list[str]:
        """What has to be known beside the numbers, in a sentence each."""
        if not self.saturated.any():
            return []
        number = self.saturated.sum()
        reason = f"at {number} inputs the gradient of the loss is 0 by rounding"
        remedy = "the attack used the log odds, which have the same maxima and do not saturate"
        return [f"{reason}; {remedy}"]

    def _values(self, name: str) -> np.ndarray:
        return self.dataset[name].values
