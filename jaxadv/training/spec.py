"""The specification of a training experiment, and the cells of its grid."""

import functools
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxadv.experiments.fields import (
    choice,
    count,
    grid,
    non_negative,
    positive,
    switch,
    whole,
)
from jaxadv.experiments.former_names import SINGULAR, takes_former_names
from jaxadv.experiments.groups import Group, Width
from jaxadv.experiments.specification import OF_GROUPS, Specification
from jaxadv.problems.names import Function

# The units of learning rates: a rate is taken as it is, or divided by λ₁.
UNITS = ("absolute", "sharpness")
# The optimiser that takes rates in units of 1/λ₁ (docs/theory.md, section 7.2).
OF_SHARPNESS = "sgd"
EVALUATIONS_PER_DECADE = 8
# As `jaxadv.data.examples.KINDS`, whose module needs NumPy and more.
KINDS = ("directions", "pixels", "centred")
EARLY = 10  # up to this step, networks are evaluated after each step


@dataclass(frozen=True)
class Cell:
    """One combination of settings.

    Attributes:
        group: the shape, activation and loss.
        optimizer: the optimiser, or its name.
        ratio: ρ; 0 is clean training.
        unit: the unit of the rate, one of `UNITS`.
        rate: the learning rate, or its product with λ₁.
        scale: s.
    """

    group: Group
    optimizer: Function
    ratio: float
    unit: str
    rate: float
    scale: float


