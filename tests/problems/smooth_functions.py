"""Functions that are analytic, some of them though they are computed with kinks."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from tests.problems.kinked_functions import W, convolved, copy_of_logaddexp, mlp, rule_of_jax

ROWS = jnp.stack([W[0], -W[0]])


def attention(x):
    tokens = jnp.outer(x, x) + W
    scores = (tokens @ W) @ (tokens @ W.T).T / 2.0
    masked = jnp.where(jnp.tril(jnp.ones((4, 4), bool)), scores, -jnp.inf)
    return jax.nn.softmax(masked, axis=-1) @ tokens


def softmax_by_hand(x):
    weights = jnp.exp(x - x.max())
    return weights / weights.sum()


def layer_norm(x):
    centred = x - jnp.mean(x)
    return centred / jnp.sqrt(jnp.mean(centred**2) + 1e-5) * 1.1 + 0.1


def scan_over_layers(x):
    weights = jnp.stack([W, W.T])
    return lax.scan(lambda h, w: (jax.nn.softplus(w @ h), jnp.sum(h)), x, weights)


def counted(x):
    return lax.while_loop(
        lambda c: c[0] < 3, lambda c: (c[0] + 1, jnp.sin(c[1]) + jax.nn.softmax(c[1])), (0, x)
    )[1]


def positive_throughout_a_scan(x):
    return jnp.log(lax.scan(lambda c, _: (c * 2 + x**2, None), 1 + x**2, None, length=2)[0])


def maximum_beside(x):
    largest = jnp.max(x)  # noqa: F841 (recorded by JAX, used by nobody)
    return jnp.sin(x)


def maximum_beside_in_jit(x):
    return jax.jit(lambda x: (jnp.sin(x), jnp.max(x)))(x)[0]


SMOOTH = {
    "tanh MLP": mlp(jnp.tanh),
    "gelu MLP": mlp(jax.nn.gelu),
    "exact gelu MLP": mlp(partial(jax.nn.gelu, approximate=False)),
    "silu MLP": mlp(jax.nn.silu),
    "softplus MLP": mlp(jax.nn.softplus),
    "sin MLP": mlp(jnp.sin),
    "mish": jax.nn.mish,
    "log_sigmoid": jax.nn.log_sigmoid,
    "squareplus": jax.nn.squareplus,
    "erf": jax.scipy.special.erf,
    "glu": jax.nn.glu,
    "norm with an epsilon": lambda x: jnp.sqrt(x @ x + 1e-6),
    "even power": lambda x: jnp.sqrt(x**2.0 + x**4 + 1),
    "rational": lambda x: x / (1 + x**2),
    "power of something positive": lambda x: (1 + x**2) ** -0.3,
    "attention": attention,
    "layer norm": layer_norm,
    "layer norm of jnp.var": lambda x: (x - x.mean()) * lax.rsqrt(jnp.var(x, ddof=1) + 1e-5),
    "max of a negative number and a variance": lambda x: jnp.sqrt(
        jnp.maximum(-1, jnp.var(x)) + 1.5
    ),
    "scan over layers": scan_over_layers,
    "positive throughout a scan": positive_throughout_a_scan,
    "counted loop": counted,
    "checkpoint": jax.checkpoint(mlp(jnp.tanh)),
    "vmap": jax.vmap(lambda x: jax.nn.softplus(x) + jnp.sin(x)),
    "vmapped linear layers and softmax": lambda x: jax.vmap(
        lambda row: jax.nn.softmax(W @ (row * x))
    )(ROWS),
    "logsumexp": jax.nn.logsumexp,
    "logsumexp over the first axis": lambda x: jax.nn.logsumexp(W * x[None], axis=0),
    "logsumexp over two axes": lambda x: jax.scipy.special.logsumexp(
        jnp.stack([W * x[None], W]), axis=(0, 2), keepdims=True
    ),
    "logsumexp in vmap": lambda x: jax.vmap(jax.nn.logsumexp, 1)(W * x[None]),
    "softmax over the first axis": lambda x: jax.nn.softmax(W * x[None], axis=0),
    "softmax written by hand": softmax_by_hand,
    "log_softmax in nested vmaps": lambda x: jax.vmap(jax.vmap(jax.nn.log_softmax, 1), 0)(
        jnp.stack([W * x[None], W])
    ),
    "cross entropy": lambda x: -jnp.sum(jax.nn.one_hot(1, 4) * jax.nn.log_softmax(W @ x)),
    "cross entropy by label": lambda x: -jax.nn.log_softmax(W @ x)[jnp.argmax(W[0])],
    "log of a softmax": lambda x: jnp.log(jax.nn.softmax(x)),
    "logistic loss": lambda x: jax.nn.softplus(-jnp.sum(x)),
    "quadratic loss": lambda x: (jnp.sum(x) - 1) ** 2,
    "logaddexp": lambda x: jnp.logaddexp(x, 2 * x),
    "logaddexp of a batch and an array": lambda x: jax.vmap(jnp.logaddexp, (None, 0))(x, W * x[0]),
    "logaddexp of another axis": lambda x: jax.vmap(jnp.logaddexp, (1, None))(W * x[None], x),
    "a copy of logaddexp": lambda x: copy_of_logaddexp(rule_of_jax)(*2 * [x.astype(jnp.float32)]),
    "root of a softplus": lambda x: jnp.sqrt(jax.nn.softplus(x)),
    "radial basis functions": lambda x: jnp.exp(-jnp.sum((x[None] - W) ** 2, 1)) @ W,
    "inverse multiquadric": lambda x: 1 / jnp.sqrt(1 + jnp.sum((x[None] - W) ** 2, 1)),
    "Fourier features": lambda x: jnp.concatenate([jnp.cos(W @ x), jnp.sin(W @ x)]),
    "einsum": lambda x: jnp.einsum("ij,jk,k->i", W, jnp.outer(x, x), x),
    "fft": lambda x: jnp.fft.irfft(jnp.fft.rfft(x) * 2j).real,
    "square of a complex number": lambda x: (jnp.fft.fft(x) ** 2).real / 2j,
    "power spectrum": lambda x: (jnp.fft.fft(x) * jnp.conj(jnp.fft.fft(x))).real,
    "average pooling": convolved((0.0, lax.add)),
    "products": lambda x: jnp.prod(x) + jnp.cumprod(x) + jnp.cumsum(x),
    "entries at fixed places": lambda x: x.at[1].set(2.0).at[jnp.array([0, 0])].add(x[:2]),
    "cond on a constant": lambda x: lax.cond(W[0, 0] > 0, jnp.sin, jnp.cos, x),
    "where by a mask": lambda x: jnp.where(W[0] > 0, x, x**2),
    "wider floats and back": lambda x: x.astype(float).astype(jnp.float32),
    "stop_gradient of a constant": lambda x: x * lax.stop_gradient(W[0]),
    "relu of weights": lambda x: jax.nn.relu(W) @ x,
    "a maximum that nobody uses": maximum_beside,
    "a maximum that nobody uses in jit": maximum_beside_in_jit,
    "an unused carry of a scan": lambda x: lax.scan(
        lambda c, _: ((jnp.sin(c[0]), jnp.abs(c[1])), None), (x, x), None, length=2
    )[0][0],
}  # fmt: skip
