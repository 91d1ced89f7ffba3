"""The laws of ascent: closed forms, quadrature, the theory's tables, and simulations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import dblquad, quad

import jaxadv as ja
from jaxadv.problems.losses import LOSSES
from jaxadv.theory import (
    LOSS_SLOPES,
    condition_number,
    curvature_ratio,
    derivative_norms,
    earlier_curvature_ratio,
    end_scale,
    gradient_cosine,
    kappa_0,
    median_slope,
    output_rise,
    steps,
    steps_of_slowest,
    tangent_spectrum,
)


def test_the_theorys_tables_come_out():
    """docs/theory.md, section 6.3, tanh and ρ = 0.1, d = 200: this law and the earlier one."""
    table = {1.0: (0.152, 0.159), 3.0: (0.450, 0.480), 5.0: (0.676, 0.698), 10.0: (0.957, 0.923)}
    for scale, (expected, earlier) in table.items():
        kappa = kappa_0("tanh", scale, 0.1)
        np.testing.assert_allclose(curvature_ratio(kappa, 200), expected, atol=0.0015)
        np.testing.assert_allclose(earlier_curvature_ratio(kappa), earlier, atol=0.0015)
    np.testing.assert_allclose(condition_number(1.787), 316, rtol=0.01)
    np.testing.assert_allclose(condition_number(1.787, 200), 82, rtol=0.03)


def test_the_earlier_curve_runs_from_kappa_0_to_1():
    small = np.array([1e-12, 1e-6, 1e-3])
    np.testing.assert_allclose(earlier_curvature_ratio(small), small, rtol=1e-6)
    np.testing.assert_allclose(earlier_curvature_ratio(np.array([1e6])), 1, rtol=1e-12)
    half = 0.9**2 / 2
    expected = np.sqrt(1 - (1 + half) ** -2)
    np.testing.assert_allclose(earlier_curvature_ratio(0.9), expected, rtol=1e-14)


def test_the_spectrum_gives_the_other_laws():
    for kappa in (0.01, 0.5, 1.3, 1.99):
        centre, radius = tangent_spectrum(kappa)
        np.testing.assert_allclose(curvature_ratio(kappa), centre + radius)
        np.testing.assert_allclose(1 - curvature_ratio(kappa), (1 - kappa / 2) ** 2, atol=1e-15)
        expected = (1 - centre + radius) / (1 - centre - radius)
        np.testing.assert_allclose(condition_number(kappa), expected, rtol=1e-9)
    assert np.isinf(condition_number(np.array([2.0, 3.0]))).all()
    assert curvature_ratio(np.array([2.0, 3.0])).tolist() == [1.0, 1.0]


def test_the_edges_are_those_of_random_matrices():
    """The mean largest eigenvalue of Gaussian orthogonal matrices of unit radius."""
    rng = np.random.default_rng(0)
    for dim in (50, 200):
        entries = rng.normal(size=(60, dim, dim)) / np.sqrt(8 * dim)
        tops = np.linalg.eigvalsh(entries + entries.swapaxes(1, 2))[:, -1]
        _, radius = tangent_spectrum(1.0, dim)
        assert abs(tops.mean() - radius) < 4 * tops.std() / np.sqrt(60) + 0.1 * (1 - radius)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "sin"])
def test_the_cosine_equals_a_double_integral(activation):
    scale, ratio = 1.5, 0.7
    slope = jax.jit(jax.grad(ja.ACTIVATIONS[activation]))

    def integrand(other, z):
        product = float(slope(scale * z)) * float(slope(scale * z + scale * ratio * other))
        return product * np.exp(-0.5 * (z**2 + other**2)) / (2 * np.pi)

    product, _ = dblquad(integrand, -6, 6, -6, 6, epsabs=1e-5)
    norms = [derivative_norms(activation, s)[0] for s in (scale, end_scale(scale, ratio))]
    expected = product / np.prod(norms)
    np.testing.assert_allclose(gradient_cosine(activation, scale, ratio), expected, atol=2e-4)


def test_the_cosine_of_the_sine_has_a_closed_form():
    """E cos(sZ) cos(sZ + sρZ') = exp(−s²ρ²/2)(1 + exp(−2s²))/2."""
    for scale, ratio in ((0.1, 0.1), (2.0, 0.3), (20.0, 0.5), (1.0, 1e-6)):
        mean = np.exp(-0.5 * (scale * ratio) ** 2) * (1 + np.exp(-2 * scale**2)) / 2
        norms = [(1 + np.exp(-2 * s**2)) / 2 for s in (scale, end_scale(scale, ratio))]
        expected = mean / np.sqrt(np.prod(norms))
        found = gradient_cosine("sin", scale, ratio)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-15)


def test_a_cosine_that_would_take_hours_is_refused():
    with pytest.raises(ValueError, match="scale: 10000 at the ratio"):
        gradient_cosine("tanh", 1e4, 0.5)


def test_the_loss_slopes_are_the_derivatives_of_the_losses():
    for name, loss in LOSSES.items():
        for output, label in ((0.3, 1.0), (2.0, -1.0), (-4.0, 1.0)):
            value, slope = jax.value_and_grad(loss)(output, label)
            found = LOSS_SLOPES[name](np.array([value], float))
            np.testing.assert_allclose(found, abs(float(slope)), rtol=1e-4)


