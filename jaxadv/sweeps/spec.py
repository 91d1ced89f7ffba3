"""The specification of a sweep, and the cells of its grid."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxadv.experiments.fields import choice, count, descending, grid, positive, switch, whole
from jaxadv.experiments.groups import Group, Width
from jaxadv.experiments.moves import step_of
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

    The grid is the product of scales, ratios, dims, widths, activations, losses, constraints,
    methods and step sizes. Networks, inputs and labels are the same in all cells of one dim and
    width, and so are the starts of one constraint, relative to the radius (common random numbers).
    A single value may stand for a tuple of one.

    Attributes:
        scales: input scales s; the inputs have norm s·√dim.
        ratios: perturbation ratios ρ; the set's circumradius is ρ times the input's norm. That is
            the radius of an L2 ball; an L∞ ball has the radius ρ‖x‖/√dim.
        dims: input dimensions d; empty for that of the data, or 64 where the data is simulated.
        widths: numbers m of hidden neurons; d, d^1.5 and the like are powers of the dimension.
        networks: random networks per cell, the independent units of every statistic.
        examples: inputs per network.
        starts: random starts per input, uniform in the set.
        network: two-layer, mlp (two hidden layers), conv (two convolutions, for square images),
            FILE.safetensors (a stored network, which brings its dim, width and activation; the
            replicates then differ in their inputs alone), or a user's module:function(key, dim,
            width, activation). In Python, here and below, the function itself may stand for its
            name.
        activations: identity, tanh, erf, sigmoid, softplus, gelu, silu, sin, relu, or a user's
            module:function.
        losses: quadratic, logistic, or a user's module:function(output, label).
        constraints: sets of perturbations: l2-ball, l2-sphere, linf-ball, or a user's
            module:function(circumradius, dim).
        methods: gradient (steps along the gradient, of the step rule), sign (signs of the gradient,
            each entry moves by a fraction of the radius), momentum (a fraction of the radius, along
            a moving average: its signs in L∞; counts the best point), apgd (Auto-PGD, whose steps
            shrink over the budget), or a user's module:function(step, tolerances, max_steps).
        step: the step rule of the method gradient: constant (step size), normalized (fraction of
            the radius), inverse-curvature (multiple of 1/|curvature| at the start), or a user's
            module:function(step_size).
        step_sizes: the step rule's parameter; for sign and momentum the fraction of the radius.
        tolerances: residuals at which steps are counted, descending; the last one ends a trial.
        max_steps: budget of steps per trial; counts beyond it are right-censored.
        data: sphere (norm exactly s·√dim), gaussian (entries N(0, s²)), teacher (gaussian, with
            labels ±1 from a small random network), digits, mnist5k, mnist, cifar10, or a file or
            folder: an .npz file with arrays x (n, ...) and y (n,), whose integers from 0 name
            classes, IDX files, CIFAR-10's, a folder of images for each class, or tables of Hugging
            Face. Labels are N(0, 1) where simulated without a teacher, their signs for the logistic
            loss.
        data_dir: the folder with the files of mnist or cifar10.
        smooth: declares that networks, activations and losses of your own have no kinks, where
            their computation does not show it. Certificates then take your word.
        prove: whether to prove, where that is possible, that an end is the global maximum, and that
            it is the only local maximum on its side of the label.
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
    constraints: tuple[Function, ...] = ("l2-ball",)
    methods: tuple[Function, ...] = ("gradient",)
    step: Function = "constant"
    step_sizes: tuple[float, ...] = (0.1,)
    tolerances: tuple[float, ...] = (1e-2, 1e-3, 1e-4)
    max_steps: int = 20_000
    data: str = "sphere"
    data_dir: str = ""
    smooth: bool = False
    prove: bool = True
    seed: int = 0
    precision: Literal["single", "double"] = "single"

    def __post_init__(self) -> None:
        for field in ("ratios", "step_sizes"):
            self._set(field, grid(field, getattr(self, field), positive))
        self._set("tolerances", descending("tolerances", self.tolerances))
        self._set("starts", count("starts", self.starts))
        self._set("max_steps", whole("max_steps", self.max_steps, least=0))
        self._set("prove", switch("prove", self.prove))
        choice("precision", self.precision, ("single", "double"))
        self._settle()
        self._check_functions()

    def _check_functions(self) -> None:
        from jaxadv.experiments.functions import check_ascents  # noqa: PLC0415  needs JAX

        super()._check_functions()
        check_ascents(self, "step", self.step, step_size=None, certified=True)

    def cells_of(self, group: Group) -> tuple[Cell, ...]:
        """The cells of one group; neighbours have one scale, and so trials of similar length."""
        steps = [step_of(group.method, self.step, step_size) for step_size in self.step_sizes]
        axes = itertools.product(self.scales, self.ratios, dict.fromkeys(steps))
        return tuple(Cell(group, step, scale, ratio, size) for scale, ratio, (step, size) in axes)

    @property
    def num_trials(self) -> int:
        """How many ascents the sweep makes."""
        return len(self.cells) * self.networks * self.examples * self.starts

    @property
    def trials_per_network(self) -> int:
        """How many ascents are made on one network, in all cells of its group."""
        return self.num_trials // (len(self.groups) * self.networks)
