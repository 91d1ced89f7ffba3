"""Extreme eigenvalues by Lanczos, on matrices of prescribed spectrum."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxadv.ascent.lanczos import extreme_ritz_values

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


def test_a_start_of_zero_gives_zero():
    top, bottom = extreme_ritz_values(lambda v: v, jnp.zeros(3), 3)
    assert float(top.value) == float(bottom.value) == 0
