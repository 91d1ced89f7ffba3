"""What people bring is taken as it is, or refused in one line that says what to do."""

import functools
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.ascent import certifying, trial
from tests import reference
from tests.ascent.test_pga import as_problem

KEY = jax.random.key(0)
IMAGE = (4, 4, 1)
ROOT = Path(__file__).parents[1]


def deep(weights, z):
    """Two layers of tanh, written with the array methods that JAX and NumPy share."""
    return weights["out"] @ (np if isinstance(z, np.ndarray) else jnp).tanh(
        weights["in"] @ z.ravel()
    )


def some_weights(seed):
    rng = np.random.default_rng(seed)
    return {"in": rng.normal(size=(8, 16)) / 4, "out": rng.normal(size=8)}


def closure(weights):
    return lambda z: deep(weights, jnp.asarray(z))


class Plain:
    """A class that JAX knows nothing of: arrays, a name and a function are attributes."""

    def __init__(self, seed):
        self.layers, self.name, self.act = some_weights(seed), "plain", jnp.tanh

    def __call__(self, z):
        return self.layers["out"] @ self.act(self.layers["in"] @ z.ravel())

    def forward(self, z):
        return self(z)


def equinox_mlp():
    eqx = pytest.importorskip("equinox")
    mlp = eqx.nn.MLP(16, "scalar", 8, 2, activation=jax.nn.gelu, key=KEY)
    return eqx.nn.Sequential([eqx.nn.Lambda(jnp.ravel), mlp])


def equinox_method():
    return equinox_mlp().__call__


def nnx_cnn():
    nnx = pytest.importorskip("flax.nnx")

    class CNN(nnx.Module):
        def __init__(self, rngs):
            self.conv = nnx.Conv(1, 3, (3, 3), rngs=rngs)
            self.drop = nnx.Dropout(0.5, rngs=rngs)
            self.norm = nnx.BatchNorm(3, rngs=rngs)
            self.out = nnx.Linear(3, 1, rngs=rngs)

        def __call__(self, z):
            return self.out(self.drop(self.norm(nnx.silu(self.conv(z)))).mean(axis=(0, 1)))[0]

    network = CNN(nnx.Rngs(0))
    network.eval()
    return network


def linen_mlp():
    nn = pytest.importorskip("flax.linen")

    class MLP(nn.Module):
        @nn.compact
        def __call__(self, z):
            return nn.Dense(1)(nn.tanh(nn.Dense(8)(z.ravel())))[0]

    module = MLP()
    return functools.partial(module.apply, module.init(KEY, jnp.ones(IMAGE)))


def haiku_mlp():
    hk = pytest.importorskip("haiku")
    network = hk.without_apply_rng(
        hk.transform(lambda z: hk.nets.MLP([8, 1], activation=jnp.tanh)(z.ravel())[0])
    )
    return functools.partial(network.apply, network.init(KEY, jnp.ones(IMAGE)))


NETWORKS = {
    "plain function": lambda: lambda z: jnp.sin(z).sum(),
    "closure": lambda: closure(some_weights(0)),
    "jitted function": lambda: jax.jit(functools.partial(deep, some_weights(0))),
    "functools.partial": lambda: functools.partial(deep, some_weights(0)),
    "Partial": lambda: jax.tree_util.Partial(deep, jax.tree.map(jnp.asarray, some_weights(0))),
    "object": lambda: Plain(0),
    "bound method": lambda: Plain(0).forward,
    "partial of a method": lambda: functools.partial(Plain.forward, Plain(0)),
    "equinox": equinox_mlp,
    "equinox method": equinox_method,
    "flax nnx": nnx_cnn,
    "flax linen": linen_mlp,
    "haiku": haiku_mlp,
    "normalised": lambda: ja.Normalized(equinox_mlp(), mean=0.5, std=0.25),
}


@pytest.fixture
def _as_usual():
    """Modules of others promote ranks, which the other tests forbid."""
    with jax.numpy_rank_promotion("allow"):
        yield


