"""The curvature of the loss on a face: products with the Hessian, and its extreme eigenvalues.

There are three ways to them. `DenseCurvature` and `LanczosCurvature` are thorough, and
`jaxadv.ascent.brief.BriefCurvature` is fast.

Source: docs/theory.md, section 4.3.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxadv.ascent.dense import dense_hessian, extreme_eigenvalues
from jaxadv.ascent.first_order import gradient_at
from jaxadv.ascent.lanczos import extreme_ritz_values
from jaxadv.ascent.tridiagonal import RitzPair
from jaxadv.problems.faces import Face
from jaxadv.problems.norms import l2_norm, over
from jaxadv.problems.problem import Problem

Scalar = Float[Array, ""]
Vector = Float[Array, "*shape"]
Linear = Callable[[Vector], Vector]

LANCZOS_ITERS = 64
# At maxima of trained networks, λ − h₁ can be so small beside the norm of H that 64 do not decide.
MOST_LANCZOS_ITERS = 512
UNCONVERGED = 100  # the least margin of a maximum, in errors of its Ritz value


class Spectrum(NamedTuple):
    """Extreme eigenvalues of the Hessian on the feasible directions, in loss per δ².

    Attributes:
        top: h₁, the largest; −inf where there is no feasible direction (the boundary in dimension
            1).
        bottom: the smallest; inf where there is no feasible direction.
        error: of ``top``. It is 0 for the dense eigensolver. The values of Lanczos are Ritz values:
            *some* eigenvalue lies within the error (h₁ itself could be another one that was
            missed).
        bottom_error: of ``bottom``, likewise.
        is_enough: false where a brief run came to no decision.
    """

    top: Scalar
    bottom: Scalar
    error: Scalar
    bottom_error: Scalar
    is_enough: Bool[Array, ""]

    @property
    def norm(self) -> Scalar:
        """The largest absolute value of the eigenvalues; 0 where there are none."""
        ends = jnp.stack([self.top, self.bottom])
        return jnp.max(jnp.where(jnp.isinf(ends), 0, jnp.abs(ends)))


class OnFace(NamedTuple):
    """A face through a point, and the multiplier λ of the point; both in double precision."""

    face: Face
    multiplier: Scalar


@runtime_checkable
class Curvature(Protocol):
    """The Hessian H of a loss close to a point δ, and its spectrum on the faces through it."""

    @property
    def dtype(self) -> Any:
        """The precision of the products."""
        ...

    def gradient_near(self, gradient: Vector, point: Vector) -> Vector:
        """The gradient at a point close to δ, from the one at δ."""
        ...

    def products_at(self, point: Vector) -> Linear:
        """The products v -> H v, H at a point close to δ."""
        ...

    def spectrum(self, here: OnFace) -> Spectrum:
        """The extreme eigenvalues of PHP on the tangent space of a face, P the projection on it.

        Args:
            here: the face through δ, and λ, from which h₁ is to be told apart.
        """
        ...

    def spectrum_at(self, star: Vector, there: OnFace, here: OnFace, known: Spectrum) -> Spectrum:
        """The spectrum at a point close to δ, as a second opinion.

        Args:
            star: the point.
            there: the face through it, and λ there.
            here: the face through δ, and λ at δ.
            known: what `spectrum` found at δ.
        """
        ...


class _PreciseCurvature:
    """The Hessian in the precision of δ, with products and gradients at the point itself."""

    def __init__(self, problem: Problem, delta: Vector) -> None:
        self._problem, self._delta = problem, delta

    @property
    def dtype(self) -> Any:
        """That of δ."""
        return self._delta.dtype

    def gradient_near(self, gradient: Vector, point: Vector) -> Vector:
        """The gradient at the point."""
        del gradient
        return gradient_at(self._problem, point)

    def products_at(self, point: Vector) -> Linear:
        """The products v -> H v at the point."""
        return lambda vector: self._problem.hessian_product(point, vector)


class DenseCurvature(_PreciseCurvature):
    """The Hessian as a matrix, and its eigenvalues by LAPACK."""

    def spectrum(self, here: OnFace) -> Spectrum:
        """The eigenvalues of PHP + h̄(I − P), h̄ the mean of the tangent eigenvalues.

        The mean lies among them; PHP alone would add a 0, which can be larger than h₁.
        """
        size, dtype = self._delta.size, self._delta.dtype

        def rows_tangent(matrix: Float[Array, "dim dim"]) -> Float[Array, "dim dim"]:
            rows = jax.vmap(here.face.tangent)(matrix.reshape(size, *self._delta.shape))
            return rows.reshape(size, size)

        projection = rows_tangent(jnp.eye(size, dtype=dtype))
        num_tangent = jnp.trace(projection)
        projected = rows_tangent(rows_tangent(dense_hessian(self._problem, self._delta)).T)
        mean = jnp.trace(projected) / jnp.maximum(num_tangent, 1)
        matrix = projected + mean * (jnp.eye(size, dtype=dtype) - projection)
        # Rounding leaves the matrix a little asymmetric, and LAPACK reads only one triangle.
        top, bottom = extreme_eigenvalues((matrix + matrix.T) / 2)
        exactly = jnp.zeros_like(mean)
        spectrum = Spectrum(top, bottom, exactly, exactly, jnp.ones((), bool))
        return where_tangent(num_tangent > 0.5, spectrum)

    def spectrum_at(self, star: Vector, there: OnFace, here: OnFace, known: Spectrum) -> Spectrum:
        """As `spectrum`."""
        del here, known
        return DenseCurvature(self._problem, star).spectrum(there)


class LanczosCurvature(_PreciseCurvature):
    """Products with the Hessian, and 64 of them (or dim) for its extreme eigenvalues, or more.

    As many follow again and again, up to 512, while the error of h₁ leaves undecided whether it is
    below λ.
    """

    def __init__(self, problem: Problem, delta: Vector, seed: int = 0) -> None:
        super().__init__(problem, delta)
        self._seed = seed

    def spectrum(self, here: OnFace) -> Spectrum:
        """Ritz values, from a random tangent vector."""
        start, has_tangent = random_tangent(here.face, self._delta, self._seed)

        def is_enough(top: RitzPair) -> Bool[Array, ""]:
            margin = here.multiplier - top.value
            # A Ritz value is a lower bound of h₁. NaN decides as well.
            return ~(margin >= 0) | (margin > UNCONVERGED * top.residual)

        top, bottom = extreme_ritz_values(
            self.products_at(self._delta),
            start,
            min(LANCZOS_ITERS, start.size),
            project=here.face.tangent,
            most_iters=min(MOST_LANCZOS_ITERS, start.size),
            is_enough=is_enough,
        )
        spectrum = Spectrum(
            top.value, bottom.value, top.residual, bottom.residual, jnp.ones((), bool)
        )
        return where_tangent(has_tangent, spectrum)

    def spectrum_at(self, star: Vector, there: OnFace, here: OnFace, known: Spectrum) -> Spectrum:
        """As `spectrum`, from another random vector."""
        del here, known
        return LanczosCurvature(self._problem, star, seed=1).spectrum(there)


def random_tangent(face: Face, delta: Vector, seed: int) -> tuple[Vector, Bool[Array, ""]]:
    """A random unit vector in the tangent space of a face, and whether the space has any."""
    vector = jax.random.normal(jax.random.key(seed), delta.shape, delta.dtype)
    tangent = face.tangent(vector)
    length, eps = l2_norm(tangent), jnp.finfo(delta.dtype).eps
    has_tangent = length > 64 * delta.size * eps * l2_norm(vector)
    return over(tangent, length), has_tangent


def where_tangent(has_tangent: Bool[Array, ""], spectrum: Spectrum) -> Spectrum:
    """The spectrum; −inf and inf, known exactly, where there is no tangent direction."""
    # A NaN does not mean that there is none.
    has_tangent |= jnp.isnan(spectrum.top)
    return Spectrum(
        jnp.where(has_tangent, spectrum.top, -jnp.inf),
        jnp.where(has_tangent, spectrum.bottom, jnp.inf),
        jnp.where(has_tangent, spectrum.error, 0),
        jnp.where(has_tangent, spectrum.bottom_error, 0),
        spectrum.is_enough | ~has_tangent,
    )
