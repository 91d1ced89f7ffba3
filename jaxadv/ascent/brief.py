"""The curvature of the loss with no more products than a decision needs.

Source: docs/theory.md, section 4.3.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from jaxadv.ascent.curvature import (
    UNCONVERGED,
    Linear,
    OnFace,
    Scalar,
    Spectrum,
    Vector,
    random_tangent,
    where_tangent,
)
from jaxadv.ascent.lanczos import BriefRun, brief_ritz_values
from jaxadv.ascent.tridiagonal import RitzPair
from jaxadv.problems.faces import Face
from jaxadv.problems.norms import l2_norm, rounding
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import cast_floats

MOST_ITERS = 80
# The residual of the largest Ritz value over the norm of H. The error of the value
# is of the order of the residual's square.
LARGEST_RESIDUAL = {"float32": 5e-4, "float64": 1e-5}
# A change of H is taken to be so many times larger than a random vector says.
CHANGE_FACTOR = 10


class BriefCurvature:
    """Products with the Hessian at δ, no more of them than a decision needs.

    All products share one forward pass, so that each costs two products of matrices. The precision
    is that of the input; in single precision, one product in double precision measures how much the
    rounding of H matters.
    """

    def __init__(self, problem: Problem, delta: Vector) -> None:
        """Compute once what the products at δ share.

        Args:
            problem: the problem, in the precision of the products.
            delta: δ in double precision.
        """
        self._problem, self._delta = problem, delta
        self._linear = self.products_at(delta)

    @property
    def dtype(self) -> Any:
        """That of the input."""
        return self._problem.x.dtype

    def gradient_near(self, gradient: Vector, point: Vector) -> Vector:
        """The gradient at the point, to first order."""
        shift = (point - self._delta).astype(self.dtype)
        return gradient + self._linear(shift).astype(gradient.dtype)

    def spectrum(self, here: OnFace) -> Spectrum:
        """Ritz values, from a random tangent vector."""
        face = cast_floats(here.face, self.dtype)
        start, has_tangent = random_tangent(face, self._delta.astype(self.dtype), seed=0)
        image = self._linear(start)
        noise = self._rounding(start, image)
        usual = l2_norm(face.tangent(image))  # of the order of a usual eigenvalue

        def is_enough(top: RitzPair) -> Bool[Array, ""]:
            accuracy = LARGEST_RESIDUAL[self.dtype.name] * jnp.maximum(jnp.abs(top.value), usual)
            # Half of what is allowed is left to the second opinion.
            error = 2 * UNCONVERGED * (top.residual + noise)
            return (top.residual <= accuracy) & (error <= jnp.abs(here.multiplier - top.value))

        run = brief_ritz_values(
            self._linear, start, is_enough, max_iters=MOST_ITERS, project=face.tangent
        )
        return where_tangent(has_tangent, _of_run(run, noise))

    def spectrum_at(self, star: Vector, there: OnFace, here: OnFace, known: Spectrum) -> Spectrum:
        """A bound by Weyl's inequality; where it does not decide, Ritz values from another vector.

        E is the change of the projected Hessian, and no eigenvalue changes by more than its
        Frobenius norm. Of a random unit vector v, √d‖E v‖ is that norm on average.
        """
        linear = self.products_at(star)
        face, before = (cast_floats(view.face, self.dtype) for view in (there, here))
        top = known.top.astype(self.dtype)

        def shifted(linear: Linear, face: Face, vector: Vector) -> Vector:
            """PHP + h₁(I − P), of which h₁ is the largest eigenvalue at δ."""
            tangent = face.tangent(vector)
            return face.tangent(linear(tangent)) + top * (vector - tangent)

        probe, _ = random_tangent(before, self._delta.astype(self.dtype), seed=0)
        change = shifted(linear, face, probe) - shifted(self._linear, before, probe)
        bound = known.top + CHANGE_FACTOR * _norm_of_matrix(change)
        is_below = UNCONVERGED * known.error < there.multiplier - bound

        def is_enough(top: RitzPair) -> Bool[Array, ""]:
            error = UNCONVERGED * (top.residual + known.error)
            return error <= jnp.abs(there.multiplier - top.value)

        start, has_tangent = random_tangent(face, star.astype(self.dtype), seed=1)
        run = brief_ritz_values(
            linear,
            start,
            is_enough,
            max_iters=MOST_ITERS,
            is_asked=known.is_enough & ~is_below,
            project=face.tangent,
        )
        by_weyl, by_ritz = known._replace(top=bound), _of_run(run, known.error)
        chosen = jax.tree.map(lambda yes, no: jnp.where(is_below, yes, no), by_weyl, by_ritz)
        return where_tangent(has_tangent, chosen)

    def products_at(self, point: Vector) -> Linear:
        """The products v -> H v at the point, which share its forward pass."""
        return self._problem.hessian_at(point.astype(self.dtype))

    def _rounding(self, vector: Vector, image: Vector) -> Scalar:
        """How much the rounding of H and of the vectors can change an eigenvalue."""
        of_vectors = rounding(vector.size, self.dtype) * l2_norm(image).astype(self._delta.dtype)
        if self.dtype == self._delta.dtype:
            return of_vectors
        problem, precise = cast_floats((self._problem, vector), self._delta.dtype)
        of_products = problem.hessian_product(self._delta, precise) - image
        return of_vectors + _norm_of_matrix(of_products)


def _norm_of_matrix(image: Vector) -> Scalar:
    """The Frobenius norm of E on average, from the image E v of a random unit vector."""
    return image.size**0.5 * l2_norm(image)


def _of_run(run: BriefRun, noise: Scalar) -> Spectrum:
    """The spectrum that a brief run found, with the rounding of H added to its errors."""
    top, bottom = run.top, run.bottom
    return Spectrum(
        top=top.value,
        bottom=bottom.value,
        error=top.residual + noise,
        bottom_error=bottom.residual + noise,
        is_enough=run.is_enough,
    )
