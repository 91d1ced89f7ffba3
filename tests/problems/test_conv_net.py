"""The convolutional network and the random MLP, against loops in NumPy; its certificates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

import jaxadv as ja
from jaxadv.ascent.kinds import MAXIMA

SMALL = {"shape": (5, 4), "channels": (3, 2), "widths": (6,), "classes": 3, "filter_size": 3}


def gelu(z):
    return z * (1 + erf(z / np.sqrt(2))) / 2


def by_loops(net, image):
    """The output, one product at a time; padding as TensorFlow's "SAME"."""
    value = np.asarray(image, float).reshape(net.shape)
    layers = zip(net.filters, net.filter_biases, strict=True)
    for kernel, bias in (tuple(np.asarray(part, float) for part in layer) for layer in layers):
        size, stride = kernel.shape[0], net.stride
        rows, columns = (-(-length // stride) for length in value.shape[:2])
        before = [
            max((out - 1) * stride + size - length, 0) // 2
            for out, length in zip((rows, columns), value.shape[:2], strict=True)
        ]
        result = np.zeros((rows, columns, kernel.shape[-1])) + bias
        for i in range(rows):
            for j in range(columns):
                for a in range(size):
                    for b in range(size):
                        at = i * stride + a - before[0], j * stride + b - before[1]
                        if all(0 <= k < n for k, n in zip(at, value.shape[:2], strict=True)):
                            result[i, j] += value[at] @ kernel[a, b]
        value = gelu(result)
    value = value.ravel()
    for weight, bias in zip(net.weights[:-1], net.biases[:-1], strict=True):
        value = gelu(np.asarray(weight, float) @ value + np.asarray(bias, float))
    return np.asarray(net.weights[-1], float) @ value + np.asarray(net.biases[-1], float)


@pytest.fixture
def net(float64):
    drawn = ja.init_conv_net(jax.random.key(0), **SMALL)
    # Biases are 0 at first, where a mistake would not be seen.
    leaves, structure = jax.tree.flatten(drawn)
    rng = np.random.default_rng(0)
    return jax.tree.unflatten(
        structure, [leaf + 0.3 * rng.normal(size=leaf.shape) for leaf in leaves]
    )


def test_outputs_are_those_of_loops(net):
    images = np.random.default_rng(1).normal(size=(4, 5, 4))
    for image in images:
        np.testing.assert_allclose(net(jnp.asarray(image)), by_loops(net, image), rtol=1e-12)
        np.testing.assert_array_equal(net(jnp.asarray(image).ravel()), net(jnp.asarray(image)))


def test_its_certificates_are_those_of_the_dense_second_derivative(net):
    """Ball and box, cross-entropy: multiplier, curvature ratio and kind from a dense Hessian."""
    x = np.random.default_rng(2).uniform(size=(5, 4))
    for constraint in (ja.L2Ball(0.4), ja.LInfBall(0.15)):
        problem = ja.Problem(net, x, 1, constraint, "cross-entropy")
        method = ja.PGA(step=0.2, tolerances=1e-9, max_steps=20_000)
        delta = ja.ascend(problem, jnp.zeros((5, 4)), method).perturbation
        certificate = ja.certify(problem, delta, step_size=0.2, tolerance=1e-8)
        flat = np.asarray(delta).ravel()
        gradient = np.asarray(jax.grad(problem.objective)(delta)).ravel()
        hessian = jax.hessian(lambda v: problem.objective(v.reshape(5, 4)))(delta.ravel())
        if isinstance(constraint, ja.L2Ball):
            unit = flat / np.linalg.norm(flat)
            tangent = np.linalg.svd(unit[None])[2][1:]
            multiplier = gradient @ flat / 0.4**2
            np.testing.assert_allclose(certificate.multiplier, multiplier, rtol=1e-5)
        else:
            is_free = np.abs(flat) < 0.15 * (1 - 1e-9)
            tangent, multiplier = np.eye(20)[is_free], 0.0
            assert certificate.num_free == is_free.sum()
        curvatures = np.linalg.eigvalsh(tangent @ np.asarray(hessian) @ tangent.T)
        assert (ja.Kind(int(certificate.kind)) in MAXIMA) == (
            curvatures.max(initial=-np.inf) < multiplier
        )
        if multiplier:
            ratio = curvatures.max() / multiplier
            np.testing.assert_allclose(certificate.curvature_ratio, ratio, rtol=1e-5)


def test_it_has_no_kinks_but_those_of_its_activation():
    image = jnp.zeros((5, 4))
    assert ja.kinks(ja.init_conv_net(jax.random.key(0), **SMALL), image) == ()
    assert ja.kinks(ja.init_conv_net(jax.random.key(0), activation="relu", **SMALL), image)


def test_weights_are_random_with_the_variance_of_their_inputs():
    key = jax.random.key(0)
    deep = ja.init_mlp(key, 400, (300, 200), "gelu", classes=100)
    wide = ja.init_conv_net(key, shape=(8, 8, 3), channels=(64, 64))
    layers = [(weight, weight.shape[1]) for weight in (*deep.weights, *wide.weights)]
    layers += [(kernel, np.prod(kernel.shape[:3])) for kernel in wide.filters]
    for weight, inputs in layers:
        # Four standard errors of a standard deviation.
        error = 4 / (2 * weight.size) ** 0.5
        assert np.std(weight) * inputs**0.5 == pytest.approx(1, abs=error)
    assert not any(bias.any() for bias in (*deep.biases, *wide.biases, *wide.filter_biases))
    assert ja.init_mlp(key, 5, (3,))(jnp.ones(5)).shape == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (9, 9, 1)}, "filters, weights: they do not fit each other, or images of shape"),
        ({"activation": "geluu"}, "did you mean 'gelu'"),
        ({"stride": 3}, "do not fit"),
    ],
)
def test_layers_that_do_not_fit_are_refused(change, message):
    net = ja.init_conv_net(jax.random.key(0), **SMALL)
    layers = (net.filters, net.filter_biases, net.weights, net.biases)
    settings = {"shape": net.shape, "activation": net.activation, "stride": 2}
    with pytest.raises(ValueError, match=message):
        ja.ConvNet(*layers, **{**settings, **change})
    with pytest.raises(ValueError, match=r"takes \(5, 4, 1\) images, the input has \(5, 5\)"):
        net(jnp.zeros((5, 5)))
