"""Methods by name, so that a grid of settings can have them as an axis."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from jaxtyping import ScalarLike

from jaxadv.ascent.apgd import APGD
from jaxadv.ascent.methods import Method
from jaxadv.ascent.pga import PGA, STEEPEST
from jaxadv.ascent.steps import STEP_RULES, StepRule
from jaxadv.problems.names import Function, resolve

MOMENTUM = 0.75  # as in APGD


def _gradient(step: StepRule, tolerances: tuple[float, ...], max_steps: int) -> Method:
    return PGA(step, tolerances, max_steps)


def _sign(step: StepRule, tolerances: tuple[float, ...], max_steps: int) -> Method:
    return PGA(step, tolerances, max_steps, direction="sign")


def _momentum(step: StepRule, tolerances: tuple[float, ...], max_steps: int) -> Method:
    return PGA(step, tolerances, max_steps, direction=STEEPEST, momentum=MOMENTUM, keep_best=True)


def _apgd(step: StepRule, tolerances: tuple[float, ...], max_steps: int) -> Method:
    del step  # APGD chooses its own
    return APGD(max_steps, tolerances=tolerances)


Make = Callable[[StepRule, tuple[float, ...], int], Method]
# The methods by name, each made from a step rule, tolerances and a budget of steps.
METHODS: Mapping[str, Make] = {
    "gradient": _gradient,
    "sign": _sign,
    "momentum": _momentum,
    "apgd": _apgd,
}


class Maker(NamedTuple):
    """Makes the method of a trial from the parameter of its step rule."""

    make: Make
    step_rule: Callable[[ScalarLike], StepRule]
    tolerances: tuple[float, ...]
    max_steps: int

    def __call__(self, step_size: ScalarLike) -> Method:
        """The method."""
        return self.make(self.step_rule(step_size), self.tolerances, self.max_steps)


def maker_of(
    method: Function,
    step_rule: Function,
    *,
    tolerances: tuple[float, ...],
    max_steps: int,
    field: str = "methods",
) -> Maker:
    """What makes the methods of trials.

    Args:
        method: a name of `METHODS`, a reference, or a function (step rule, tolerances, budget).
        step_rule: a name of `STEP_RULES`, a reference, or a function (step size).
        tolerances: residuals at which steps are counted, descending.
        max_steps: the budget of steps.
        field: the name of the method's field in messages.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> maker_of("sign", "normalized", tolerances=(1e-3,), max_steps=100)(0.25).direction
        'sign'
    """
    return Maker(
        resolve(field, method, METHODS),
        resolve("step", step_rule, STEP_RULES),
        tolerances,
        max_steps,
    )