@pytest.mark.usefixtures("_as_usual")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_any_kind_is_attacked_and_certified_at_an_image(name):
    network = NETWORKS[name]()
    x = np.random.default_rng(1).uniform(size=IMAGE)
    problem = ja.Problem(network, x=x, y=5.0, constraint=ja.L2Ball(0.2))
    sol = ja.ascend(problem, np.zeros(IMAGE), ja.PGA(step=0.05))
    assert sol.perturbation.shape == IMAGE
    moved = jnp.asarray(x, jnp.float32) + sol.perturbation
    np.testing.assert_allclose(sol.loss, 0.5 * (float(network(moved)) - 5) ** 2, rtol=1e-5)
    assert float(sol.loss) > float(sol.loss_start)
    cert = ja.certify(problem, sol.perturbation, step_size=0.05)
    assert ja.Kind(int(cert.kind)) is ja.Kind.BOUNDARY_MAX
    assert cert.maximum.shape == IMAGE
    assert not bool(cert.declared_smooth)


def test_bad_input_is_refused_in_one_line_in_the_users_words():
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "tests.front_door_refusals"]
    run = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr[-2000:]


def num_compiled():
    """How many programs there are of ascents and of certificates."""
    return trial._ascend._cache_size(), certifying._examine._cache_size()


def test_a_second_network_of_the_same_structure_compiles_nothing():
    def solve(seed):
        network = functools.partial(deep, some_weights(seed))
        problem = ja.Problem(network, x=np.ones(IMAGE), y=0.0, constraint=ja.L2Ball(0.1 + seed))
        sol = ja.ascend(problem, np.zeros(IMAGE), ja.PGA(step=0.01 + 0.01 * seed, max_steps=10))
        return sol, ja.certify(problem, sol.perturbation, step_size=0.1)

    first = solve(0)
    programs = num_compiled()
    second = solve(1)
    assert num_compiled() == programs
    assert float(first[0].loss) != float(second[0].loss)


def test_what_a_network_learnt_between_two_ascents_counts():
    """An object that was changed is not the constant that it was when its program was compiled."""
    network = Plain(0)
    losses = []
    for factor in (1.0, 2.0):
        network.layers["out"] = factor * some_weights(0)["out"]
        problem = ja.Problem(network, x=np.ones(16), y=0.0, constraint=ja.L2Ball(0.1))
        losses.append(float(problem.objective(jnp.zeros(16))))
    np.testing.assert_allclose(losses[1], 4 * losses[0], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_the_shape_of_the_input_changes_nothing():
    case = reference.random_case(np.random.default_rng(0), dim=12, width=30, scale=1.0)
    flat = as_problem(case)
    image = ja.Problem(flat.network, case.x.reshape(3, 4), case.y, flat.constraint)
    start = reference.random_start(np.random.default_rng(1), case, "ball")
    pga = ja.PGA(tolerances=1e-6)
    ends = [ja.ascend(problem, start.reshape(problem.x.shape), pga) for problem in (flat, image)]
    assert int(ends[0].steps) == int(ends[1].steps)
    np.testing.assert_allclose(ends[1].perturbation.ravel(), ends[0].perturbation, rtol=1e-12)
    for eigensolver in ("dense", "lanczos"):
        one, other = (
            ja.certify(problem, end.perturbation, step_size=0.1, eigensolver=eigensolver)
            for problem, end in zip((flat, image), ends, strict=True)
        )
        np.testing.assert_allclose(other.curvature_ratio, one.curvature_ratio, rtol=1e-9)
        np.testing.assert_allclose(other.maximum.ravel(), one.maximum, rtol=1e-9)
        assert int(other.kind) == int(one.kind) == ja.Kind.BOUNDARY_MAX


@pytest.mark.parametrize("activation", ja.ACTIVATIONS)
def test_networks_problems_and_settings_can_be_pickled(activation):
    network = ja.init_two_layer(KEY, dim=3, width=4, activation=activation)
    problem = ja.Problem(
        network, x=[1.0, 2.0, 3.0], y=1.0, constraint=ja.L2Ball(0.1), loss="logistic"
    )
    again, pga = pickle.loads(pickle.dumps((problem, ja.PGA(ja.NormalizedStep(0.3)))))
    assert again.network.activation is network.activation
    assert again.loss is ja.logistic
    assert pga.step.step_size == 0.3
    assert jax.tree.structure(again) == jax.tree.structure(problem)
    assert float(again.objective(jnp.zeros(3))) == float(problem.objective(jnp.zeros(3)))


def test_the_start_settles_the_precision_of_a_trial():
    with jax.enable_x64(True):
        network = ja.init_two_layer(KEY, dim=4, width=8)
        problem = ja.Problem(network, np.ones(4), np.float64(0.5), ja.L2Ball(np.float64(0.2)))
        for rule in (ja.InverseCurvatureStep, ja.NormalizedStep, ja.ConstantStep):
            for dtype in (np.float32, np.float64):
                start = jnp.zeros(4, dtype)
                sol = ja.ascend(problem, start, ja.PGA(rule(np.float64(0.5)), max_steps=50))
                assert sol.perturbation.dtype == sol.loss.dtype == sol.step_size.dtype == dtype
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), network)
    sol = ja.ascend(ja.Problem(half, np.ones(4), 0.5, ja.L2Ball(0.2)), jnp.zeros(4))
    assert sol.perturbation.dtype == jnp.float32
    assert ja.Status(int(sol.status)) is ja.Status.CONVERGED


