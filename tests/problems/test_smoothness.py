"""What has a kink is told from what is analytic, however it is written."""

import jax
import jax.numpy as jnp
import pytest

from jaxadv.problems.smoothness import kinks
from tests.problems.kinked_functions import KINKED, W, X
from tests.problems.smooth_functions import SMOOTH


@pytest.mark.parametrize("name", KINKED)
def test_a_kink_is_seen_wherever_it_is_hidden(name):
    assert kinks(KINKED[name], X)


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("name", SMOOTH)
def test_what_is_analytic_has_no_kinks(name, double):
    with jax.enable_x64(double):
        x = X.astype(float)
        assert kinks(SMOOTH[name], x) == ()
        assert kinks(jax.jit(SMOOTH[name]), x) == ()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_networks_of_equinox_are_judged_by_their_activation(activation):
    eqx = pytest.importorskip("equinox")
    layers = eqx.nn.MLP(4, "scalar", 5, 2, getattr(jax.nn, activation), key=jax.random.key(0))
    norm = eqx.nn.RMSNorm(4)
    assert kinks(lambda x: layers(norm(x)), X) == {"tanh": (), "relu": ("max",)}[activation]
    # Of 0 and a variance the greater is taken: where the variance is 0, the derivative is wrong.
    assert kinks(eqx.nn.LayerNorm(4), X) == ("max",)


def test_networks_of_flax_are_judged_by_their_activation():
    nnx = pytest.importorskip("flax.nnx")
    linear, conv = nnx.Linear(4, 3, rngs=nnx.Rngs(0)), nnx.Conv(1, 2, (3,), rngs=nnx.Rngs(0))
    norm = nnx.LayerNorm(4, use_fast_variance=False, rngs=nnx.Rngs(0))

    def pooled(activation, pool):
        return lambda x: pool(activation(conv(x[None, :, None])), (2,), (2,))

    assert kinks(lambda x: nnx.gelu(linear(norm(x))), X) == ()
    assert kinks(lambda x: nnx.relu(linear(norm(x))), X) == ("max",)
    assert kinks(pooled(nnx.silu, nnx.avg_pool), X) == ()
    assert kinks(pooled(nnx.silu, nnx.max_pool), X) == ("reduce_window_max",)


def test_only_the_first_argument_counts():
    assert kinks(lambda x, w: x @ jnp.abs(w), X, W) == ()
    assert kinks(lambda w, x: x @ jnp.abs(w), W, X) == ("abs",)


def test_kinks_are_named_once_and_in_their_order():
    assert kinks(lambda x: jnp.abs(jnp.where(x > 0, jnp.floor(x), jnp.abs(x))), X) == (
        "gt", "abs", "floor", "select_n",
    )  # fmt: skip


def test_shapes_are_enough():
    shape = jax.ShapeDtypeStruct((4,), jnp.float32)
    assert kinks(jax.nn.softmax, shape) == ()
    assert kinks(lambda x, w: jnp.max(w @ x), shape, W) == ("reduce_max",)


@pytest.mark.parametrize("transform", [jax.jit, jax.grad, jax.vmap], ids=["jit", "grad", "vmap"])
def test_kinks_are_found_while_others_are_traced(transform):
    seen = []

    def smooth(x, w):
        return jnp.sum(
            jax.nn.softplus(w * x) * jax.nn.logsumexp(w * x) + jnp.sqrt(1 + (w * x) ** 2)
        )

    def outer(w):
        seen.append(kinks(lambda x: smooth(x, w), X))
        seen.append(kinks(lambda x: jnp.max(w * x) / w, X))
        seen.append(kinks(smooth, w, w))
        return jnp.sum(w)

    transform(outer)(X if transform is jax.vmap else jnp.float32(2))
    assert seen == [(), ("reduce_max",), ()]
