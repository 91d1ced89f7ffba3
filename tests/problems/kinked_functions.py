"""Functions with kinks, hidden in many ways."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import io_callback

W = jnp.array(np.random.default_rng(0).normal(size=(4, 4)), jnp.float32)
X = jnp.array([0.3, -0.7, 1.1, 0.2], jnp.float32)


@jax.custom_jvp
def straight_through(x):
    return jnp.round(x)


@straight_through.defjvp
def _(primals, tangents):
    return straight_through(*primals), tangents[0]


@jax.custom_jvp
def lying(x):
    """Its value is analytic, its derivative is another's."""
    return x**2


@lying.defjvp
def _(primals, tangents):
    return lying(*primals), jnp.sign(primals[0]) * tangents[0]


@jax.custom_vjp
def clipped_gradient(x):
    return jnp.sin(x)


clipped_gradient.defvjp(
    lambda x: (jnp.sin(x), x), lambda x, g: (jnp.clip(g * jnp.cos(x), -0.1, 0.1),)
)


def logaddexp(a, b):
    """Not JAX's: that of the max-plus algebra."""
    return jnp.maximum(a, b)


def copy_of_logaddexp(rule):
    """JAX's to the last operation and name, with any rule for the derivative."""

    @jax.custom_jvp
    def logaddexp(a, b):
        largest, gap = lax.max(a, b), lax.sub(a, b)
        is_nan = lax.ne(gap, gap)
        return lax.select(is_nan, lax.add(a, b), largest + lax.log1p(lax.exp(-lax.abs(gap))))

    def _logaddexp_jvp(primals, tangents):
        return rule(logaddexp, primals, tangents)

    logaddexp.defjvp(_logaddexp_jvp)
    return logaddexp


def rule_of_jax(function, primals, tangents):
    def finite(x):
        return lax.select(lax.eq(x, np.float32(np.inf)), lax.full_like(x, 0), x)

    out = function(*primals)
    left, right = (
        lax.mul(dx, lax.exp(lax.sub(finite(x), finite(out))))
        for x, dx in zip(primals, tangents, strict=True)
    )
    return out, lax.add(left, right)


def rule_of_max(function, primals, tangents):
    return function(*primals), jnp.where(lax.gt(*primals), *tangents)


def rule_with_a_wrong_second_derivative(_, primals, tangents):
    return rule_of_jax(copy_of_logaddexp(rule_of_max), primals, tangents)


def mlp(activation):
    return lambda x: jnp.sum(activation(W @ activation(W @ x)))


def sum_of(function):
    return lambda x: jnp.sum(function(x))


def in_a_scan(x):
    return lax.scan(lambda c, w: (jnp.maximum(w * c, c), c), x, jnp.ones(3))[0]


def in_the_second_turn_of_a_scan(x):
    def turn(carry, _):
        a, b, _ = carry
        return (x, a, jnp.abs(b)), None

    return lax.scan(turn, (jnp.zeros(4),) * 3, None, length=3)[0][2]


def in_a_while_loop(x):
    return lax.while_loop(lambda c: jnp.sum(c) < 10, lambda c: 2 * c + 1, x)


def newtons_root(x):
    return lax.fori_loop(0, jnp.sum(W > 0), lambda _, c: jnp.minimum(c, x), x)


def through_a_reference(x):
    box = jax.new_ref(jnp.zeros(4))
    box[...] = jnp.abs(x)
    return box[...]


