"""Draws: what they depend on and, more important, what not; and how trials use them."""

import dataclasses
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.experiments.draws import draw, given_of, key_of
from jaxadv.sweeps.compiled import draw_networks
from jaxadv.sweeps.plan import make_plan
from jaxadv.sweeps.trials import (
    longest_first,
    rules_of,
    settings_of,
    source_of,
    trial_of,
)

SMALL = {"dims": (5,), "widths": (8,), "networks": 2, "examples": 3, "starts": 2}


def draws_of(index=0, group=0, **fields):
    sweep = ja.Sweep(**{**SMALL, **fields})
    with jax.enable_x64(sweep.precision == "double"):
        source = source_of(sweep, sweep.groups[group])
        return draw(source, index, key_of(sweep), given_of(sweep))


@pytest.mark.parametrize(
    "other",
    [
        {"scales": (7.0,)},
        {"ratios": (0.5,)},
        {"step_sizes": (0.5,)},
        {"step": "normalized"},
        {"activations": ("sin",)},
        {"tolerances": (0.5,)},
        {"networks": 5},
        {"examples": 9},
        {"starts": 5},
        {"precision": "double"},
        {"widths": (16, 8), "group": 1},
    ],
    ids=str,
)
def test_draws_depend_on_nothing_but_seed_shape_and_indices(other):
    one, two = draws_of(1), draws_of(1, **other)
    np.testing.assert_array_equal(one.direction, two.direction[:3])
    np.testing.assert_array_equal(one.label, two.label[:3])
    np.testing.assert_array_equal(one.start, two.start[:3, :2])
    np.testing.assert_array_equal(one.network.hidden, two.network.hidden)
    np.testing.assert_array_equal(one.network.output, two.network.output)


def test_seed_network_example_and_start_draw_anew():
    one = draws_of()
    assert not np.array_equal(one.direction, draws_of(1).direction)
    assert not np.array_equal(one.direction, draws_of(seed=1).direction)
    assert not np.array_equal(one.network.hidden, draws_of(1).network.hidden)
    assert len(np.unique(one.direction, axis=0)) == 3
    assert len(np.unique(one.start.reshape(-1, 5), axis=0)) == 6


@pytest.mark.parametrize("networks_per_call", [1, 3])
def test_a_program_draws_a_network_as_it_is_drawn_alone(networks_per_call):
    sweep = ja.Sweep(**{**SMALL, "networks": 6, "widths": (24,)})
    group = sweep.groups[0]
    plan = dataclasses.replace(
        make_plan(sweep, sweep.cells, jax.devices()[0], sweep.networks),
        networks_per_call=networks_per_call,
    )
    indices = jnp.arange(networks_per_call)
    source, seeds = source_of(sweep, group), (key_of(sweep), None)
    batch = jax.jit(partial(draw_networks, source, plan))(indices, *seeds)
    for index in indices.tolist():
        alone = draw(source, index, *seeds)
        chex.assert_trees_all_equal(jax.tree.map(lambda leaf, i=index: leaf[i], batch), alone)


def test_the_starts_are_uniform_in_the_ball():
    starts = draws_of(dims=(3,), examples=500, starts=4).start.reshape(-1, 3)
    radii = np.linalg.norm(starts, axis=1)
    # The share within radius r is r³: mean ¾, and no direction is preferred.
    assert radii.max() <= 1
    np.testing.assert_allclose(radii.mean(), 0.75, atol=0.02)
    np.testing.assert_allclose(starts.mean(0), 0, atol=0.05)


def test_the_longest_trials_come_first_and_none_is_missing():
    sweep = ja.Sweep(**{**SMALL, "scales": (1, 10, 0.1), "step_sizes": (0.1, 0.2)})
    settings = settings_of(sweep, sweep.cells)
    numbers = longest_first(settings, sweep.examples, sweep.starts)
    assert len(np.unique(numbers, axis=0)) == len(numbers) == 6 * 3 * 2
    expected = (settings.scale / settings.step_size)[numbers[:, 0]]
    assert expected.tolist() == sorted(expected, reverse=True)
    assert expected[0] == pytest.approx(100)


@pytest.mark.parametrize("data", ["sphere", "gaussian", "digits"])
def test_inputs_have_the_norm_of_their_scale(data):
    sweep = ja.Sweep(data=data, scales=(0.1, 10.0), examples=50)
    group = sweep.groups[0]
    draws = draw(source_of(sweep, group), 0, key_of(sweep), given_of(sweep))
    norms = np.linalg.norm(draws.direction, axis=1)
    np.testing.assert_allclose(norms, 8, rtol=1e-5 if data != "gaussian" else 0.4)
    trial = trial_of(draws, settings_of(sweep, sweep.cells), 1, 4, 2)
    problem, pga = rules_of(sweep, group).problem(draws.network, trial)
    np.testing.assert_allclose(jnp.linalg.norm(problem.x), 10 * norms[4], rtol=1e-6)
    np.testing.assert_allclose(problem.constraint.radius, norms[4], rtol=1e-6)
    np.testing.assert_allclose(trial.start, draws.start[4, 2] * norms[4], rtol=1e-5)
    assert float(pga.step.step_size) == pytest.approx(0.1)


def test_real_examples_are_rows_of_the_data_each_at_most_once():
    sweep = ja.Sweep(data="digits", examples=100)
    draws = draw(source_of(sweep, sweep.groups[0]), 3, key_of(sweep), given_of(sweep))
    directions = np.asarray(draws.direction)
    known = {row.tobytes() for row in sweep.real_examples.inputs}
    seen = [row.tobytes() for row in directions]
    assert len(set(seen)) == 100
    assert set(seen) <= known


def test_double_precision_sees_the_same_rows_of_the_data():
    one, two = (draws_of(data="digits", dims=(), precision=p) for p in ("single", "double"))
    assert two.direction.dtype == jnp.float64
    np.testing.assert_array_equal(one.direction, two.direction)


def test_labels_are_normal_or_signs():
    normal = draws_of(examples=400).label
    signs = draws_of(examples=400, losses=("logistic",)).label
    np.testing.assert_array_equal(signs, np.sign(normal))
    np.testing.assert_allclose(np.std(normal), 1, atol=0.1)


def test_a_users_own_random_network_is_drawn():
    sweep = ja.Sweep(**SMALL, network=own_network)
    assert sweep.network == "tests.sweeps.test_trials:own_network"
    network = draw(source_of(sweep, sweep.groups[0]), 0, key_of(sweep), None).network
    assert network.hidden.shape == (8, 5)
    assert float(network.output[0]) == 1


def own_network(key, dim, width, activation):
    return ja.TwoLayer(jax.random.normal(key, (width, dim)), jnp.ones(width), activation)
