"""Which of many ascents ended in the same maximum."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, ScalarLike

from jaxadv.problems.norms import l2_norm

# In radii: polished maxima that are closer are one. Newton's method leaves errors of about 1e-12,
# and a little more where the curvature ratio is close to 1.
SAME = 1e-6


def same_maxima(
    maxima: Float[Array, "start dim"], certified: Bool[Array, " start"], radius: ScalarLike
) -> Int[Array, " start"]:
    """For each start the first start that ended in the same maximum, −1 where it ended in none.

    Maxima are compared by distance, never by loss: mirror images have equal losses.

    Args:
        maxima: polished maxima.
        certified: which of them are maxima.
        radius: ε; points that are closer than `SAME` radii are one maximum.

    Example:
        >>> points = jnp.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> same_maxima(points, jnp.array([True, True, False, True]), 1.0).tolist()
        [0, 1, -1, 0]
    """

    def first(row: tuple[Float[Array, " dim"], Bool[Array, ""]]) -> Int[Array, ""]:
        point, is_maximum = row
        distances = jax.vmap(lambda other: l2_norm(other - point))(maxima)
        near = is_maximum & certified & (distances <= SAME * radius)
        # NaN is not close to anything, itself included.
        return jnp.where(near.any(), jnp.argmax(near), -1)

    return jax.lax.map(first, (maxima, certified), batch_size=64).astype(jnp.int32)


def representatives(
    firsts: Int[Array, " start"], number: int
) -> tuple[Int[Array, " maximum"], Bool[Array, " maximum"]]:
    """The first starts of the first ``number`` maxima, and which of them exist.

    Args:
        firsts: as `same_maxima` returns them.
        number: how many maxima.

    Example:
        >>> rows, exist = representatives(jnp.array([0, 1, -1, 0]), 3)
        >>> rows[exist].tolist()
        [0, 1]
    """
    is_first = firsts == jnp.arange(len(firsts))
    (rows,) = jnp.nonzero(is_first, size=number, fill_value=0)
    return rows, jnp.arange(number) < is_first.sum()
