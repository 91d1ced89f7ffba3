"""Extreme eigenvalues by Lanczos, on matrices of prescribed spectrum."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import eigvalsh_tridiagonal

from jaxadv.ascent.lanczos import brief_ritz_values, extreme_ritz_values

pytestmark = pytest.mark.usefixtures("float64")


def matrix_of(spectrum, seed=0):
    rng = np.random.default_rng(seed)
    vectors = np.linalg.qr(rng.normal(size=(len(spectrum), len(spectrum))))[0]
    return jnp.asarray(vectors * np.asarray(spectrum) @ vectors.T), jnp.asarray(
        rng.normal(size=len(spectrum))
    )


@pytest.mark.parametrize(
    "spectrum",
    [
        np.linspace(-1, 2, 20),
        np.ones(20),
        np.zeros(20),
        np.eye(20)[0] * 5,
        -np.eye(20)[0] * 5,
        np.repeat([-3.0, 7.0], 10),
        [4.0],
        [-1e-20, 2e-20, 3e-20],
        [1e20, -2e20, 0.0],
    ],
    ids=lambda spectrum: f"dim{len(spectrum)}-{np.min(spectrum):g}-{np.max(spectrum):g}",
)
def test_a_full_run_is_exact(spectrum):
    A, start = matrix_of(spectrum)
    top, bottom = extreme_ritz_values(lambda v: A @ v, start, len(spectrum))
    scale = np.abs(spectrum).max()
    np.testing.assert_allclose(top.value, np.max(spectrum), atol=1e-12 * scale)
    np.testing.assert_allclose(bottom.value, np.min(spectrum), atol=1e-12 * scale)


def test_ritz_values_lie_inside_and_an_eigenvalue_lies_within_their_residual():
    for seed in range(4):
        spectrum = np.sort(np.random.default_rng(seed).normal(size=60))
        A, start = matrix_of(spectrum, seed)
        for pair in extreme_ritz_values(lambda v, A=A: A @ v, start, 8):
            assert spectrum[0] <= pair.value <= spectrum[-1]
            assert np.abs(spectrum - pair.value).min() <= pair.residual + 1e-12


def test_a_run_goes_on_while_it_is_not_enough_and_no_longer():
    """A largest eigenvalue of a thousandth of the norm: 64 steps do not find it, 300 do."""
    spectrum = -np.geomspace(1e-3, 1, 300)
    A, start = matrix_of(spectrum)

    def run(most_iters, is_enough):
        top, bottom = extreme_ritz_values(
            lambda v: A @ v, start, 64, most_iters=most_iters, is_enough=is_enough
        )
        return float(top.value), float(top.residual), float(bottom.value)

    short = extreme_ritz_values(lambda v: A @ v, start, 64)[0]
    assert short.value < -1.1e-3
    assert short.residual > 1e-5
    value, residual, lowest = run(300, lambda top: top.residual < 1e-10)
    assert value == pytest.approx(-1e-3, rel=1e-9)
    assert residual < 1e-10
    assert lowest == pytest.approx(-1, rel=1e-9)
    # Enough after the first 64, and after 128.
    assert run(300, lambda _: jnp.ones((), bool))[0] == float(short.value)
    middle = run(300, lambda top: top.residual < short.residual / 2)
    assert short.residual / 2 > middle[1] > residual
    assert run(128, lambda _: jnp.zeros((), bool)) == middle


def test_a_start_of_zero_gives_zero():
    top, bottom = extreme_ritz_values(lambda v: v, jnp.zeros(3), 3)
    assert float(top.value) == float(bottom.value) == 0


def projection_on(normal):
    normal = normal / np.linalg.norm(normal)
    return lambda vector: vector - normal * (normal @ vector)


@pytest.mark.parametrize("run", ["thorough", "brief"])
@pytest.mark.parametrize("spectrum", [(-2, -1), (-1.2, -1), (1, 1.2)])
def test_what_lies_outside_of_the_subspace_is_never_found(run, spectrum):
    """All eigenvalues have one sign, far from the 0 that PAP has in the normal direction."""
    dim = 300
    A, start = matrix_of(np.linspace(*spectrum, dim))
    project = projection_on(np.random.default_rng(1).normal(size=dim))
    A_tangent = np.apply_along_axis(project, 0, np.apply_along_axis(project, 1, np.asarray(A)))
    values = np.linalg.eigvalsh(A_tangent)
    inside = values[np.abs(values) > 0.5]
    start = project(start)
    if run == "thorough":
        top, bottom = extreme_ritz_values(lambda v: A @ v, start, 64, project=project)
    else:
        found = brief_ritz_values(
            lambda v: A @ v, start, lambda _: jnp.bool_(False), max_iters=64, project=project
        )
        top, bottom = found.top, found.bottom
    assert inside[0] - 1e-9 <= bottom.value <= top.value <= inside[-1] + 1e-9


def test_a_large_curvature_across_the_subspace_does_not_leak_into_single_precision():
    """PAP is of rank 1 and a thousand times smaller than A, as where ReLU networks end."""
    rng = np.random.default_rng(0)
    normal = rng.normal(size=40)
    normal /= np.linalg.norm(normal)
    tangent = projection_on(normal)(rng.normal(size=40))
    slope = jnp.asarray(normal + 0.03 * tangent / np.linalg.norm(tangent), jnp.float32)
    project = projection_on(jnp.asarray(normal, jnp.float32))
    found = brief_ritz_values(
        lambda v: slope * (slope @ v),
        project(jnp.asarray(rng.normal(size=40), jnp.float32)),
        lambda _: jnp.bool_(False),
        max_iters=40,
        project=project,
    )
    np.testing.assert_allclose(found.top.value, 0.03**2, rtol=1e-3)


@pytest.mark.parametrize("dim", [20, 64, 256])
def test_a_brief_run_stops_at_its_goal_and_its_value_is_far_more_accurate(dim):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        half = rng.normal(size=(dim, dim)) / dim**0.5
        A = jnp.asarray(half + half.T)
        values = np.linalg.eigvalsh(A)
        found = brief_ritz_values(
            lambda v, A=A: A @ v,
            jnp.asarray(rng.normal(size=dim)),
            lambda top: top.residual < 1e-3,
            max_iters=80,
        )
        assert bool(found.is_enough)
        assert int(found.num_iters) < 60
        assert 0 <= values[-1] - found.top.value <= 1e-5


def test_a_brief_run_that_is_not_asked_does_nothing():
    found = brief_ritz_values(
        lambda v: v, jnp.ones(5), lambda _: jnp.bool_(True), max_iters=8, is_asked=False
    )
    assert not bool(found.is_enough)


def test_a_brief_run_on_an_exhausted_space_stays_inside_the_spectrum():
    for spectrum in (np.ones(20), np.zeros(20), np.repeat([-3.0, 7.0], 10), [4.0], [-1e-20, 2e-20]):
        A, start = matrix_of(spectrum)
        found = brief_ritz_values(
            lambda v, A=A: A @ v, start, lambda _: jnp.bool_(False), max_iters=40
        )
        scale = np.abs(spectrum).max()
        np.testing.assert_allclose(found.top.value, np.max(spectrum), atol=1e-12 * scale)
        np.testing.assert_allclose(found.bottom.value, np.min(spectrum), atol=1e-12 * scale)


@pytest.mark.slow
def test_a_brief_run_rarely_misses_the_largest_eigenvalue():
    """docs/theory.md, section 4.3: in fewer than 5 of 1,000 cases, and by less than 3%."""
    missed, worst, cases = 0, 0.0, 0
    for dim, number in ((64, 2000), (256, 400)):
        for seed in range(number):
            rng = np.random.default_rng(seed)
            # The eigenvalues of a random symmetric matrix, from its tridiagonal form.
            couplings = np.sqrt(rng.chisquare(np.arange(dim - 1, 0, -1)))
            spectrum = jnp.asarray(eigvalsh_tridiagonal(rng.normal(size=dim) * 2**0.5, couplings))
            norm = float(jnp.abs(spectrum).max())
            found = RUN(spectrum, jnp.asarray(rng.normal(size=dim)), norm)
            error = float(spectrum[-1] - found.top.value)
            missed += error > found.top.residual
            worst, cases = max(worst, error / norm), cases + 1
    assert missed <= 0.005 * cases
    assert worst <= 0.03


RUN = jax.jit(
    lambda spectrum, start, norm: brief_ritz_values(
        lambda v: spectrum * v, start, lambda top: top.residual <= 5e-4 * norm, max_iters=80
    )
)
