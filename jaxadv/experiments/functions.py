"""Users' functions, tried at the shapes that will be run before anything is computed.

What is built in is not tried, but for optimisers, some of which take more than gradients. All of
it happens on shapes alone (`jax.eval_shape`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, ScalarLike

from jaxadv.ascent.pga import PGA, ascend
from jaxadv.ascent.steps import STEP_RULES, StepRule
from jaxadv.problems.activations import ACTIVATIONS, Activation
from jaxadv.problems.constraints import Constraint, L2Ball
from jaxadv.problems.losses import LOSSES, LOSSES_OF_CLASSES
from jaxadv.problems.names import Function, first_line, label_of, resolve
from jaxadv.problems.networks import NETWORKS, Network
from jaxadv.problems.problem import Problem

NUMBER = jax.ShapeDtypeStruct((), jnp.float32)


def make_network(
    init: Callable[..., Network],
    key: Key[Array, ""],
    *,
    dim: int,
    width: int,
    activation: Activation,
    classes: int | None,
) -> Network:
    """A random network, asked for in the way of all experiments."""
    # A user's network of one output need not know of classes.
    more = {} if classes is None else {"classes": classes}
    return init(key, dim=dim, width=width, activation=activation, **more)


@dataclass(frozen=True)
class Recipe:
    """How the random networks of some trials are made.

    Attributes:
        network: a name of `NETWORKS`, a reference, or a function.
        dim: of the inputs.
        width: of the network.
        activation: a name of `ACTIVATIONS`, a reference, or a function.
        classes: outputs; None for one, a number.
    """

    network: Function
    dim: int
    width: int
    activation: Function
    classes: int | None = None

    def __call__(self, key: Key[Array, ""]) -> Network:
        """A network."""
        return make_network(
            resolve("network", self.network, NETWORKS),
            key,
            dim=self.dim,
            width=self.width,
            activation=resolve("activation", self.activation, ACTIVATIONS),
            classes=self.classes,
        )

    @property
    def output(self) -> jax.ShapeDtypeStruct:
        """The shape that a network's output must have."""
        return jax.ShapeDtypeStruct(() if self.classes is None else (self.classes,), jnp.float32)

    @property
    def text(self) -> str:
        """The shape in words, to begin a reason."""
        return f"at dim {self.dim}, width {self.width} and activation {label_of(self.activation)}, "


def check_activation(field: str, activation: Function, width: int) -> None:
    """Refuse a user's activation that is not elementwise, or not smooth enough to JAX.

    Raises:
        ValueError: in one line.
    """
    if activation in ACTIVATIONS:
        return
    neurons = jax.ShapeDtypeStruct((width,), jnp.float32)
    trial = _Trial(field, activation, "map an array elementwise", f"at width {width}, ")
    function = resolve(field, activation, ACTIVATIONS)
    trial.shape_of(function, neurons, like=neurons)
    trial.derive(function, neurons)


def check_network(recipe: Recipe) -> jax.ShapeDtypeStruct:
    """Refuse a user's network whose output has the wrong shape.

    Returns:
        The shape of its output.

    Raises:
        ValueError: in one line.
    """
    if recipe.network in NETWORKS:
        return recipe.output
    settings, result = "key, dim, width, activation", "a scalar"
    if recipe.classes is not None:
        settings, result = f"{settings}, classes", f"a number for each of {recipe.classes} classes"
    what = f"map ({settings}) to a network that maps an input to {result}"
    trial = _Trial("network", recipe.network, what, recipe.text)
    point = jax.ShapeDtypeStruct((recipe.dim,), jnp.float32)
    shape_of_key = jax.eval_shape(jax.random.key, 0)

    def output(z: Float[Array, " dim"], key: Key[Array, ""]) -> Array:
        return recipe(key)(z)

    shape = trial.shape_of(output, point, shape_of_key, like=recipe.output)
    trial.derive(output, point, shape_of_key)
    return shape


def check_loss(field: str, loss: Function, output: jax.ShapeDtypeStruct) -> None:
    """Refuse a user's loss that gives no scalar for a network's output.

    Raises:
        ValueError: in one line.
    """
    if loss in LOSSES or loss in LOSSES_OF_CLASSES:
        return
    function = resolve(field, loss, LOSSES | LOSSES_OF_CLASSES)
    where = f"at an output of shape {output.shape}, "
    trial = _Trial(field, loss, "map (output, label) to a scalar", where)
    trial.shape_of(function, output, NUMBER, like=NUMBER)
    trial.derive(function, output, NUMBER)


