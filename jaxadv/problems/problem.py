"""The inner problem of adversarial training: maximise ℓ(f(x + δ), y) over a set of δ."""

from collections.abc import Callable
from typing import Any, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxadv.problems.activations import ACTIVATIONS
from jaxadv.problems.checks import as_floats, missing_methods
from jaxadv.problems.constraints import Constraint
from jaxadv.problems.foreign import Foreign, as_pytree
from jaxadv.problems.losses import LOSSES, LOSSES_OF_CLASSES, Loss, margin, quadratic
from jaxadv.problems.names import resolve
from jaxadv.problems.networks import Network, TwoLayer, as_network
from jaxadv.problems.norms import inner
from jaxadv.pytrees import pytree, set_fields, static


@pytree
class Problem:
    """max L(δ) = ℓ(f(x + δ), y) over δ in a set, for one network and one input.

    Source: docs/theory.md, section 2.2.

    Batches of problems are made with `jax.vmap`; nothing here has a batch axis.

    Attributes:
        network: f, any callable that maps an input to a number or to logits, see `Network`.
        x: the input, of any shape: an array, or something that NumPy can make an array of.
        y: its label.
        constraint: the set of perturbations, see `Constraint`.
        loss: ℓ, a name ("quadratic", "logistic", "cross-entropy"), or ``loss(output, label)``.
        smooth: declares that f and ℓ are twice continuously differentiable where their computation
            does not show it (`certify` then takes your word, and the certificate says so).

    Raises:
        TypeError: for a network, input, label, constraint or loss that cannot be used; says why.
        ValueError: for an unknown name of a loss.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxadv import L2Ball
        >>> prob = Problem(jnp.sum, x=[1.0, 1.0, 1.0], y=1.0, constraint=L2Ball(0.1))
        >>> prob.objective(jnp.zeros(3))
        Array(2., dtype=float32)
    """

    network: Network
    x: Float[Array, "*shape"]
    y: Any
    constraint: Constraint
    loss: Loss = static()
    smooth: bool = static(default=False)

    def __init__(
        self,
        network: Any,
        x: Any,
        y: Any,
        constraint: Any,
        loss: str | Loss = quadratic,
        *,
        smooth: bool = False,
    ) -> None:
        set_fields(
            self,
            network=as_network(network),
            x=as_floats("x", x),
            y=_as_label(y),
            constraint=as_constraint(constraint),
            loss=_as_loss(loss),
            smooth=_as_switch("smooth", smooth),
        )

    @property
    def circumradius(self) -> Float[Array, ""]:
        """ε, the radius of the smallest Euclidean ball that holds the set of perturbations."""
        return jnp.asarray(self.constraint.circumradius(self.x.size))

    def objective(self, delta: Float[Array, "*shape"]) -> Float[Array, ""]:
        """L(δ) = ℓ(f(x + δ), y)."""
        return self.loss(self.network(self.x + delta), self.y)

    def value_and_gradient(
        self, delta: Float[Array, "*shape"]
    ) -> tuple[Float[Array, ""], Float[Array, "*shape"]]:
        """L(δ) and g = ∇L(δ)."""
        return jax.value_and_grad(self.objective)(delta)

    def hessian_product(
        self, delta: Float[Array, "*shape"], vector: Float[Array, "*shape"]
    ) -> Float[Array, "*shape"]:
        """H v, H = ∇²L(δ), without forming H."""
        return jax.jvp(jax.grad(self.objective), (delta,), (vector,))[1]

    def hessian_at(
        self, delta: Float[Array, "*shape"]
    ) -> Callable[[Float[Array, "*shape"]], Float[Array, "*shape"]]:
        """The products v -> H v at one δ. What they share is computed here, once.

        For a two-layer network with one output and a built-in activation, H = ℓ''·∇f∇fᵀ + ℓ'·∇²f;
        others are linearised.
        """
        if not _has_derivatives(self.network):
            return jax.linearize(jax.grad(self.objective), delta)[1]
        output, gradient, product = self.network.derivatives(self.x + delta)
        slope = jax.grad(lambda output: self.loss(output, self.y))
        first, second = jax.jvp(slope, (output,), (jnp.ones_like(output),))
        return lambda vector: second * inner(gradient, vector) * gradient + first * product(vector)


def _has_derivatives(network: Network) -> TypeGuard[TwoLayer]:
    """Whether `TwoLayer.derivatives` are those of the network.

    A user's activation may mix its entries, and a subclass may have another output.
    """
    if type(network) is not TwoLayer or network.output.ndim != 1:
        return False
    return network.activation in ACTIVATIONS.values()


def _as_label(label: Any) -> Any:
    """A label as an array; integers stay integers, because they may be classes."""
    if isinstance(label, jax.ShapeDtypeStruct) or label is None:
        return label
    floats = as_floats("y", label)
    is_whole = isinstance(label, int | np.integer | jax.Array) and jnp.issubdtype(
        jnp.result_type(label), jnp.integer
    )
    return jnp.asarray(label) if is_whole else floats


def _as_switch(field: str, value: Any) -> bool:
    if value not in (False, True):
        raise TypeError(f"{field}: {value!r} must be True or False")
    return bool(value)


def as_constraint(constraint: Any) -> Any:
    """A set of perturbations as a pytree.

    Raises:
        TypeError: for what lacks a method of `Constraint`; names it.
    """
    missing = missing_methods(constraint, Constraint)
    if missing:
        raise TypeError(
            f"constraint: {constraint!r} must be a set of perturbations, such as ja.L2Ball(0.1), "
            f"or an object with the methods of ja.Constraint; it lacks {', '.join(missing)}"
        )
    return as_pytree("constraint", constraint)


def _as_loss(loss: Any) -> Loss:
    if not isinstance(loss, str) and not callable(loss):
        raise TypeError(f"loss: {loss!r} must be a name, or a function of an output and a label")
    try:
        hash(loss)
    except TypeError as error:
        raise TypeError(
            f"loss: {loss!r} cannot be part of a compiled program ({error}); give a function"
        ) from error
    loss = resolve("loss", loss, {**LOSSES, **LOSSES_OF_CLASSES})
    if loss in LOSSES.values() or loss in LOSSES_OF_CLASSES.values() or loss is margin:
        return loss
    # A loss is a constant of the program, compared by its contents; with arrays, by its identity.
    as_parts = as_pytree("loss", loss)
    return as_parts if isinstance(as_parts, Foreign) and not as_parts.arrays else loss