def test_a_wrong_class_is_not_finite_where_it_cannot_be_refused():
    weights = jax.random.normal(KEY, (3, 4))

    def solve(label):
        problem = ja.Problem(
            lambda z: jnp.tanh(weights @ z), jnp.ones(4), label, ja.L2Ball(0.1), "cross-entropy"
        )
        return ja.ascend(problem, jnp.zeros(4), ja.PGA(max_steps=20)).status

    labels = jnp.array([0.0, 2.0, -1.0, 1.5, 3.0, jnp.nan])
    bad = jax.vmap(solve)(labels) == ja.Status.NONFINITE
    assert bad.tolist() == [False, False, True, True, True, True]


@pytest.mark.slow
def test_no_nan_is_computed_where_nothing_is_wrong():
    """Missing values are told by the kind: jax_debug_nans then finds NaNs that are faults."""
    kinds = set()
    with jax.debug_nans(True):
        for activation, radius, tolerance in (
            ("relu", 0.1, 1e-2), ("tanh", 0.2, 1e-3), ("tanh", 0.2, 1e-9), ("tanh", 0.0, 1e-3),
        ):  # fmt: skip
            network = ja.init_two_layer(KEY, dim=4, width=8, activation=activation)
            problem = ja.Problem(network, jnp.ones(4), 0.5, ja.L2Ball(radius))
            sol, path = ja.ascend_recorded(problem, jnp.zeros(4), ja.PGA(0.1, 1e-3, max_steps=200))
            assert bool(jnp.isfinite(path.residual).all())
            cert = ja.certify(problem, sol.perturbation, step_size=0.1, tolerance=tolerance)
            kinds.add(ja.Kind(int(cert.kind)))
        inside = ja.Problem(lambda z: -z @ z, jnp.zeros(4), 0.0, ja.L2Ball(1.0), lambda o, y: o - y)
        cert = ja.certify(inside, jnp.zeros(4), step_size=0.1, gradient_scale=1.0)
        assert float(cert.curvature_ratio) == -np.inf
        kinds.add(ja.Kind(int(cert.kind)))
    assert kinds >= {
        ja.Kind.NOT_SMOOTH,
        ja.Kind.BOUNDARY_MAX,
        ja.Kind.DEGENERATE,
        ja.Kind.INTERIOR_MAX,
    }