def convolved(kind):
    def function(x):
        images = jnp.outer(x, x)[None, None]
        filtered = lax.conv(images, W[None, None, :2, :2].astype(x.dtype), (1, 1), "SAME")
        return lax.reduce_window(filtered, *kind, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    return function


def shifted_along_other_axes(x):
    scores = W * x[None] * x[:, None]
    top = jnp.max(scores, 0)
    return jnp.exp(scores - top[None]) / jnp.exp(scores - top[:, None])


def shifted_unevenly(x):
    top = jnp.max(x)
    return jnp.exp(x - top) / jnp.sum(jnp.exp(x - top - top))


def summed_where_shifts_differ(x):
    scores = W * x[None]
    top = jnp.max(scores, 1, keepdims=True)
    return jnp.exp(scores - top).sum(0) / jnp.exp(2 * scores - top).sum(0)


def with_largest(function):
    return lambda x: function(x, jnp.max(x))


def log_less_itself(x):
    y = jnp.log(x)
    return y - y


def through_the_host(x):
    memory = {}
    io_callback(lambda x: memory.update(x=abs(x)), None, x, ordered=True)
    return io_callback(lambda: memory["x"], X, ordered=True)


REFERENCE = jax.new_ref(X)


def through_a_reference_from_outside(x):
    REFERENCE[...] = jnp.abs(x)
    return REFERENCE[...]


def transposed(x):
    outer = jax.lax.stop_gradient(jnp.outer(x, jnp.arange(1.0, 5.0)))
    return jax.lax.reshape(outer, (4, 4), dimensions=(1, 0))


KINKED = {
    "relu MLP": mlp(jax.nn.relu),
    "relu6": jax.nn.relu6,
    "leaky_relu": partial(jax.nn.leaky_relu, negative_slope=0.1),
    "elu": jax.nn.elu,
    "selu": jax.nn.selu,
    "celu": jax.nn.celu,
    "hard_tanh": jax.nn.hard_tanh,
    "hard_swish": jax.nn.hard_swish,
    "sparse_plus": jax.nn.sparse_plus,
    "abs": jnp.abs,
    "x sign(x)": lambda x: x * jnp.sign(x),
    "x (x > 0)": lambda x: x * (x > 0),
    "where": lambda x: jnp.where(x > 0, x, -x),
    "select in jit": jax.jit(lambda x: lax.select(x > 0, x, 2 * x)),
    "maximum": lambda x: jnp.maximum(x, 0.1),
    "maximum with a positive bound of a square": lambda x: jnp.maximum(x**2, 0.1),
    "clip": lambda x: jnp.clip(x, -1, 1),
    "clamp": lambda x: lax.clamp(-1.0, x, 1.0),
    "max of all": jnp.max,
    "sort": jnp.sort,
    "median": jnp.median,
    "top_k": lambda x: lax.top_k(x, 2)[0],
    "argmax gathers": lambda x: x[jnp.argmax(x)],
    "dynamic slice at an index that depends": lambda x: lax.dynamic_slice(
        x, (x[0].astype(int),), (2,)
    ),
    "scatter apply": lambda x: x.at[0].apply(jnp.abs),
    "floor": jnp.floor,
    "remainder": lambda x: x % 1.0,
    "integer round trip": lambda x: x.astype(jnp.int32).astype(jnp.float32),
    "bfloat16 round trip": lambda x: x.astype(jnp.bfloat16).astype(jnp.float32),
    "sum in half precision": lambda x: jnp.dot(x, x, preferred_element_type=jnp.bfloat16),
    "reduce_precision": lambda x: lax.reduce_precision(x, 5, 10),
    "interp": lambda x: jnp.interp(x, jnp.arange(4.0), jnp.arange(4.0) ** 2),
    "sqrt of a square": lambda x: jnp.sqrt(x**2),
    "power of a square": lambda x: (x**2) ** 0.5,
    "third power of a root of a square": lambda x: jnp.sqrt(x * x) ** 3,
    "exp of half a log": lambda x: jnp.exp(0.5 * jnp.log(x**2)),
    "rsqrt of a square": lambda x: x**2 * lax.rsqrt(x**2),
    "quotient of squares": lambda x: x**2 / x**2 * x,
    "cube root": jnp.cbrt,
    "log(x) - log(x)": log_less_itself,
    "root beside an integer that overflows": lambda x: jnp.sqrt(
        x**2 + (W.astype(int)[0] ** 2 + 1).astype(float)
    ),
    "log1p": jnp.log1p,
    "norm": jnp.linalg.norm,
    "norm of a complex number": lambda x: jnp.abs(jnp.fft.fft(x)),
    "tanh of a complex number": lambda x: jnp.tanh(jnp.fft.fft(x)).real,
    "square of a complex number": lambda x: jnp.sqrt((jnp.fft.fft(x) ** 2).real + 1),
    "tan": jnp.tan,
    "singular values": lambda x: jnp.linalg.svd(jnp.outer(x, x) + W, compute_uv=False),
    "max pooling": convolved((-jnp.inf, lax.max)),
    "hinge loss": lambda x: jax.nn.relu(1 - jnp.sum(x)),
    "margin": lambda x: x[0] - jnp.max(x[1:]),
    "stop_gradient": lambda x: x * lax.stop_gradient(x),
    "straight through stop_gradient": lambda x: x + lax.stop_gradient(jnp.round(x) - x),
    "straight through custom_jvp": straight_through,
    "a rule of another function": lying,
    "custom_vjp": clipped_gradient,
    "vmap": jax.vmap(lambda x: jnp.maximum(x, 0)),
    "checkpoint": jax.checkpoint(jax.nn.relu),
    "scan": in_a_scan,
    "the second turn of a scan": in_the_second_turn_of_a_scan,
    "scanned over": lambda x: lax.scan(lambda c, a: (c + jnp.abs(a), None), 0.0, x)[0],
    "stacked by a scan": lambda x: lax.scan(lambda c, a: (c, jnp.abs(a)), 0.0, x)[1],
    "cond": lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.cos, x),
    "branch of a cond": lambda x: lax.cond(W[0, 0] > 0, jnp.sin, jnp.abs, x),
    "while": in_a_while_loop,
    "body of a while": newtons_root,
    "reference": through_a_reference,
    "io_callback": through_the_host,
    "reference from outside": through_a_reference_from_outside,
    "pure_callback": lambda x: jax.pure_callback(lambda x: x, X, x),
    "linear solve": lambda x: jnp.linalg.solve(W + jnp.outer(x, x), x),
    "xlogy": lambda x: jax.scipy.special.xlogy(x**2, x**2),
    "sinc": jnp.sinc,
    "softmax shifted along other axes": shifted_along_other_axes,
    "softmax shifted unevenly": shifted_unevenly,
    "softmax summed where the shifts differ": summed_where_shifts_differ,
    "sum of shifts": with_largest(lambda x, top: jnp.sum(x - top) + top),
    "product of shifts": with_largest(lambda x, top: (x - top) * (x + top)),
    "difference of shifts": with_largest(lambda x, top: jnp.exp(x - top) - jnp.exp(2 * x - top)),
    "logsumexp without its shift": lambda x: jnp.log(jnp.sum(jnp.exp(x - jnp.max(x)))),
    "logsumexp with the wrong shift": lambda x: (
        jnp.log(jnp.sum(jnp.exp(x - jnp.max(x)))) + jnp.max(x**3)
    ),
    "logsumexp with signs": lambda x: jax.nn.logsumexp(x, b=W[0]),
    "another logaddexp": lambda x: logaddexp(x, 0.0),
    "logaddexp with another derivative": lambda x: copy_of_logaddexp(rule_of_max)(x, 2 * x),
    "logaddexp with another second derivative": lambda x: copy_of_logaddexp(
        rule_with_a_wrong_second_derivative
    )(x, 2 * x),
    "logaddexp of complex numbers": lambda x: jnp.logaddexp(x * 1j, x).real,
    "softplus in half precision": lambda x: jax.nn.softplus(x.astype(jnp.float16)),
    "softplus of a kink": lambda x: jax.nn.softplus(jnp.abs(x)),
    "max of 0 and a square, whose derivative is halved at 0": lambda x: jnp.maximum(x**2, 0),
    "transposed by a reshape": lambda x: transposed(x) - jax.lax.stop_gradient(jnp.outer(x, x)),
    "exponential of minus infinity": lambda x: jnp.sqrt(x**2 + jnp.exp(jnp.full(4, -jnp.inf))),
    "exponential that underflows": lambda x: jnp.sqrt(x**2 + jnp.exp(-1000.0)),
    "product in half precision": lambda x: jax.lax.dot(
        W, x, precision=jax.lax.DotAlgorithmPreset.BF16_BF16_F32
    ),
    "softmax of a kink": lambda x: jax.nn.softmax(jnp.abs(x)),
}  # fmt: skip
