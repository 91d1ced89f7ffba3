"""Users' functions, tried at the shapes that will be run before anything is computed.

Built-in functions are not tried, except optimisers, some of which take more than gradients. Only
shapes are computed (`jax.eval_shape`). Each check takes the name of a field, the function that it
has, and where it will be used, and raises a `ValueError` of one line.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jaxadv.ascent.methods import Method, check_method
from jaxadv.ascent.methods_by_name import METHODS
from jaxadv.ascent.pga import PGA
from jaxadv.ascent.steps import STEP_RULES, ConstantStep, StepRule
from jaxadv.ascent.trial import ascend
from jaxadv.experiments.draws import make_network
from jaxadv.experiments.recipes import Recipe
from jaxadv.experiments.specification import Specification
from jaxadv.problems.activations import ACTIVATIONS
from jaxadv.problems.checks import offers
from jaxadv.problems.constraints import (
    CONSTRAINTS,
    CertifiableConstraint,
    Constraint,
    constraint_of,
)
from jaxadv.problems.losses import EVERY_LOSS
from jaxadv.problems.names import Function, first_line, label_of, resolve
from jaxadv.problems.network_makers import NETWORKS, is_network_file
from jaxadv.problems.networks import Network
from jaxadv.problems.problem import Problem
from jaxadv.problems.round_sets import L2Ball
from jaxadv.pytrees import cast_floats


def check_activation(field: str, activation: Function, width: int, *, dtype: str) -> None:
    """Refuse a user's activation that is not elementwise, or that JAX cannot derive twice."""
    if activation in ACTIVATIONS:
        return
    what, where = "map an array elementwise", f"at width {width}, "
    trial = _Trial(field, activation, what, where, dtype)
    function = resolve(field, activation, ACTIVATIONS)
    trial.shape_of(function, trial.array(width), shape=(width,))
    trial.derive(function, trial.array(width))


def check_network(recipe: Recipe, *, dtype: str) -> None:
    """Refuse a user's network whose output has the wrong shape, or that JAX cannot derive twice."""
    # These two fit any dimension.
    if recipe.network in {"two-layer", "mlp"}:
        return
    settings, result = "key, dim, width, activation", "a scalar"
    if recipe.classes is not None:
        settings, result = f"{settings}, classes", f"a number for each of {recipe.classes} classes"
    what = f"map ({settings}) to a network that maps an input to {result}"
    if is_network_file(recipe.network):
        what = f"map an input to {result}"
    trial = _Trial("network", recipe.network, what, recipe.text, dtype)

    def output(z: Float[Array, " dim"], key: Key[Array, ""]) -> Array:
        return cast_floats(network_of(recipe, key), dtype)(z)

    arguments = (trial.array(recipe.dim), trial.key())
    trial.shape_of(output, *arguments, shape=recipe.output_shape)
    trial.derive(output, *arguments)


def check_loss(field: str, loss: Function, shape: tuple[int, ...], *, dtype: str) -> None:
    """Refuse a user's loss that gives no scalar, or that JAX cannot derive twice."""
    if loss in EVERY_LOSS:
        return
    where = f"at an output of shape {shape}, "
    trial = _Trial(field, loss, "map (output, label) to a scalar", where, dtype)
    function = resolve(field, loss, EVERY_LOSS)
    trial.shape_of(function, trial.array(*shape), trial.array(), shape=())
    trial.derive(function, trial.array(*shape), trial.array())


def check_step(
    field: str,
    step: Function,
    recipe: Recipe,
    *,
    loss: Function,
    step_size: float | None,
    dtype: str,
) -> None:
    """Refuse a user's step rule that ascent cannot work with."""
    if step in STEP_RULES:
        return
    make = resolve(field, step, STEP_RULES)

    def rule_of(size: Array) -> StepRule:
        rule = make(size if step_size is None else step_size)
        if not offers(rule, StepRule):
            raise TypeError(f"it gives {_in_words(rule)}, which has not both init and size")
        if step_size is not None:
            # Programs are kept by their settings.
            hash(PGA(rule))
        return rule

    what = "map a step size to a StepRule, an object with the methods init and size"
    trial = _Trial(field, step, what, recipe.text, dtype)
    trial.ascend(recipe, loss, L2Ball, lambda size: PGA(rule_of(size)))


def check_constraint(
    field: str,
    constraint: Function,
    recipe: Recipe,
    *,
    loss: Function,
    certified: bool,
    dtype: str,
) -> None:
    """Refuse a set of perturbations that ascents, or their certificates, cannot work with.

    Args:
        field: of the specification.
        constraint: the set.
        recipe: how networks are made.
        loss: the loss.
        certified: whether all ends are certified.
        dtype: of the ascents.
    """

    def set_of(size: Array) -> Constraint:
        limits = constraint_of(constraint, size, recipe.dim)
        if not offers(limits, Constraint):
            raise TypeError(f"it gives {_in_words(limits)}, which is none")
        return limits

    if constraint not in CONSTRAINTS:
        what = "map (circumradius, dim) to a Constraint"
        trial = _Trial(field, constraint, what, recipe.text, dtype)
        trial.ascend(recipe, loss, set_of, lambda _: PGA())
    if certified and not offers(constraint_of(constraint, 1.0, recipe.dim), CertifiableConstraint):
        raise ValueError(
            f"{field}: the ends of ascents are certified, and {label_of(constraint)!r} has no "
            "certificates, because it does not say what its faces are; give l2-ball, l2-sphere or "
            "linf-ball"
        )