@pytest.mark.usefixtures("_as_usual")
def test_everything_traces_under_jit_vmap_jvp_and_on_shapes():
    network = functools.partial(deep, jax.tree.map(jnp.asarray, some_weights(0)))
    pga = ja.PGA(step=0.05, max_steps=30)

    def loss_at(x, radius):
        problem = ja.Problem(network, x, 5.0, ja.L2Ball(radius), "quadratic")
        return ja.ascend(problem, jnp.zeros_like(x), pga).loss

    def ratio_at(x, radius):
        problem = ja.Problem(network, x, 5.0, ja.L2Ball(radius), "quadratic")
        sol = ja.ascend(problem, jnp.zeros_like(x), pga)
        return ja.certify(problem, sol.perturbation, step_size=0.05).curvature_ratio

    x, radius = jnp.linspace(0, 1, 16).reshape(IMAGE), jnp.float32(0.2)
    for function in (loss_at, ratio_at):
        alone = float(function(x, radius))
        np.testing.assert_allclose(jax.jit(function)(x, radius), alone, rtol=1e-3)
        both = jax.vmap(function, in_axes=(0, None))(jnp.stack([x, x + 1]), radius)
        np.testing.assert_allclose(both[0], alone, rtol=1e-3)
        shapes = jax.eval_shape(function, jax.ShapeDtypeStruct(IMAGE, jnp.float32), radius)
        assert shapes.shape == ()
    slope = jax.jvp(lambda r: loss_at(x, r), (radius,), (jnp.float32(1),))[1]
    assert float(slope) > 0
    problem = ja.Problem(network, jax.ShapeDtypeStruct(IMAGE, jnp.float32), 5.0, ja.L2Ball(0.2))
    start = jax.ShapeDtypeStruct(IMAGE, jnp.float32)
    assert jax.eval_shape(ja.ascend, problem, start, pga).perturbation.shape == IMAGE


def test_the_parts_of_the_algorithm_on_lanes_give_what_ascend_gives():
    case = reference.random_case(np.random.default_rng(3), dim=6, width=20, scale=1.0)
    problem, settings = as_problem(case), ja.PGA(tolerances=1e-3)
    problem = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), problem)
    starts = 0.1 * jax.random.normal(KEY, (9, 6))
    on_lanes = ja.lane_map(
        init=lambda start: ja.trial.init(problem, start, settings),
        step=lambda state: ja.trial.step(problem, state, settings),
        done=ja.trial.done,
        finish=lambda state: ja.trial.finish(problem, state, settings),
        xs=starts,
        num_lanes=4,
    )
    alone = jax.vmap(ja.ascend, in_axes=(None, 0, None))(problem, starts, settings)
    np.testing.assert_allclose(on_lanes.loss, alone.loss, rtol=1e-5)
    assert on_lanes.status.tolist() == alone.status.tolist()


def test_a_closure_made_anew_compiles_nothing_and_its_arrays_are_those_of_now():
    def loss_of(seed):
        weights = jax.tree.map(jnp.asarray, some_weights(seed))
        problem = ja.Problem(lambda z: deep(weights, z), np.ones(IMAGE), 0.0, ja.L2Ball(0.1))
        sol = ja.ascend(problem, np.zeros(IMAGE), ja.PGA(max_steps=5))
        expected = 0.5 * deep(some_weights(seed), np.ones(IMAGE)) ** 2
        np.testing.assert_allclose(sol.loss_start, expected, rtol=1e-5)

    loss_of(0)
    programs = num_compiled()
    loss_of(1)
    assert num_compiled() == programs


NOTEBOOK = """
import jax
import jax.numpy as jnp
params, act, factor, order = {"w": jnp.ones((3, 4))}, jnp.tanh, 2.0, np.array([3, 0])
def hidden(z):
    return act(params["w"] @ z)
wrapped = jax.checkpoint(jax.jit(hidden))
def predict(z):
    return factor * wrapped(z).sum() + z[int(order[0])]
def loss(output, label):
    return factor * output
class Rule:
    def init(self, problem, start):
        return jnp.zeros(())
    def size(self, state, problem, gradient, steps):
        return self.size_now
rule = Rule()
rule.size_now = 0.5
"""


