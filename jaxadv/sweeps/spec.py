"""The specification of a sweep, and the cells of its grid."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxadv.experiments.fields import choice, count, descending, grid, positive, whole
from jaxadv.experiments.groups import Group, Width
from jaxadv.experiments.specification import OF_ASCENTS, Specification
from jaxadv.problems.names import Function


@dataclass(frozen=True)
class Cell:
    """One combination of settings; cells of one shape see the same networks, inputs and starts."""

    group: Group
    step_rule: Function
    scale: float
    ratio: float
    step_size: float


@dataclass(frozen=True, kw_only=True)
class Sweep(Specification[Cell]):
    """Projected gradient ascent from many starts, on many random networks, over a grid of settings.

    The grid is the product of scales, ratios, dims, widths, activations, losses and step sizes.
    Networks, inputs, labels and relative starts are the same at every scale, ratio and step size
    (common random numbers). A single value may stand for a tuple of one.

    Attributes:
        scales: input scales s; the inputs have norm s·√dim.
        ratios: perturbation ratios ρ; the perturbation's radius is ρ times the input's norm.
        dims: input dimensions d; empty for that of the data, or 64 where the data is simulated.
        widths: numbers m of hidden neurons; d, d^1.5 and the like are powers of the dimension.
        networks: random networks per cell, the independent units of every statistic.
        examples: inputs per network.
        starts: random starts per input, uniform in the ball.
        network: two-layer, or a user's module:function(key, dim, width, activation). In Python,
            here and below, the function itself may stand for its name.
        activations: identity, tanh, erf, sigmoid, softplus, gelu, silu, sin, relu, or a user's
            module:function.
        losses: quadratic, logistic, or a user's module:function(output, label).
        step: the step rule: constant (step size), normalized (fraction of the radius),
            inverse-curvature (multiple of 1/|curvature| at the start), or a user's
            module:function(step_size).
        step_sizes: the step rule's parameter.
        tolerances: residuals at which steps are counted, descending; the last one ends a trial.
        max_steps: budget of steps per trial; counts beyond it are right-censored.
        data: sphere (norm exactly s·√dim), gaussian (entries N(0, s²)), teacher (gaussian, with
            labels ±1 from a small random network), digits, mnist, cifar10, or FILE.npz with arrays
            x (n, d) or images (n, ...) and y (n,), whose integers from 0 name classes. Labels are
            N(0, 1) where simulated without a teacher, their signs for the logistic loss.
        data_dir: the folder with the files of mnist (IDX or mnist.npz) or cifar10 (data_batch_*.bin
            or cifar10.npz).
        smooth: declares that networks, activations and losses of your own have no kinks, where
            their computation does not show it. Certificates then take your word.
        seed: all randomness comes from it.
        precision: single or double; the random draws are the same in both.

    Raises:
        ValueError, TypeError: for a field that cannot be used; names the field, its value and what
            is allowed.

    Example:
        >>> sweep = Sweep(scales=(0.1, 1.0), networks=2)
        >>> sweep.num_trials, len(sweep.cells)
        (256, 2)
    """

    experiment: ClassVar[str] = "sweep"
    default_dim: ClassVar[int] = 64
    least_dim: ClassVar[int] = 1
    functions: ClassVar[Mapping[str, str]] = OF_ASCENTS

    scales: tuple[float, ...] = (0.1, 1.0, 10.0)
    ratios: tuple[float, ...] = (0.1,)
    dims: tuple[int, ...] = ()
    widths: tuple[Width, ...] = (512,)
    networks: int = 16
    examples: int = 16
    starts: int = 4
    network: Function = "two-layer"
    activations: tuple[Function, ...] = ("tanh",)
    losses: tuple[Function, ...] = ("quadratic",)
    step: Function = "constant"
    step_sizes: tuple[float, ...] = (0.1,)
    tolerances: tuple[float, ...] = (1e-2, 1e-3, 1e-4)
    max_steps: int = 20_000
    data: str = "sphere"
    data_dir: str = ""
    smooth: bool = False
    seed: int = 0
    precision: Literal["single", "double"] = "single"

    def __post_init__(self) -> None:
        for field in ("ratios", "step_sizes"):
            self._set(field, grid(field, getattr(self, field), positive))
        self._set("tolerances", descending("tolerances", self.tolerances))
        self._set("starts", count("starts", self.starts))
        self._set("max_steps", whole("max_steps", self.max_steps, least=0))
        choice("precision", self.precision, ("single", "double"))
        self._settle()
        self._check_functions()

    def _check_functions(self) -> None:
        from jaxadv.experiments.functions import check_step  # noqa: PLC0415  needs JAX

        super()._check_functions()
        for group in self.groups:
            check_step(
                "step", self.step, self.recipe_of(group), loss=group.loss, step_size=None,
                dtype=self.dtype,
            )  # fmt: skip

    def cells_of(self, group: Group) -> tuple[Cell, ...]:
        """The cells of one group; neighbours have one scale, and so trials of similar length."""
        axes = ((group,), (self.step,), self.scales, self.ratios, self.step_sizes)
        return tuple(itertools.starmap(Cell, itertools.product(*axes)))

    @property
    def num_trials(self) -> int:
        """How many ascents the sweep makes."""
        return len(self.cells) * self.networks * self.examples * self.starts

    @property
    def trials_per_network(self) -> int:
        """How many ascents are made on one network, in all cells of its group."""
        return self.num_trials // (len(self.groups) * self.networks)
