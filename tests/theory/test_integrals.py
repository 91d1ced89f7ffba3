"""Means over normal pre-activations, against adaptive quadrature and closed forms."""

import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from jaxadv.theory.integrals import derivative_norms, gaussian_means, moments
from tests import reference


@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize("activation", [name for name in reference.SMOOTH if name != "sin"])
def test_the_integrals_equal_adaptive_quadrature(activation, scale):
    value, slope, curvature = reference.SMOOTH[activation]

    def mean(function):
        def integrand(t):
            weight = np.exp(-0.5 * (t / scale) ** 2) / (scale * np.sqrt(2 * np.pi))
            return float(function(np.array([t]))[0]) * weight

        # Pieces: the activation's own features lie within |t| < 20.
        ends = sorted(
            {end for end in (-9 * scale, -20, -3, 0, 3, 20, 9 * scale) if abs(end) <= 9 * scale}
        )
        pieces = itertools.pairwise(ends)
        return sum(quad(integrand, *piece, epsabs=1e-20, limit=400)[0] for piece in pieces)

    found = moments(activation, scale)
    linear = mean(slope)
    expected = {
        "slope": linear,
        "first": mean(lambda t: slope(t) ** 2) ** 0.5,
        "second": mean(lambda t: curvature(t) ** 2) ** 0.5,
        "slope_variance": mean(lambda t: (slope(t) - linear) ** 2),
        "rest": mean(lambda t: (value(t) - linear * t) ** 2),
    }
    for name, number in expected.items():
        np.testing.assert_allclose(
            getattr(found, name), number, rtol=1e-6, atol=1e-16, err_msg=name
        )


@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_the_sine_has_its_closed_forms(scale):
    found, decay = moments("sin", scale), np.exp(-0.5 * scale**2)
    np.testing.assert_allclose(found.slope, decay, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.first**2, (1 + decay**4) / 2, rtol=1e-12)
    np.testing.assert_allclose(found.second**2, -np.expm1(-2 * scale**2) / 2, rtol=1e-9)
    np.testing.assert_allclose(found.slope_variance, (1 + decay**4) / 2 - decay**2, rtol=1e-6)


def test_small_scales_do_not_cancel():
    """docs/theory.md, section 7.6: 2s⁶/s² and 2s⁶/3 for tanh."""
    found = moments("tanh", 1e-3)
    np.testing.assert_allclose(found.slope_variance, 2e-12, rtol=1e-4)
    np.testing.assert_allclose(found.rest, 2e-18 / 3, rtol=1e-4)


@pytest.mark.parametrize("steepness", [0.01, 2.0, 300.0])
def test_the_grid_follows_a_users_activation(steepness):
    own = lambda z: jnp.tanh(steepness * z)  # noqa: E731
    ours, theirs = moments(own, 1.0), moments("tanh", steepness)
    np.testing.assert_allclose(ours.first, steepness * theirs.first, rtol=1e-7)
    np.testing.assert_allclose(ours.second, steepness**2 * theirs.second, rtol=1e-7)
    np.testing.assert_allclose(ours.rest, theirs.rest, rtol=1e-7)


def test_what_has_no_second_derivative_is_refused_with_the_reason():
    for activation in ("relu", jax.nn.relu):
        with pytest.raises(ValueError, match="has kinks, where its second derivative is no"):
            derivative_norms(activation, 1.0)
    for scale in (-1.0, 0.0, 1e5, float("nan")):
        with pytest.raises(ValueError, match="scale"):
            derivative_norms("tanh", scale)


def test_an_integral_that_does_not_settle_is_refused():
    with pytest.raises(ValueError, match="do not settle"):
        gaussian_means(lambda t: jnp.sign(t - 1 / 3)[None], 1.0)


def test_a_reference_to_a_module_is_refused_and_not_imported(tmp_path, monkeypatch):
    (tmp_path / "spoiler.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="activation: 'spoiler:f' is not built in"):
        derivative_norms("spoiler:f", 1.0)
    assert "spoiler" not in sys.modules