def test_what_a_function_finds_among_global_names_is_that_of_now():
    """As in a notebook: a program that was compiled for old parameters must not answer for new."""
    names = {"np": np, "__name__": "notebook"}
    exec(NOTEBOOK, names)
    x = np.linspace(0.1, 0.4, 4)

    def solve():
        problem = ja.Problem(names["predict"], x, 0.0, ja.L2Ball(0.1), names["loss"])
        sol = ja.ascend(problem, np.zeros(4), ja.PGA(names["rule"], 1e-3, 5))
        hidden = np.asarray(names["act"](np.asarray(names["params"]["w"]) @ x)).sum()
        output = names["factor"] * hidden + x[names["order"][0]]
        np.testing.assert_allclose(sol.loss_start, names["factor"] * output, rtol=1e-5)
        assert float(sol.step_size) == names["rule"].size_now
        return ja.certify(problem, sol.perturbation, step_size=0.1, tolerance=10.0)

    assert ja.Kind(int(solve().kind)) is not ja.Kind.NOT_SMOOTH
    names["params"] = {"w": 2 * jnp.ones((3, 4))}
    programs = num_compiled()
    solve()
    assert num_compiled() == programs
    names["params"]["w"] = jnp.full((3, 4), 3.0)
    solve()
    names["factor"] = -1.0
    solve()
    names["order"][0] = 1
    solve()
    names["rule"].size_now = 0.25
    solve()
    names["act"] = jax.nn.relu
    assert ja.Kind(int(solve().kind)) is ja.Kind.NOT_SMOOTH


FACTORS = """
import jax.numpy as jnp
kind = 1
def factor_of(kind):
    return {int: 2.0, float: 3.0, bool: 5.0}[type(kind)]
def predict(z):
    return factor_of(kind) * jnp.sum(z)
class Network:
    def __init__(self):
        self.weights = jnp.ones(4)
    def __call__(self, z):
        return factor_of(self.kind) * (self.weights @ z)
network = Network()
"""


def test_numbers_that_are_equal_to_python_alone_are_different_constants():
    """1, 1.0 and True: a program that was compiled for one must not answer for another."""
    names = {"__name__": "notebook"}
    exec(FACTORS, names)
    for kind, factor in ((1, 2.0), (1.0, 3.0), (True, 5.0)):
        names["kind"] = names["network"].kind = kind
        for network in (names["predict"], names["network"]):
            problem = ja.Problem(network, np.ones(4), 0.0, ja.L2Ball(0.1), loss=output_alone)
            sol = ja.ascend(problem, np.zeros(4), ja.PGA(max_steps=1))
            assert float(sol.loss_start) == 4 * factor


def output_alone(output, label):
    return output


def test_a_sweep_of_a_users_relu_networks_has_no_certified_end_unless_it_is_declared():
    """Networks that are functions, drawn inside of a program, with weights that they close over."""

    def relu_network(key, dim, width, activation):
        hidden, output = jax.random.split(key)
        weights = jax.random.normal(hidden, (width, dim)) / dim**0.5
        signs = jax.random.rademacher(output, (width,), jnp.float32) / width**0.5
        return lambda z: signs @ jax.nn.relu(weights @ z)

    settings = {"scales": 0.1, "dims": 4, "widths": 8, "networks": 2, "examples": 2, "starts": 2}
    shares = []
    for smooth in (False, True):
        sweep = ja.Sweep(network=relu_network, smooth=smooth, max_steps=300, **settings)
        ds = ja.run_sweep(sweep, progress=False)
        shares.append(float(ds.kind.isin([ja.Kind.BOUNDARY_MAX, ja.Kind.INTERIOR_MAX]).mean()))
        assert json.loads(ds.attrs["identity"])["smooth"] == smooth
    assert shares[0] == 0
    assert shares[1] > 0
