"""The kinds of points that a certificate tells apart, and the rule that decides."""

import enum

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxadv.ascent.curvature import UNCONVERGED, Spectrum
from jaxadv.problems.faces import Face, is_flat, pressure
from jaxadv.problems.norms import rounding


class Kind(enum.IntEnum):
    """What kind of point a certificate found; `meaning` explains it in a sentence."""

    NOT_STATIONARY = 0
    BOUNDARY_MAX = 1
    INTERIOR_MAX = 2
    DEGENERATE = 3
    NOT_MAX = 4
    NOT_SMOOTH = 5
    UNCONFIRMED = 6
    VERTEX_MAX = 7
    FACE_MAX = 8

    @property
    def meaning(self) -> str:
        """What this kind of point is, and what can be done about it.

        Example:
            >>> Kind.NOT_MAX.meaning
            'stationary, but the loss rises along some feasible direction: a saddle or a minimum'
        """
        return MEANINGS[self]


# The kinds in sentences.
MEANINGS = {
    Kind.NOT_STATIONARY: "the residual is above the tolerance",
    Kind.BOUNDARY_MAX: "a strict local maximum on the boundary (h₁ < λ, and λ > 0 if the set is a "
    "ball), which Newton's method confirmed close by",
    Kind.INTERIOR_MAX: "a strict local maximum inside (H ≺ 0), which Newton's method confirmed "
    "close by",
    Kind.DEGENERATE: "stationary, but undecided: h₁ = λ up to the error of the eigenvalue, or λ = "
    "0 on the boundary of a ball, or the set is one point",
    Kind.NOT_MAX: "stationary, but the loss rises along some feasible direction: a saddle or a "
    "minimum",
    Kind.NOT_SMOOTH: "the network or the loss may have kinks, which second derivatives do not see; "
    "ja.kinks(problem.objective, delta) names the operations, and smooth=True (--smooth) declares "
    "that there are none",
    Kind.VERTEX_MAX: "a strict local maximum at a vertex of a box: the gradient presses all "
    "entries against their bounds",
    Kind.FACE_MAX: "a strict local maximum on a face of a box, which Newton's method confirmed "
    "close by: the gradient presses some entries against their bounds, and H ≺ 0 on the others",
    Kind.UNCONFIRMED: "the conditions of a strict local maximum hold, but Newton's method found "
    "none close by; a tighter tolerance may decide",
}
# The kinds that are certified maxima.
MAXIMA = (Kind.BOUNDARY_MAX, Kind.INTERIOR_MAX, Kind.VERTEX_MAX, Kind.FACE_MAX)


def classify(
    face: Face,
    active: Bool[Array, "..."],
    gradient: Float[Array, "*shape"],
    spectrum: Spectrum,
) -> Int[Array, ""]:
    """The `Kind` of a stationary point of a smooth loss, from its first and second order."""
    multiplier, complementarity = face.multiplier(gradient), face.complementarity(gradient)
    margin = multiplier - spectrum.top
    values = jnp.stack([spectrum.top, spectrum.bottom, pressure(face, gradient)])
    largest = jnp.max(jnp.where(jnp.isfinite(values), jnp.abs(values), 0))
    error = rounding(gradient.size, largest.dtype) * largest
    # A Ritz value that has not converged says little about how much larger h₁ is.
    is_strict = margin > error + UNCONVERGED * spectrum.error
    # Where δ can leave its face, a negative complementarity means that the loss rises inwards, and
    # 0 leaves that direction undecided.
    maximum = is_strict & (complementarity > error)
    on_boundary = jnp.any(active)
    is_vertex = is_flat(face) & jnp.isinf(spectrum.top)
    kinds = {
        Kind.NOT_MAX: (margin < -error) | (complementarity < -error),
        Kind.INTERIOR_MAX: ~on_boundary & maximum,
        Kind.VERTEX_MAX: is_vertex & maximum,
        Kind.FACE_MAX: is_flat(face) & maximum,
        Kind.BOUNDARY_MAX: maximum,
    }
    return jnp.select(list(kinds.values()), list(kinds), Kind.DEGENERATE).astype(jnp.int32)
