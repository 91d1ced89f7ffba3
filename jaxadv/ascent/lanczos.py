"""Extreme eigenvalues of a symmetric matrix that is known only through its products."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int

from jaxadv.ascent.tridiagonal import RitzPair, extreme_ritz_pairs, largest_ritz_pair
from jaxadv.problems.norms import inner, l2_norm, over

Vector = Float[Array, "*shape"]
# Of `brief_ritz_values`: steps between two looks, which cost as much as a step or two, and the rows
# at the first look. Hardly any run is decided with fewer, and a batch of runs waits for the last.
ITERS_PER_LOOK = 4
FIRST_ROWS = 17


def extreme_ritz_values(
    product: Callable[[Vector], Vector],
    start: Vector,
    num_iters: int,
    *,
    project: Callable[[Vector], Vector] = lambda vector: vector,
    most_iters: int = 0,
    is_enough: Callable[[RitzPair], Bool[Array, ""]] = lambda _: jnp.ones((), bool),
) -> tuple[RitzPair, RitzPair]:
    """The largest and smallest Ritz values of A after ``num_iters`` steps of Lanczos, or more.

    A Ritz value θ lies inside the spectrum, so the largest one is a *lower* bound of the largest
    eigenvalue; some eigenvalue lies within ``residual`` of θ. With ``num_iters`` = dim both are
    exact up to rounding. ``start`` = 0 gives the values 0.

    The basis is orthogonalised in full, twice. When the Krylov space is exhausted early (for A = I
    after one step), the remaining diagonal repeats start·A·start/‖start‖², which lies inside the
    spectrum and moves neither extreme. (matfree 0.6.3 goes on dividing by the rounding error there:
    for A = I of dim 20 it returns 18.)

    Args:
        product: v -> A v, for arrays of the shape of ``start``.
        start: any vector that is not orthogonal to the extreme eigenvectors.
        num_iters: steps, at most dim.
        project: the orthogonal projection on the subspace in which A acts, if it is not all of
            space. All vectors of the basis are projected. (A product that is projected is not
            enough: the recurrence would amplify what rounding adds outside of the subspace.)
        most_iters: after ``num_iters`` steps as many follow, again and again, while
            ``is_enough`` says no and there are fewer than ``most_iters``.
        is_enough: whether the run can stop, from the largest Ritz value.

    Example:
        >>> top, bottom = extreme_ritz_values(lambda v: 2 * v, jnp.ones(5), 5)
        >>> round(float(top.value), 5), round(float(bottom.value), 5)
        (2.0, 2.0)
    """
    size, eps = start.size, jnp.finfo(start.dtype).eps
    first = over(start, l2_norm(start))
    image = project(product(first))
    scale = jnp.maximum(jnp.abs(inner(first, image)), l2_norm(image))

    def step(
        carry: tuple[Float[Array, "iter dim"], Vector], index: Int[Array, ""]
    ) -> tuple[tuple[Array, Array], tuple[Array, Array, Array]]:
        basis, vector = carry
        basis = basis.at[index].set(vector.ravel())
        image = project(product(vector))
        diagonal = inner(vector, image)
        for _ in range(2):
            flat = image.ravel()
            image = project((flat - basis.T @ (basis @ flat)).reshape(start.shape))
        off_diagonal = l2_norm(image)
        exhausted = off_diagonal <= 64 * eps * scale
        following = jnp.where(exhausted, 0, image / jnp.where(exhausted, 1, off_diagonal))
        off_diagonal = jnp.where(exhausted, 0, off_diagonal)
        return (basis, following), (diagonal, off_diagonal, inner(vector, vector))

    num_looks = max(1, -(-most_iters // num_iters))

    def pairs_of(rows: Float[Array, "row 3"], number: Int[Array, ""]) -> tuple[RitzPair, RitzPair]:
        diagonal, off_diagonal, length = rows.T
        # The length is 1, or 0 once the space is exhausted; NaN stays NaN.
        diagonal = jnp.where(length < 0.5, diagonal[0], diagonal)
        return extreme_ritz_pairs(diagonal, off_diagonal, number)

    def look(run: _Thorough) -> _Thorough:
        numbers = run.number + jnp.arange(num_iters)
        (basis, vector), new = jax.lax.scan(step, (run.basis, run.vector), numbers)
        at = run.number, jnp.int32(0)
        rows = jax.lax.dynamic_update_slice(run.rows, jnp.stack(new, axis=1), at)
        number = run.number + num_iters
        return _Thorough(basis, vector, rows, number, pairs_of(rows, number))

    most = num_looks * num_iters
    basis, rows = jnp.zeros((most, size), start.dtype), jnp.zeros((most, 3), start.dtype)
    nothing = RitzPair(jnp.zeros_like(scale), jnp.zeros_like(scale))
    run = look(_Thorough(basis, first, rows, jnp.int32(0), (nothing, nothing)))
    if num_looks > 1:
        run = jax.lax.while_loop(
            lambda run: ~is_enough(run.pairs[0]) & (run.number < most), look, run
        )
    return run.pairs


class _Thorough(NamedTuple):
    """A run that keeps its basis: the basis, the next vector, the rows of T and their number."""

    basis: Float[Array, "iter dim"]
    vector: Vector
    rows: Float[Array, "iter 3"]
    number: Int[Array, ""]
    pairs: tuple[RitzPair, RitzPair]


class BriefRun(NamedTuple):
    """What a brief run of Lanczos has found.

    Attributes:
        top: the largest Ritz value.
        bottom: the smallest Ritz value.
        is_enough: whether the run stopped because they were good enough.
        num_iters: products taken.
    """

    top: RitzPair
    bottom: RitzPair
    is_enough: Bool[Array, ""]
    num_iters: Int[Array, ""]


class _Running(NamedTuple):
    """A brief run under way: the recurrence, the tridiagonal matrix, and what is known by now."""

    before: Vector
    vector: Vector
    coupling: Float[Array, ""]
    matrix: Float[Array, "look iter 2"]
    top: RitzPair
    is_enough: Bool[Array, ""]
    num_looks: Int[Array, ""]


def brief_ritz_values(
    product: Callable[[Vector], Vector],
    start: Vector,
    is_enough: Callable[[RitzPair], Bool[Array, ""]],
    *,
    max_iters: int,
    is_asked: ArrayLike = True,
    project: Callable[[Vector], Vector] = lambda vector: vector,
) -> BriefRun:
    """As `extreme_ritz_values`, with no more steps than needed, and without keeping the basis.

    The vectors of the three-term recurrence lose their orthogonality only as a Ritz value converges
    to √eps, in single precision to 3e-4 of the spectrum (Paige, 1980). A run that stops before that
    needs no orthogonalisation, and so no more memory than three vectors.

    Args:
        product: v -> A v, for arrays of the shape of ``start``.
        start: any vector that is not orthogonal to the extreme eigenvectors.
        is_enough: whether the run can stop, from the largest Ritz value; asked after every few
            steps, the first times about the value of the first row alone.
        max_iters: where it stops at the latest; rounded up to whole looks.
        is_asked: where false, nothing is done, which saves time in `jax.vmap`.
        project: the orthogonal projection on the subspace in which A acts.

    Example:
        >>> run = brief_ritz_values(
        ...     lambda v: 2 * v, jnp.ones(5), lambda top: top.residual < 1e-3, max_iters=16
        ... )
        >>> round(float(run.top.value), 4), bool(run.is_enough)
        (2.0, True)
    """
    eps = jnp.finfo(start.dtype).eps
    most_looks = -(-max_iters // ITERS_PER_LOOK)
    precise = jnp.result_type(float)  # of the tridiagonal matrix
    first = over(start, l2_norm(start))
    image = product(first)
    # In this unit, the squares of the recurrence's numbers neither overflow nor vanish.
    unit = l2_norm(image)

    def follow(
        before: Vector, vector: Vector, coupling: Float[Array, ""], image: Vector
    ) -> tuple[Vector, Float[Array, ""], Float[Array, ""]]:
        """The next vector, its coupling to this one, and this one's diagonal entry."""
        image = over(image, unit) - coupling * before
        entry = inner(vector, image)
        # Twice: where the image is nearly orthogonal to the subspace, one projection leaves hardly
        # more than what rounding adds.
        image = project(project(image - entry * vector))
        norm = jnp.sqrt(inner(image, image))
        coupling = jnp.where(norm <= 64 * eps, 0, norm)
        return over(image, coupling), coupling, entry

    zero = jnp.zeros((), start.dtype)
    second, coupling, entry = follow(jnp.zeros_like(first), first, zero, image)

    def iterate(
        carry: tuple[Vector, Vector, Float[Array, ""]], _: None
    ) -> tuple[tuple[Vector, Vector, Float[Array, ""]], Float[Array, " 2"]]:
        before, vector, before_coupling = carry
        following, coupling, own = follow(before, vector, before_coupling, product(vector))
        # Once the space is exhausted, all vectors are 0. A number inside the spectrum stands for
        # the entries that there are none of.
        own = jnp.where(before_coupling == 0, entry, own)
        return (vector, following, coupling), jnp.stack([own, coupling])

    def tridiagonal(matrix: Float[Array, "look iter 2"]) -> tuple[Array, Array]:
        rows = jnp.concatenate([jnp.stack([entry, coupling])[None], matrix.reshape(-1, 2)])
        return rows[:, 0].astype(precise), rows[:, 1].astype(precise)

    def look(run: _Running) -> _Running:
        recurrence, rows = jax.lax.scan(
            iterate, (run.before, run.vector, run.coupling), None, length=ITERS_PER_LOOK
        )
        is_new = (jnp.arange(most_looks) == run.num_looks)[:, None, None]
        matrix = jnp.where(is_new, rows, run.matrix)
        num_looks = run.num_looks + 1
        num_iters = 1 + num_looks * ITERS_PER_LOOK
        # The pair of a single row costs next to nothing.
        num_rows = jnp.where(num_iters < FIRST_ROWS, 1, num_iters)
        top = largest_ritz_pair(*tridiagonal(matrix), num_rows)
        enough = is_enough(top.scaled(unit))
        return _Running(*recurrence, matrix, top, enough, num_looks)

    def goes_on(run: _Running) -> Bool[Array, ""]:
        return jnp.asarray(is_asked) & ~run.is_enough & (run.num_looks < most_looks)

    begun = _Running(
        before=first,
        vector=second,
        coupling=coupling,
        matrix=jnp.zeros((most_looks, ITERS_PER_LOOK, 2), start.dtype),
        top=RitzPair(jnp.zeros((), precise), jnp.zeros((), precise)),
        is_enough=jnp.zeros((), bool),
        num_looks=jnp.int32(0),
    )
    run = jax.lax.while_loop(goes_on, look, begun)
    num_iters = 1 + run.num_looks * ITERS_PER_LOOK
    diagonal, off_diagonal = tridiagonal(run.matrix)
    negative = largest_ritz_pair(-diagonal, off_diagonal, num_iters)
    bottom = RitzPair(-negative.value, negative.residual)
    return BriefRun(run.top.scaled(unit), bottom.scaled(unit), run.is_enough, num_iters)
