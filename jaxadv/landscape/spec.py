"""What a look at a landscape is: a frozen specification, and the cells of its grid."""

import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

from jaxadv.experiments.fields import choice, count, grid, positive, whole
from jaxadv.experiments.recipes import Recipe
from jaxadv.experiments.specification import Specification
from jaxadv.problems.names import Function

DEFAULT_DIM = 32
TRAININGS = ("none", "clean", "adversarial")


@dataclass(frozen=True)
class Cell:
    """One point of the grid."""

    training: str
    ratio: float
    scale: float


@dataclass(frozen=True, kw_only=True)
class Landscape(Specification):
    """The landscape around inputs of many networks, at several input scales, from many starts each.

    The grid is the product of trainings, ratios and scales. Networks, inputs, labels and relative
    starts are the same in every cell, and the same as those of a `Sweep` with the same seed and
    shape. All of it is computed in double precision, in which falls of the loss and distances of
    maxima are no noise. A single value may stand for a tuple of one.

    Attributes:
        scales: input scales s; the inputs have norm s·√dim.
        ratios: perturbation ratios ρ; the perturbation's radius is ρ times the input's norm.
        trainings: none (random networks as they are drawn), clean or adversarial: the same networks
            trained on all of the data at the cell's scale, which must be real.
        dim: input dimension d; by default the data's own, or 32 where the data is simulated.
        width: number m of hidden neurons.
        networks: random networks, the independent units of every statistic.
        examples: inputs per network.
        starts: random starts per input, uniform in the ball.
        network: two-layer, or a user's module:function(key, dim, width, activation). In Python,
            here and below, the function itself may stand for its name.
        activation: identity, tanh, erf, sigmoid, softplus, gelu, silu, sin, relu, or a user's
            module:function.
        loss: quadratic, logistic, or a user's module:function(output, label).
        step: the step rule: constant (step size), normalized (fraction of the radius),
            inverse-curvature (multiple of 1/|curvature| at the start), or a user's
            module:function(step_size).
        step_size: the step rule's parameter; small, or ascent jumps over maxima where the
            landscape is rough.
        tolerance: residual at which an ascent ends.
        max_steps: budget of steps per ascent.
        training_steps: steps of Adam that a network is trained for.
        learning_rate: Adam's.
        data: sphere (norm exactly s·√dim), gaussian (entries N(0, s²)), teacher (gaussian, with
            labels ±1 from a small random network), digits, mnist, cifar10, or FILE.npz with arrays
            x (n, d) or images (n, ...) and y (n,), whose integers from 0 name classes. Labels are
            N(0, 1) where simulated without a teacher, their signs for the logistic loss.
        data_dir: the folder with the files of mnist (IDX or mnist.npz) or cifar10 (data_batch_*.bin
            or cifar10.npz).
        smooth: declares that networks, activations and losses of your own have no kinks, where
            their computation does not show it. Certificates then take your word.
        seed: all randomness comes from it.

    Raises:
        ValueError, TypeError: for a field that cannot be used; names the field, its value and what
            is allowed.

    Example:
        >>> spec = Landscape(scales=(0.1, 1.0), networks=2)
        >>> spec.dim, len(spec.cells)
        (32, 2)
    """

    experiment: ClassVar[str] = "landscape"
    functions: ClassVar[Mapping[str, str]] = {
        "network": "jaxadv.problems.networks:NETWORKS",
        "activation": "jaxadv.problems.activations:ACTIVATIONS",
        "loss": "jaxadv.problems.losses:LOSSES",
        "step": "jaxadv.ascent.steps:STEP_RULES",
    }

    scales: tuple[float, ...] = (0.1, 1.0, 10.0)
    ratios: tuple[float, ...] = (0.1,)
    trainings: tuple[str, ...] = ("none",)
    dim: int | None = None
    width: int = 256
    networks: int = 16
    examples: int = 2
    starts: int = 200
    network: Function = "two-layer"
    activation: Function = "tanh"
    loss: Function = "quadratic"
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
        for field in ("scales", "ratios"):
            self._set(field, grid(field, getattr(self, field), positive))
        self._set("trainings", grid("trainings", self.trainings, _training))
        for field in ("step_size", "tolerance", "learning_rate"):
            self._set(field, positive(field, getattr(self, field)))
        for field in ("width", "networks", "examples", "training_steps"):
            self._set(field, count(field, getattr(self, field)))
        self._set("starts", whole("starts", self.starts, least=2))
        choice("smooth", self.smooth, (False, True))
        self._set("max_steps", whole("max_steps", self.max_steps, least=0))
        self._set("seed", whole("seed", self.seed, least=0, most=2**32 - 1))
        self._settle_functions()
        self._check_data()
        self._check_users()

    def _check_users(self) -> None:
        """Refuse users' functions that cannot do what they are for."""
        from jaxadv.experiments.functions import check_step  # noqa: PLC0415  needs JAX

        recipe = Recipe(self.network, cast(int, self.dim), self.width, self.activation)
        self._check_functions("activation", "loss", (recipe,))
        check_step(
            "step", self.step, (recipe,), loss=self.loss, step_size=self.step_size,
            dtype=self.dtype,
        )  # fmt: skip

    def _check_data(self) -> None:
        """Settle ``dim``, and refuse what the data cannot give."""
        data = self._settle_data()
        own = DEFAULT_DIM if data is None else data.dim
        self._set("dim", own if self.dim is None else whole("dim", self.dim, least=2))
        if data is not None and self.dim != own:
            raise ValueError(f"dim: {self.dim} does not fit data {self.data!r}, d = {own}")
        if data is None and self.trainings != ("none",):
            raise ValueError(
                f"trainings: {','.join(self.trainings)} needs data to train on, not {self.data!r}; "
                "give digits, mnist, cifar10 or FILE.npz"
            )
        self._check_examples((self.loss,))

    @functools.cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, those of one training together."""
        axes = (self.trainings, self.ratios, self.scales)
        return tuple(itertools.starmap(Cell, itertools.product(*axes)))

    @property
    def num_starts(self) -> int:
        """How many ascents there are in all."""
        return len(self.cells) * self.networks * self.examples * self.starts


def _training(field: str, value: str) -> str:
    choice(field, value, TRAININGS)
    return value
