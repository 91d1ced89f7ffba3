"""Extreme eigenvalues of tridiagonal matrices, against LAPACK."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import hessenberg

from jaxadv.ascent.tridiagonal import extreme_ritz_pairs, largest_ritz_pair

pytestmark = pytest.mark.usefixtures("float64")


def matrices(size, rng):
    """Rows (a, b) of several kinds: dense spectra, nearly decoupled blocks, clusters, extremes."""
    normal = rng.normal(size=size), np.abs(rng.normal(size=size))
    yield normal
    yield np.zeros(size), np.ones(size)
    yield np.ones(size), 10.0 ** rng.uniform(-20, 0, size=size)
    yield normal[0], normal[1] * 1e-12
    yield np.full(size, 3.0), np.zeros(size)
    yield np.zeros(size), np.zeros(size)
    # Many eigenvalues close to 0, and one far below, as of nearly saturated networks.
    slopes = np.concatenate([[-1.0, -1.8e-9, 5e-12], 1e-14 * rng.normal(size=size)])[:size]
    yield slopes, np.full(size, 1e-10)
    vectors = np.linalg.qr(rng.normal(size=(size, size)))[0]
    hidden = hessenberg(vectors * slopes @ vectors.T)
    yield np.diag(hidden).copy(), np.append(np.abs(np.diag(hidden, 1)), 0.0)
    yield normal[0] * 1e150, normal[1] * 1e150
    yield normal[0] * 1e-150, normal[1] * 1e-150


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_values_equal_lapacks_and_residuals_bound_the_error_of_a_vector(size):
    for diagonal, off_diagonal in matrices(size, np.random.default_rng(size)):
        inner = off_diagonal[:-1]
        T = np.diag(diagonal) + np.diag(inner, 1) + np.diag(inner, -1)
        values, vectors = np.linalg.eigh(T)
        scale = np.abs(values).max()
        pairs = extreme_ritz_pairs(jnp.asarray(diagonal), jnp.asarray(off_diagonal), size)
        for pair, end in zip(pairs, (-1, 0), strict=True):
            np.testing.assert_allclose(pair.value, values[end], atol=1e-14 * scale)
            # Never larger than that of the last row, and some eigenvalue of a matrix that goes on
            # beyond T lies within it.
            usual = off_diagonal[-1] * np.abs(vectors[-1, end])
            assert pair.residual <= usual + 1e-7 * scale


def test_an_eigenvalue_of_the_whole_matrix_lies_within_the_residual():
    for seed in range(50):
        rng = np.random.default_rng(seed)
        diagonal, off_diagonal = rng.normal(size=30), np.abs(rng.normal(size=30)) ** 3
        inner = off_diagonal[:-1]
        whole = np.linalg.eigvalsh(np.diag(diagonal) + np.diag(inner, 1) + np.diag(inner, -1))
        for rows in (1, 5, 17):
            pair = largest_ritz_pair(jnp.asarray(diagonal), jnp.asarray(off_diagonal), rows)
            assert np.abs(whole - pair.value).min() <= pair.residual * (1 + 1e-12) + 1e-13


def test_rows_beyond_those_that_count_do_not_matter():
    diagonal, off_diagonal = jnp.array([1.0, 2.0, jnp.nan]), jnp.array([0.5, 0.25, jnp.nan])
    pair = largest_ritz_pair(diagonal, off_diagonal, 2)
    np.testing.assert_allclose(pair.value, np.linalg.eigvalsh([[1, 0.5], [0.5, 2]])[-1])


def test_nan_gives_nan():
    pair = largest_ritz_pair(jnp.array([1.0, jnp.nan]), jnp.ones(2), 2)
    assert np.isnan(pair.value)
