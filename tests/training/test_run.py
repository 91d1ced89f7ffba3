"""A step of training: as NumPy takes it, as plain training takes it, and what is no step."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxadv as ja
from jaxadv.experiments.draws import Draws
from jaxadv.learning.adversary import Adversary
from jaxadv.learning.loop import with_replacement
from jaxadv.learning.sharpness import sharpness
from jaxadv.problems.losses import cross_entropy
from jaxadv.training.run import Rules, Settings, advance, begin
from tests import reference

DIM, WIDTH, EXAMPLES, STEPS = 3, 6, 5, 4
KEY = jax.random.key(3)


def rules_of(**changes):
    usual = {
        "loss": ja.quadratic, "layers": "hidden", "batch": 0, "examples": EXAMPLES,
        "method": ja.PGA(ja.NormalizedStep(0.25), (1e-20,), 20),
        "probe": ja.PGA(ja.NormalizedStep(0.25), (1e-3,), 300),
        "strong": ja.PGA(ja.NormalizedStep(0.1), (1e-20,), 50), "constraint": "l2-ball",
    }  # fmt: skip
    return Rules(**{**usual, **changes})


def draws_of(dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    case = reference.random_case(rng, dim=DIM, width=WIDTH, scale=1.0)
    network = ja.TwoLayer(jnp.asarray(case.hidden, dtype), jnp.asarray(case.output, dtype))
    directions = rng.normal(size=(EXAMPLES + 2, DIM))
    labels = rng.choice([-1.0, 1.0], size=EXAMPLES + 2)
    starts = rng.normal(size=(EXAMPLES + 2, 1, DIM)) / DIM
    return Draws(network, *(jnp.asarray(array, dtype) for array in (directions, labels, starts)))


def settings_of(dtype="float64", *, scale=2.0, ratio=0.3, rate=0.1, relative=False):
    numbers = (jnp.asarray(number, dtype) for number in (scale, ratio, ratio, rate))
    return Settings(*numbers, relative=jnp.asarray(relative))


def run(draws, settings, steps=STEPS, optimizer="sgd", **changes):
    rules = rules_of(**changes)
    begun = begin(draws, settings, optimizer=optimizer, rules=rules)
    return advance(begun, draws, KEY, settings, steps, optimizer=optimizer, rules=rules)


def numpys_attack(case, size, steps):
    """Normalised projected gradient ascent from 0."""
    delta = np.zeros(case.x.size)
    for _ in range(steps):
        gradient = case.derivatives(delta)[1]
        delta = delta + size * case.radius * gradient / np.linalg.norm(gradient)
        length = np.linalg.norm(delta)
        delta *= min(1.0, case.radius / length)
    return delta


def numpys_gradient(hidden, output, x, y, ratio):
    """Of the robust loss in both layers, by the chain rule."""
    total = [np.zeros_like(hidden), np.zeros_like(output)]
    for row, label in zip(x, y, strict=True):
        case = reference.Case(hidden, output, row, label, ratio * np.linalg.norm(row))
        z = row + numpys_attack(case, 0.25, 20)
        act = np.tanh(hidden @ z)
        error = (output @ act - label) / len(y)
        total[0] += error * np.outer(output * (1 - act**2), z)
        total[1] += error * act
    return total


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("layers", ["hidden", "both"])
def test_steps_of_gradient_descent_are_numpys(layers):
    draws, settings = draws_of(), settings_of()
    found = run(draws, settings, layers=layers)
    hidden, output = (np.array(w) for w in (draws.network.hidden, draws.network.output))
    x, y = 2.0 * np.asarray(draws.direction)[:EXAMPLES], np.asarray(draws.label)[:EXAMPLES]
    for _ in range(STEPS):
        slopes = numpys_gradient(hidden, output, x, y, 0.3)
        hidden = hidden - 0.1 * slopes[0]
        output = output - 0.1 * slopes[1] * (layers == "both")
    np.testing.assert_allclose(found.network.hidden, hidden, rtol=1e-9)
    np.testing.assert_allclose(found.network.output, output, rtol=1e-9)
    assert int(found.steps) == STEPS
    assert int(found.diverged_step) == -1


@pytest.mark.parametrize(
    ("dtype", "constraint"), [("float32", "l2-ball"), ("float64", "linf-ball")]
)
def test_without_an_attack_it_is_plain_training_bit_for_bit(dtype, constraint):
    with jax.enable_x64(True):
        draws, settings = draws_of(dtype), settings_of(dtype, ratio=0.0, rate=0.01)
        found = run(draws, settings, optimizer="adam", constraint=constraint)

        @jax.jit
        def plain(hidden, inputs, labels):
            optimizer = optax.adam(settings.rate)

            def loss(hidden):
                network = ja.TwoLayer(hidden, draws.network.output)
                outputs = jax.vmap(network)(inputs)
                return jnp.mean(jax.vmap(ja.quadratic)(outputs, labels))

            def step(_, carry):
                updates, state = optimizer.update(jax.grad(loss)(carry[0]), carry[1])
                return optax.apply_updates(carry[0], updates), state

            return jax.lax.fori_loop(0, STEPS, step, (hidden, optimizer.init(hidden)))[0]

        with jax.default_matmul_precision("highest"):
            inputs = settings.scale * draws.direction[:EXAMPLES]
            wanted = plain(draws.network.hidden, inputs, draws.label[:EXAMPLES])
        np.testing.assert_array_equal(found.network.hidden, wanted)


@pytest.mark.usefixtures("float64")
def test_the_sharpness_is_the_largest_eigenvalue_of_the_tangent_kernel():
    draws, settings = draws_of(), settings_of(rate=0.5, relative=True)
    begun = begin(draws, settings, optimizer="sgd", rules=rules_of())
    x = 2.0 * np.asarray(draws.direction)[:EXAMPLES]
    hidden, output = (np.asarray(w) for w in (draws.network.hidden, draws.network.output))
    slopes = 1 - np.tanh(x @ hidden.T) ** 2
    kernel = (x @ x.T) * ((slopes * output**2) @ slopes.T)
    top = np.linalg.eigvalsh(kernel / EXAMPLES)[-1]
    np.testing.assert_allclose(begun.sharpness, top, rtol=1e-9)
    np.testing.assert_allclose(begun.learning_rate, 0.5 / top, rtol=1e-9)


@pytest.mark.usefixtures("float64")
def test_the_sharpness_of_other_losses_is_that_of_gauss_and_newton():
    rng = np.random.default_rng(1)
    rows, weights = jnp.asarray(rng.normal(size=(4, 3))), jnp.asarray(rng.normal(size=(3, 2)))
    labels = jnp.array([0.0, 1.0, 1.0, 0.0])
    found = sharpness(lambda w: rows @ w, weights, labels, loss=cross_entropy)
    # Linear outputs: the Gauss-Newton matrix is the Hessian of the mean loss.

    def mean(flat):
        return jnp.mean(jax.vmap(cross_entropy)(rows @ flat.reshape(3, 2), labels))

    wanted = np.linalg.eigvalsh(jax.hessian(mean)(weights.ravel()))[-1]
    np.testing.assert_allclose(found, wanted, rtol=1e-8)


@pytest.mark.usefixtures("float64")
def test_a_diverged_run_stays_where_it_was_and_says_when():
    draws = draws_of()
    hot = settings_of(rate=1e200)
    found = run(draws, hot, steps=20, layers="both")
    assert int(found.steps) == 20
    step = int(found.diverged_step)
    assert 1 <= step <= 20
    before = run(draws, hot, steps=step - 1, layers="both")
    assert int(before.diverged_step) == -1
    np.testing.assert_array_equal(found.network.hidden, before.network.hidden)
    assert bool(jnp.isfinite(found.network.hidden).all())


@pytest.mark.usefixtures("float64")
def test_a_gradient_that_is_nan_ends_a_run_whatever_the_optimiser_makes_of_it():
    """Rprop makes a finite step of it. The loss is finite, its derivative 0·∞."""
    found = run(
        draws_of(), settings_of(ratio=0.0), steps=2, optimizer="rprop",
        loss=lambda output, label: 0.5 * (output - label) ** 2 + jnp.sqrt(0 * output),
    )  # fmt: skip
    assert int(found.diverged_step) == 1
    np.testing.assert_array_equal(found.network.hidden, draws_of().network.hidden)


def test_batches_are_those_of_their_step_and_network_alone():
    rows = [with_replacement(KEY, step, 100, 8) for step in range(3)]
    assert all(0 <= int(row.min()) <= int(row.max()) < 100 for row in rows)
    assert len({tuple(row.tolist()) for row in rows}) == 3
    other = with_replacement(jax.random.key(4), 0, 100, 8)
    assert other.tolist() != rows[0].tolist()


@pytest.mark.usefixtures("float64")
def test_a_batch_is_what_its_rows_alone_would_be():
    draws, settings = draws_of(), settings_of()
    found = run(draws, settings, steps=1, batch=3)
    rows = with_replacement(KEY, 0, EXAMPLES, 3)
    few = dataclasses.replace(
        draws,
        direction=draws.direction[rows],
        label=draws.label[rows],
        start=draws.start[rows],
    )
    wanted = run(few, settings, steps=1, examples=3)
    np.testing.assert_allclose(found.network.hidden, wanted.network.hidden, rtol=1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("constraint", "step"),
    [
        ("l2-ball", ja.InverseCurvatureStep(1.0)),
        ("l2-sphere", ja.NormalizedStep(0.2)),
        ("linf-ball", ja.ConstantStep(0.5)),
    ],
)
def test_every_set_and_step_rule_attacks_within_its_circumradius(constraint, step):
    draws = draws_of()
    x, y = draws.direction[0], draws.label[0]
    attack = Adversary(0.3, ja.PGA(step, (1e-3,), 50), constraint)
    problem = attack.problem(draws.network, x, y, loss=ja.quadratic)
    end = attack(draws.network, x, y, loss=ja.quadratic)
    radius = 0.3 * np.linalg.norm(x)
    np.testing.assert_allclose(problem.constraint.circumradius(DIM), radius, rtol=1e-12)
    assert np.linalg.norm(end.perturbation) <= radius * (1 + 1e-9)
    assert float(end.loss) > float(problem.objective(0 * x))
