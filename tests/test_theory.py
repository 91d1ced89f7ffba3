"""Mean-field predictions: integrals against closed forms and quadrature, and the theory's table."""

import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from jaxadv.problems.losses import LOSSES
from jaxadv.theory import (
    LOSS_SLOPES,
    curvature_ratio,
    derivative_norms,
    kappa_0,
    steps_of_slowest,
    steps_of_spectrum,
)
from tests import reference


@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize("activation", [name for name in reference.SMOOTH if name != "sin"])
def test_the_integrals_equal_adaptive_quadrature(activation, scale):
    _, slope, curvature = reference.SMOOTH[activation]
    for derivative, found in zip(
        (slope, curvature), derivative_norms(activation, scale), strict=True
    ):

        def integrand(t, derivative=derivative):
            weight = np.exp(-0.5 * (t / scale) ** 2) / (scale * np.sqrt(2 * np.pi))
            return float(derivative(np.array([t]))[0]) ** 2 * weight

        # Pieces: the activation's own features lie within |t| < 20.
        ends = sorted(
            {end for end in (-9 * scale, -20, -3, 0, 3, 20, 9 * scale) if abs(end) <= 9 * scale}
        )
        pieces = itertools.pairwise(ends)
        expected = sum(quad(integrand, *piece, epsabs=1e-15, limit=400)[0] for piece in pieces)
        np.testing.assert_allclose(found**2, expected, rtol=1e-8, atol=1e-15)


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_the_sine_has_its_closed_form(scale):
    first, second = derivative_norms("sin", scale)
    np.testing.assert_allclose(first**2, (1 + np.exp(-2 * scale**2)) / 2, rtol=1e-12)
    np.testing.assert_allclose(second**2, -np.expm1(-2 * scale**2) / 2, rtol=1e-9)


def test_the_theorys_table_comes_out():
    """docs/theory.md, section 6.3: the earlier law, tanh and ρ = 0.1."""
    table = {0.1: 0.0039, 0.3: 0.0293, 1.0: 0.159, 2.0: 0.332, 3.0: 0.480, 5.0: 0.698, 10.0: 0.923}
    for scale, expected in table.items():
        found = float(curvature_ratio(kappa_0("tanh", scale, 0.1)))
        np.testing.assert_allclose(found, expected, atol=0.0005)


def test_the_curve_runs_from_kappa_0_to_1():
    small = np.array([1e-12, 1e-6, 1e-3])
    np.testing.assert_allclose(curvature_ratio(small), small, rtol=1e-6)
    np.testing.assert_allclose(curvature_ratio(np.array([1e6])), 1, rtol=1e-12)
    half = 0.9**2 / 2
    np.testing.assert_allclose(curvature_ratio(0.9), np.sqrt(1 - (1 + half) ** -2), rtol=1e-14)


def test_a_users_activation_works_and_kinks_are_refused():
    own = lambda z: jnp.tanh(2 * z)  # noqa: E731
    np.testing.assert_allclose(derivative_norms(own, 1.0)[0], 2 * derivative_norms("tanh", 2.0)[0])
    for activation in ("relu", jax.nn.relu):
        with pytest.raises(ValueError, match="kinks"):
            kappa_0(activation, 1.0, 0.1)
    with pytest.raises(ValueError, match="scale"):
        derivative_norms("tanh", -1.0)


def test_a_reference_to_a_module_is_refused_and_not_imported(tmp_path, monkeypatch):
    (tmp_path / "spoiler.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="activation: 'spoiler:f' is not built in"):
        kappa_0("spoiler:f", 1.0, 0.1)
    assert "spoiler" not in sys.modules


def test_the_loss_slopes_are_the_derivatives_of_the_losses():
    for name, loss in LOSSES.items():
        for output, label in ((0.3, 1.0), (2.0, -1.0), (-4.0, 1.0)):
            value, slope = jax.value_and_grad(loss)(output, label)
            found = LOSS_SLOPES[name](np.array([value], float))
            np.testing.assert_allclose(found, abs(float(slope)), rtol=1e-4)


def test_the_slowest_mode_takes_the_steps_of_the_linearised_map():
    """From a residual of 1, by q = (1 + ηκλ)/(1 + ηλ) a step."""
    for gain, kappa in ((0.05, 0.2), (3.0, 0.9), (0.001, -0.5)):
        q = (1 + gain * kappa) / (1 + gain)
        count, residual = 0, 1.0
        while residual > 1e-6:
            count, residual = count + 1, residual * q
        found = steps_of_slowest(1e-6, np.array([gain]), kappa)[0]
        assert count - 1 < found <= count + 1e-9


def test_all_modes_take_the_steps_of_a_random_symmetric_matrix():
    """Eigenvalues of a Gaussian orthogonal matrix, errors spread evenly, step by step."""
    rng = np.random.default_rng(0)
    entries = rng.normal(size=(800, 800)) / np.sqrt(800)
    spectrum = np.linalg.eigvalsh((entries + entries.T) / np.sqrt(2)) / 2
    for gain, kappa in ((0.05, 0.3), (0.01, 0.8), (1.0, 0.6)):
        factors = (1 + gain * kappa * spectrum) / (1 + gain)
        count, residuals = 0, 1 - kappa * spectrum
        while np.sqrt(np.mean(residuals**2)) > 1e-3:
            count, residuals = count + 1, residuals * factors
        found = steps_of_spectrum(1e-3, np.array([gain]), kappa)[0]
        assert abs(found / count - 1) < 0.02 + 1 / count


def test_all_modes_are_a_mean_over_the_semicircle():
    """For small ηλ, against adaptive quadrature."""
    gain, kappa, tolerance = 1e-4, 0.9, 1e-6
    tau = gain * steps_of_spectrum(tolerance, np.array([gain]), kappa)[0]

    def integrand(x):
        decay = np.exp(-2 * tau * (1 - kappa * x))
        return 2 / np.pi * np.sqrt(1 - x**2) * (1 - kappa * x) ** 2 * decay

    mean = quad(integrand, -1, 1, epsabs=1e-20, limit=200)[0]
    np.testing.assert_allclose(np.log(mean), np.log(tolerance**2), rtol=1e-3)


def test_without_curvature_all_modes_are_alike_and_nothing_known_stays_unknown():
    gain = np.array([[0.1, np.nan]])
    laws = [law(1e-4, gain, 0.0) for law in (steps_of_slowest, steps_of_spectrum)]
    np.testing.assert_allclose(laws[0], laws[1], rtol=1e-9)
    assert np.isnan(laws[1]).tolist() == [[False, True]]