def check_method_maker(
    field: str,
    method: Function,
    recipe: Recipe,
    *,
    loss: Function,
    constraint: Function,
    dtype: str,
) -> None:
    """Refuse a user's function that does not make a method that ascent can work with."""
    if method in METHODS:
        return
    make = resolve(field, method, METHODS)

    def method_of(size: Array) -> Method:
        made = make(ConstantStep(size), (1e-3,), 10)
        check_method(made)
        return made

    what = "map (step rule, tolerances, max_steps) to a Method, such as ja.PGA"
    trial = _Trial(field, method, what, recipe.text, dtype)
    trial.ascend(recipe, loss, lambda size: constraint_of(constraint, size, recipe.dim), method_of)


def check_ascents(
    spec: Specification, field: str, step: Function, *, step_size: float | None, certified: bool
) -> None:
    """Refuse sets, step rules and methods that ascents of an experiment cannot work with.

    Args:
        spec: the experiment.
        field: of the step rule.
        step: the step rule.
        step_size: its parameter, if all trials have the same.
        certified: whether all ends are certified.
    """
    for group in spec.groups:
        recipe = spec.recipe_of(group)
        common = {"loss": group.loss, "dtype": spec.dtype}
        check_constraint("constraints", group.constraint, recipe, certified=certified, **common)
        check_step(field, step, recipe, step_size=step_size, **common)
        check_method_maker("methods", group.method, recipe, constraint=group.constraint, **common)


def check_optimizer(field: str, optimizer: Function, table: Mapping[str, Any]) -> None:
    """Refuse an optimiser that takes more than gradients."""
    make = resolve(field, optimizer, table)

    def updates(gradient: Array, rate: Array) -> Any:
        transformation = make(rate)
        return transformation.update(gradient, transformation.init(gradient), gradient)[0]

    what = "map a learning rate to an optimiser that takes gradients alone"
    trial = _Trial(field, optimizer, what, "", "float32")
    trial.shape_of(updates, trial.array(2), trial.array(), shape=(2,))


def check_weights(field: str, recipe: Recipe, *, named: str, remedy: str) -> None:
    """Refuse a network that is no dataclass with a field of weights of some name.

    Args:
        field: of the specification that needs such weights.
        recipe: how networks are made.
        named: ``"hidden"`` or ``"output"``.
        remedy: what to give instead.
    """
    names: set[str] = set()

    def look(key: Key[Array, ""]) -> None:
        network: Any = network_of(recipe, key)
        fields = dataclasses.fields(network) if dataclasses.is_dataclass(network) else ()
        names.update(field.name for field in fields)

    jax.eval_shape(look, jax.eval_shape(jax.random.key, 0))
    if named not in names:
        network = label_of(recipe.network)
        raise ValueError(
            f"{field}: {network!r} has no field of weights named {named!r}; give {remedy}"
        )


def network_of(recipe: Recipe, key: Key[Array, ""]) -> Network:
    """A random network of a recipe."""
    return make_network(
        resolve("network", recipe.network, NETWORKS),
        key,
        dim=recipe.dim,
        width=recipe.width,
        activation=resolve("activation", recipe.activation, ACTIVATIONS),
        classes=recipe.classes,
    )


@dataclass(frozen=True)
class _Trial:
    """A trial of a function: what it must do, at which settings and in which precision."""

    field: str
    function: Function
    what: str
    where: str
    dtype: str

    def array(self, *shape: int) -> jax.ShapeDtypeStruct:
        """The shape of an argument."""
        return jax.ShapeDtypeStruct(shape, self.dtype)

    def key(self) -> jax.ShapeDtypeStruct:
        """The shape of a key."""
        return jax.eval_shape(jax.random.key, 0)

    def shape_of(
        self, function: Callable[..., Any], *args: jax.ShapeDtypeStruct, shape: tuple[int, ...]
    ) -> None:
        """Refuse a result that has another shape."""
        result = self._try(function, *args)
        if getattr(result, "shape", None) != shape:
            raise self._mistake(f"{self.where}it gives {_in_words(result)}, not shape {shape}")

    def derive(
        self,
        function: Callable[..., Any],
        x: jax.ShapeDtypeStruct,
        *more: jax.ShapeDtypeStruct,
    ) -> None:
        """Take the first and second derivatives in ``x``, as ascents and certificates do."""

        def curve(x: Array, *more: Array) -> Any:
            def total(x: Array) -> Array:
                return jnp.sum(function(x, *more))

            return jax.jvp(jax.grad(total), (x,), (x,))

        self._try(curve, x, *more, doing="its derivatives: ")

    def ascend(
        self,
        recipe: Recipe,
        loss: Function,
        set_of: Callable[[Array], Constraint],
        method_of: Callable[[Array], Method],
    ) -> None:
        """Trace an ascent; its set and its method are made for a size."""
        loss_function = resolve("loss", loss, EVERY_LOSS)

        def end(x: Array, key: Array, size: Array) -> Array:
            network = cast_floats(network_of(recipe, key), self.dtype)
            problem = Problem(network, x, size, set_of(size), loss_function)
            return ascend(problem, x, method_of(size)).perturbation

        args = (self.array(recipe.dim), self.key(), self.array())
        self.shape_of(end, *args, shape=(recipe.dim,))

    def _try(self, function: Callable[..., Any], *args: Any, doing: str = "") -> Any:
        try:
            with jax.enable_x64(self.dtype == "float64"):
                return jax.eval_shape(function, *args)
        except Exception as error:  # a user's function may raise anything
            raise self._mistake(f"{self.where}{doing}{first_line(error)}") from error

    def _mistake(self, reason: str) -> ValueError:
        name = label_of(self.function)
        return ValueError(f"{self.field}: {name!r} must {self.what}: {reason}")


def _in_words(result: Any) -> str:
    return f"shape {result.shape}" if hasattr(result, "shape") else type(result).__name__