@takes_former_names(SINGULAR)
@dataclass(frozen=True, kw_only=True)
class Training(Specification[Cell]):
    """Adversarial training of many networks, at several input scales, ratios and learning rates.

    min over the weights of the mean of max_{δ} ℓ(f(x + δ), y) over the training examples
    (docs/theory.md, section 7). The grid is the product of dims, widths, activations, losses,
    constraints, methods, optimizers, ratios, rates and scales. Networks, examples, labels and
    batches are the same in every cell of one dim and width, but for labels that a loss needs of
    another kind. A single value may stand for a tuple of one.

    Attributes:
        scales: input scales s, which multiply the inputs.
        ratios: perturbation ratios ρ, the set's circumradius over the input's norm; 0 is clean
            training, the control.
        control_ratio: ρ of the attacks that clean training is measured with.
        output_scale: factor of the initial output layer. With 0.3 little is left of the random
            initial function, which is a control for what it does to early training.
        undo_scale: a control that undoes the scale exactly (docs/theory.md, section 7.4). Initial
            hidden weights are divided by s, and trained in units of 1/s: sgd takes their rate times
            1/s², adam times 1/s with its epsilon times s. 1/λ₁ is that at scale 1.
        optimizers: names of optax's optimisers, or a user's module:function(learning_rate). In
            Python, here and below, the function itself may stand for its name.
        rates: learning rates.
        sharpness_rates: learning rates of sgd in units of 1/λ₁, λ₁ the sharpness that is measured
            at initialisation (gradient descent on the clean loss is stable there below 2).
        steps: of the optimiser.
        evaluate_at: steps after which networks are evaluated, beside 0 and the last; empty for the
            first ten and eight in each decade. Reports look at the steps 10 and 100 if they are
            among them, and count steps to a target among them alone.
        batch: examples in a batch, drawn with replacement for each step; 0 for all in every step.
        layers: which weights are trained: hidden or both.
        attack_steps: budget of the inner ascent, from 0.
        attack_tolerance: residual at which it ends earlier; 0 for never.
        constraints: sets of perturbations: l2-ball, l2-sphere, linf-ball, l1-ball, or a user's
            module:function(circumradius, dim).
        methods: of the inner ascent: gradient (steps along the gradient, of the step rule), sign
            (signs of the gradient, each entry moves by a fraction of the radius), momentum (a
            fraction of the radius, along a moving average: its signs in L∞; the best point), apgd
            (Auto-PGD, whose steps shrink over the budget), or a user's module:function(step,
            tolerances, max_steps).
        attack_step: the step rule of the method gradient: constant (step size), normalized
            (fraction of the circumradius), inverse-curvature (multiple of 1/|curvature| at the
            start), or a user's module:function(step_size).
        attack_step_size: the step rule's parameter; for sign and momentum the fraction of the
            radius.
        strong_steps: steps of the attack that robust losses and accuracies are measured with; each
            goes a tenth of the circumradius in the direction of steepest ascent (the signs in L∞).
        restarts: its random starts, beside the one from 0.
        dims: input dimensions d; empty for that of the data, or 32 where the data is simulated.
        widths: numbers m of hidden neurons; d, d^1.5 and the like are powers of the dimension.
        networks: seeds, the independent units of every statistic: each has a random network and
            examples of its own.
        examples: training examples.
        test_examples: held-out examples; losses and accuracies are measured on these, and on as
            many of the training examples.
        network: two-layer, mlp (two hidden layers), conv (two convolutions, for square images),
            FILE.safetensors (a stored network, with which every run starts, and which brings its
            dim, width and activation), or a user's module:function(key, dim, width, activation[,
            classes]).
        activations: identity, tanh, erf, sigmoid, softplus, gelu, silu, sin, relu, or a user's
            module:function.
        losses: quadratic or logistic (labels ±1), cross-entropy (classes), or a user's
            module:function(output, label). Where labels are other numbers there are no accuracies.
        data: teacher (normal inputs, labels ±1 from a small random network), sphere or gaussian
            (random labels), digits, mnist5k, mnist, cifar10, or a file or folder: an .npz file with
            arrays x (n, ...) and y (n,), whose integers from 0 name classes, IDX files, CIFAR-10's,
            a folder of images for each class, or tables of Hugging Face.
        data_dir: the folder with the files of mnist or cifar10.
        inputs: what real inputs are before the scale multiplies them: directions (minus their mean,
            each scaled to norm √dim), pixels (in [0, 1], as they are) or centred (pixels minus
            their mean). Simulated inputs have the norm √dim, on average.
        save: keep the trained networks in the store, a safetensors file for each network of a cell,
            in the folder networks.
        smooth: declares that networks, activations and losses of your own have no kinks, where
            their computation does not show it. Certificates then take your word.
        seed: all randomness comes from it.
        precision: single or double; the random draws are the same.

    Raises:
        ValueError, TypeError: for a field that cannot be used; names the field, its value and what
            is allowed.

    Example:
        >>> spec = Training(scales=(0.1, 1.0), optimizers="adam", rates=0.01, ratios=0.1)
        >>> len(spec.cells), spec.evaluations[-1]
        (2, 200)
    """

    experiment: ClassVar[str] = "training"
    former_names: ClassVar[Mapping[str, str]] = SINGULAR
    functions: ClassVar[Mapping[str, str]] = {
        **OF_GROUPS,
        "losses": "jaxadv.problems.losses:EVERY_LOSS",
        "optimizers": "jaxadv.learning.optimizers:OPTIMIZERS",
        "attack_step": "jaxadv.ascent.steps:STEP_RULES",
    }

    scales: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0)
    ratios: tuple[float, ...] = (0.0, 0.1)
    control_ratio: float = 0.1
    output_scale: float = 1.0
    undo_scale: bool = False
    optimizers: tuple[Function, ...] = ("sgd", "adam")
    rates: tuple[float, ...] = (0.01, 0.1)
    sharpness_rates: tuple[float, ...] = (0.25,)
    steps: int = 200
    evaluate_at: tuple[int, ...] = ()
    batch: int = 0
    layers: str = "hidden"
    attack_steps: int = 20
    attack_tolerance: float = 0.0
    constraints: tuple[Function, ...] = ("l2-ball",)
    methods: tuple[Function, ...] = ("gradient",)
    attack_step: Function = "normalized"
    attack_step_size: float = 0.25
    strong_steps: int = 50
    restarts: int = 1
    dims: tuple[int, ...] = ()
    widths: tuple[Width, ...] = (128,)
    networks: int = 4
    examples: int = 256
    test_examples: int = 128
    network: Function = "two-layer"
    activations: tuple[Function, ...] = ("tanh",)
    losses: tuple[Function, ...] = ("quadratic",)
    data: str = "teacher"
    data_dir: str = ""
    inputs: str = "directions"
    save: bool = False
    smooth: bool = False
    seed: int = 0
    precision: Literal["single", "double"] = "single"

    def __post_init__(self) -> None:
        self._set("ratios", grid("ratios", self.ratios, non_negative))
        for field in ("rates", "sharpness_rates"):
            self._set(field, grid(field, getattr(self, field), positive, least=0))
        for field in ("attack_step_size", "output_scale"):
            self._set(field, positive(field, getattr(self, field)))
        for field in ("attack_tolerance", "control_ratio"):
            self._set(field, non_negative(field, getattr(self, field)))
        for field in ("steps", "attack_steps", "strong_steps", "test_examples"):
            self._set(field, count(field, getattr(self, field)))
        for field in ("batch", "restarts"):
            self._set(field, whole(field, getattr(self, field), least=0))
        for field in ("undo_scale", "save"):
            self._set(field, switch(field, getattr(self, field)))
        at = functools.partial(whole, least=0, most=self.steps)
        self._set("evaluate_at", grid("evaluate_at", self.evaluate_at, at, least=0))
        choice("inputs", self.inputs, KINDS)
        choice("layers", self.layers, ("hidden", "both"))
        choice("precision", self.precision, ("single", "double"))
        self._settle()
        needed, data = self.examples + self.test_examples, self.real_examples
        if data is not None and needed > len(data.labels):
            raise ValueError(
                f"examples: {self.examples} and {self.test_examples} test_examples are {needed}, "
                f"but data {self.data!r} has {len(data.labels)}"
            )
        self._check_functions()
        if not self.cells:
            raise ValueError(
                f"rates: none, and sharpness_rates are for {OF_SHARPNESS} alone; give a rate"
            )

    def _check_functions(self) -> None:
        from jaxadv.experiments.functions import (  # noqa: PLC0415  needs JAX
            check_ascents,
            check_optimizer,
            check_weights,
        )

        super()._check_functions()
        for name in self.optimizers:
            check_optimizer("optimizers", name, self.table("optimizers"))
        check_ascents(
            self, "attack_step", self.attack_step, step_size=self.attack_step_size, certified=False
        )
        for recipe in map(self.recipe_of, self.groups):
            if self.layers == "hidden":
                check_weights("layers", recipe, named="hidden", remedy="both")
            if self.undo_scale:
                check_weights("undo_scale", recipe, named="hidden", remedy="false")
            if self.output_scale != 1:
                check_weights("output_scale", recipe, named="output", remedy="1")

    def has_answers(self, loss: Function) -> bool:
        """Whether an output can be right or wrong: only where labels are ±1 or classes.

        Example:
            >>> [Training(data=data).has_answers("quadratic") for data in ("teacher", "gaussian")]
            [True, False]
        """
        data = self.real_examples
        if data is None:
            return self.data == "teacher" or loss == "logistic"
        return self.classes_of(loss) is not None or data.are_signs

    def cells_of(self, group: Group) -> tuple[Cell, ...]:
        """The cells of one group; cells of one optimiser are neighbours."""
        absolute, relative = (
            [(unit, rate) for rate in rates]
            for unit, rates in zip(UNITS, (self.rates, self.sharpness_rates), strict=True)
        )
        return tuple(
            Cell(group, optimizer, ratio, unit, rate, scale)
            for optimizer, ratio in itertools.product(self.optimizers, self.ratios)
            for unit, rate in absolute + relative * (optimizer == OF_SHARPNESS)
            for scale in self.scales
        )

    @property
    def evaluations(self) -> tuple[int, ...]:
        """The steps after which networks are evaluated, with 0 and the last.

        Example:
            >>> Training(steps=30).evaluations[8:]
            (8, 9, 10, 13, 18, 24, 30)
        """
        if self.evaluate_at:
            return tuple(sorted({0, *self.evaluate_at, self.steps}))
        last = math.ceil(EVALUATIONS_PER_DECADE * math.log10(self.steps))
        later = (round(10 ** (k / EVALUATIONS_PER_DECADE)) for k in range(last + 1))
        every = {*range(EARLY + 1), *(step for step in later if step > EARLY), self.steps}
        return tuple(sorted(step for step in every if step <= self.steps))