def check_step(
    field: str,
    step: Function,
    recipes: Iterable[Recipe],
    *,
    loss: Callable[..., Any],
    step_size: float | None,
    dtype: str,
) -> None:
    """Refuse a user's step rule that ascent cannot work with.

    Args:
        field: of the step rule.
        step: the rule.
        recipes: of the networks.
        loss: of a network's output.
        step_size: its parameter; None where that is known to compiled programs alone.
        dtype: of the ascents.

    Raises:
        ValueError: in one line.
    """
    if step in STEP_RULES:
        return
    make = resolve(field, step, STEP_RULES)

    def rule_of(size: Array) -> StepRule:
        rule = make(size if step_size is None else step_size)
        if not isinstance(rule, StepRule):
            raise TypeError(f"it gives {_in_words(rule)}, which has not both init and size")
        if step_size is not None:
            # Programs are kept by their rules.
            hash(rule)
        return rule

    def end(x: Array, key: Array, size: Array, recipe: Recipe) -> Array:
        problem = Problem(recipe(key), x, size, L2Ball(size), loss)
        return ascend(problem, x, PGA(rule_of(size))).perturbation

    for recipe in recipes:
        what = "map a step size to a StepRule, a pytree with the methods init and size"
        _try_ascent(_Trial(field, step, what, recipe.text), recipe, dtype, end)


def check_constraint(
    field: str,
    constraint: Function,
    make: Callable[[ScalarLike, int], Constraint],
    recipe: Recipe,
    *,
    loss: Callable[..., Any],
    pga: PGA,
    dtype: str,
) -> None:
    """Refuse a user's set of perturbations that ascent cannot work with.

    Args:
        field: of the set.
        constraint: the set, for the message.
        make: from a circumradius and a dimension to the set.
        recipe: of the networks.
        loss: of a network's output.
        pga: the settings of the ascents.
        dtype: of the ascents.

    Raises:
        ValueError: in one line.
    """

    def end(x: Array, key: Array, size: Array, recipe: Recipe) -> Array:
        limits = make(size, recipe.dim)
        if not isinstance(limits, Constraint):
            raise TypeError(f"it gives {_in_words(limits)}, which is none")
        return ascend(Problem(recipe(key), x, size, limits, loss), x, pga).perturbation

    what = "map (circumradius, dim) to a Constraint, a pytree with its five members"
    _try_ascent(_Trial(field, constraint, what, recipe.text), recipe, dtype, end)


def check_optimizer(field: str, optimizer: Function, make: Callable[[Array], Any]) -> None:
    """Refuse an optimiser that takes more than gradients.

    Raises:
        ValueError: in one line.
    """
    vector = jax.ShapeDtypeStruct((2,), jnp.float32)

    def updates(gradient: Array, rate: Array) -> Any:
        transformation = make(rate)
        return transformation.update(gradient, transformation.init(gradient), gradient)[0]

    what = "map a learning rate to an optimiser that takes gradients alone"
    _Trial(field, optimizer, what).shape_of(updates, vector, NUMBER, like=vector)


@dataclass(frozen=True)
class _Trial:
    """What a function must do, and where it is tried; the parts of a message."""

    field: str
    function: Function
    what: str
    where: str = ""

    def shape_of(
        self, function: Callable[..., Any], *args: Any, like: jax.ShapeDtypeStruct
    ) -> jax.ShapeDtypeStruct:
        """The shape of a result, which must be that of ``like``."""
        result = self._try(function, *args)
        if getattr(result, "shape", None) != like.shape:
            given = f"it gives {_in_words(result)}, not {_in_words(like)}"
            raise self._mistake(self.where + given)
        return result

    def derive(
        self, function: Callable[..., Any], x: jax.ShapeDtypeStruct, *more: jax.ShapeDtypeStruct
    ) -> None:
        """Take the first and second derivatives in ``x``, as ascents and certificates do."""

        def curve(x: Array, *more: Array) -> Any:
            gradient = jax.grad(lambda x: jnp.sum(function(x, *more)))
            return jax.jvp(gradient, (x,), (x,))

        self._try(curve, x, *more, doing="its derivatives: ")

    def _try(self, function: Callable[..., Any], *args: Any, doing: str = "") -> Any:
        try:
            return jax.eval_shape(function, *args)
        except Exception as error:  # a user's function may raise anything
            raise self._mistake(f"{self.where}{doing}{first_line(error)}") from error

    def _mistake(self, reason: str) -> ValueError:
        name = label_of(self.function)
        return ValueError(f"{self.field}: {name!r} must {self.what}: {reason}")


def _try_ascent(trial: _Trial, recipe: Recipe, dtype: str, end: Callable[..., Array]) -> None:
    """Take one ascent's shapes, in its own precision."""
    with jax.enable_x64(dtype == "float64"):
        x, number = (jax.ShapeDtypeStruct(shape, dtype) for shape in ((recipe.dim,), ()))
        shape_of_key = jax.eval_shape(jax.random.key, 0)
        trial.shape_of(lambda *args: end(*args, recipe), x, shape_of_key, number, like=x)


def _in_words(result: Any) -> str:
    if not hasattr(result, "shape"):
        return type(result).__name__
    return f"{result.dtype} of shape {result.shape}"
