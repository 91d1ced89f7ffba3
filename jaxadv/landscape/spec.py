"""The specification of a landscape, and the cells of its grid."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from jaxadv.experiments.fields import choice, count, grid, positive, whole
from jaxadv.experiments.former_names import SINGULAR, takes_former_names
from jaxadv.experiments.groups import Group, Width
from jaxadv.experiments.specification import OF_ASCENTS, Specification
from jaxadv.problems.names import Function

TRAININGS = ("none", "clean", "adversarial")


@dataclass(frozen=True)
class Cell:
    """One combination of settings."""

    group: Group
    training: str
    ratio: float
    scale: float


@takes_former_names(SINGULAR)
@dataclass(frozen=True, kw_only=True)
class Landscape(Specification[Cell]):
    """The landscape around inputs of many networks, at several input scales, from many starts each.

    The grid is the product of dims, widths, activations, losses, constraints, methods, trainings,
    ratios and scales. Networks, inputs and labels are the same in every cell of one dim and width,
    and so are the starts of one constraint, relative to the radius. They are the same as those of a
    `Sweep` with the same seed and shape. All of it is computed in double
    precision, in which falls of the loss and distances of maxima are more than noise. A single
    value may stand for a tuple of one.

    Attributes:
        scales: input scales s; the inputs have norm s·√dim.
        ratios: perturbation ratios ρ; the set's circumradius is ρ times the input's norm. That is
            the radius of an L2 ball; an L∞ ball has the radius ρ‖x‖/√dim.
        trainings: none (random networks as they are drawn), clean or adversarial: the same networks
            trained on all of the data at the cell's scale, which must be real.
        dims: input dimensions d; empty for that of the data, or 32 where the data is simulated.
        widths: numbers m of hidden neurons; d, d^1.5 and the like are powers of the dimension.
        networks: random networks, the independent units of every statistic.
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
            module:function(circumradius, dim). What is measured along great circles (valleys,
            changes of the gradient, the spectrum) is measured in L2 sets alone.
        methods: gradient (steps along the gradient, of the step rule), sign (signs of the gradient,
            each entry moves by a fraction of the radius), momentum (a fraction of the radius, along
            a moving average: its signs in L∞; counts the best point), apgd (Auto-PGD, whose steps
            shrink over the budget), or a user's module:function(step, tolerances, max_steps).
        step: the step rule of the method gradient: constant (step size), normalized (fraction of
            the radius), inverse-curvature (multiple of 1/|curvature| at the start), or a user's
            module:function(step_size).
        step_size: the step rule's parameter, for sign and momentum the fraction of the radius;
            small, or ascent jumps over maxima where the landscape is rough.
        tolerance: residual at which an ascent ends.
        max_steps: budget of steps per ascent.
        training_steps: steps of Adam that a network is trained for.
        learning_rate: Adam's.
        data: sphere (norm exactly s·√dim), gaussian (entries N(0, s²)), teacher (gaussian, with
            labels ±1 from a small random network), digits, mnist5k, mnist, cifar10, or a file or
            folder: an .npz file with arrays x (n, ...) and y (n,), whose integers from 0 name
            classes, IDX files, CIFAR-10's, a folder of images for each class, or tables of Hugging
            Face. Labels are N(0, 1) where simulated without a teacher, their signs for the logistic
            loss.
        data_dir: the folder with the files of mnist or cifar10.
        smooth: declares that networks, activations and losses of your own have no kinks, where
            their computation does not show it. Certificates then take your word.
        seed: all randomness comes from it.

    Raises:
        ValueError, TypeError: for a field that cannot be used; names the field, its value and what
            is allowed.

    Example:
        >>> spec = Landscape(scales=(0.1, 1.0), networks=2)
        >>> spec.dims, len(spec.cells)
        ((32,), 2)
    """

    experiment: ClassVar[str] = "landscape"
    former_names: ClassVar[Mapping[str, str]] = SINGULAR
    functions: ClassVar[Mapping[str, str]] = OF_ASCENTS

    scales: tuple[float, ...] = (0.1, 1.0, 10.0)
    ratios: tuple[float, ...] = (0.1,)
    trainings: tuple[str, ...] = ("none",)
    dims: tuple[int, ...] = ()
    widths: tuple[Width, ...] = (256,)
    networks: int = 16
    examples: int = 2
    starts: int = 200
    network: Function = "two-layer"
    activations: tuple[Function, ...] = ("tanh",)
    losses: tuple[Function, ...] = ("quadratic",)
    constraints: tuple[Function, ...] = ("l2-ball",)
    methods: tuple[Function, ...] = ("gradient",)
    step: Function = "inverse-curvature"
    step_size: float = 0.1
    tolerance: float = 1e-4
    max_steps: int = 5000
    training_steps: int = 300
    learning_rate: float = 0.01
    data: str = "sphere"
    data_dir: str = ""
    smooth: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        self._set("ratios", grid("ratios", self.ratios, positive))
        self._set("trainings", grid("trainings", self.trainings, _training))
        for field in ("step_size", "tolerance", "learning_rate"):
            self._set(field, positive(field, getattr(self, field)))
        self._set("training_steps", count("training_steps", self.training_steps))
        self._set("starts", whole("starts", self.starts, least=2))
        self._set("max_steps", whole("max_steps", self.max_steps, least=0))
        self._settle()
        if self.real_examples is None and self.trainings != ("none",):
            raise ValueError(
                f"trainings: {','.join(self.trainings)} needs data to train on, not {self.data!r}; "
                "give digits, mnist5k, mnist, cifar10, or a file or folder"
            )
        self._check_functions()

    def _check_functions(self) -> None:
        from jaxadv.experiments.functions import check_ascents  # noqa: PLC0415  needs JAX

        super()._check_functions()
        check_ascents(self, "step", self.step, step_size=self.step_size, certified=True)

    def cells_of(self, group: Group) -> tuple[Cell, ...]:
        """The cells of one group; cells of one training are neighbours."""
        axes = ((group,), self.trainings, self.ratios, self.scales)
        return tuple(itertools.starmap(Cell, itertools.product(*axes)))

    @property
    def num_starts(self) -> int:
        """How many ascents there are in all."""
        return len(self.cells) * self.networks * self.examples * self.starts


def _training(field: str, value: str) -> str:
    choice(field, value, TRAININGS)
    return value