@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_the_median_slope_is_that_of_simulated_ascents(scale):
    """Of |f(x + δ*) − y|, with δ* by δ ← ε g/|g|, on both sides of the label."""
    rng, dim, width, slopes = np.random.default_rng(0), 60, 1200, []
    radius = 0.1 * scale * np.sqrt(dim)
    for _ in range(600):
        hidden = rng.normal(size=(width, dim)) / np.sqrt(dim)
        output = rng.choice([-1, 1], width) / np.sqrt(width)
        x = rng.normal(size=dim)
        x *= scale * np.sqrt(dim) / np.linalg.norm(x)
        label, delta = rng.normal(), np.zeros(dim)
        side = np.sign(np.tanh(hidden @ x) @ output - label)
        for _ in range(15):
            gradient = (output * (1 - np.tanh(hidden @ (x + delta)) ** 2)) @ hidden
            delta = side * radius * gradient / np.linalg.norm(gradient)
        slopes.append(abs(np.tanh(hidden @ (x + delta)) @ output - label))
    spread = 1.25 * np.std(slopes) / np.sqrt(len(slopes))
    law = median_slope("tanh", scale, 0.1, dim)
    assert abs(np.median(slopes) - law) < 3 * spread + 0.02 * law


def test_the_slowest_mode_takes_the_steps_of_the_linearised_map():
    """From a residual of 1, by q = (1 + ηκλ)/(1 + ηλ) a step."""
    for gain, kappa in ((0.05, 0.2), (3.0, 0.9), (0.001, 1.5)):
        q = (1 + gain * (kappa - kappa**2 / 4)) / (1 + gain)
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
    for gain, kappa in ((0.05, 0.3), (0.01, 1.2), (1.0, 0.6)):
        ratios = kappa * spectrum - kappa**2 / 4
        factors = (1 + gain * ratios) / (1 + gain)
        count, residuals = 0, 1 - ratios
        while np.sqrt(np.mean(residuals**2)) > 1e-3:
            count, residuals = count + 1, residuals * factors
        found = steps(1e-3, np.array([gain]), kappa)[0]
        assert abs(found / count - 1) < 0.02 + 1 / count


def test_all_modes_are_a_mean_over_the_semicircle():
    """For small ηλ, against adaptive quadrature."""
    gain, kappa, tolerance = 1e-4, 1.2, 1e-6
    tau = gain * steps(tolerance, np.array([gain]), kappa)[0]

    def integrand(x):
        gap = 1 - kappa * x + kappa**2 / 4
        return 2 / np.pi * np.sqrt(1 - x**2) * gap**2 * np.exp(-2 * tau * gap)

    mean = quad(integrand, -1, 1, epsabs=1e-20, limit=200)[0]
    np.testing.assert_allclose(np.log(mean), np.log(tolerance**2), rtol=1e-3)


def test_without_curvature_all_modes_are_alike_and_nothing_known_stays_unknown():
    gain = np.array([[0.1, np.nan]])
    laws = [law(1e-4, gain, 0.0) for law in (steps_of_slowest, steps)]
    np.testing.assert_allclose(laws[0], laws[1], rtol=1e-9)
    assert np.isnan(laws[1]).tolist() == [[False, True]]
    for law in (steps_of_slowest, steps):
        beyond = law(1e-4, gain, 2.5)
        assert np.isinf(beyond[0, 0])
        assert np.isnan(beyond[0, 1])


def simulated(activation, scale, *, dim, width, networks, ratio=0.1):
    """At maxima of f on the sphere: h₁/λ, λε/σ₁, the rise over εσ₁, and the cosine."""
    radius = ratio * scale * dim**0.5
    first, _ = derivative_norms(activation, end_scale(scale, ratio))

    @jax.jit
    def one(key):
        net_key, x_key = jax.random.split(key)
        net = ja.init_two_layer(net_key, dim, width, activation)
        direction = jax.random.normal(x_key, (dim,))
        x = scale * dim**0.5 * direction / jnp.linalg.norm(direction)
        gradient = jax.grad(net)
        start = gradient(x)

        def turn(_, delta):
            # Averaging keeps the iteration stable up to κ₀ = 2.
            ascent = gradient(x + delta)
            ascent = radius * ascent / jnp.linalg.norm(ascent)
            middle = (delta + ascent) / 2
            return radius * middle / jnp.linalg.norm(middle)

        delta = jax.lax.fori_loop(0, 100, turn, radius * start / jnp.linalg.norm(start))
        end = gradient(x + delta)
        multiplier = end @ delta / radius**2
        normal = delta / radius
        projection = jnp.eye(dim) - jnp.outer(normal, normal)
        hessian = projection @ jax.hessian(net)(x + delta) @ projection
        top = jnp.linalg.eigvalsh(hessian - 10 * multiplier * jnp.outer(normal, normal))[-1]
        cosine = start @ delta / radius / jnp.linalg.norm(start)
        rise = (net(x + delta) - net(x)) / output_rise(radius, first)
        return jnp.stack([top / multiplier, multiplier * radius / first, rise, cosine])

    numbers = [np.asarray(one(key)) for key in jax.random.split(jax.random.key(0), networks)]
    return np.mean(numbers, axis=0)


@pytest.mark.parametrize(("activation", "scale"), [("tanh", 3.0), ("sin", 1.5), ("gelu", 4.0)])
def test_simulations_come_closer_to_the_laws_as_they_grow(activation, scale):
    """At the larger of two sizes all laws hold to 8%."""
    kappa = kappa_0(activation, scale, 0.1)
    errors = []
    for dim, width, networks in ((12, 48, 40), (64, 4000, 8)):
        found = simulated(activation, scale, dim=dim, width=width, networks=networks)
        cosine = gradient_cosine(activation, scale, 0.1)
        laws = np.array([curvature_ratio(kappa, dim), 1.0, 1.0, cosine])
        errors.append(np.abs(found / laws - 1))
    small, large = errors
    assert np.all(large < 0.08), large
    assert np.sum(large) < np.sum(small), (small, large)
