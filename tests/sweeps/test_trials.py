"""Draws: what they depend on and, more important, what not; and how trials use them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.sweeps.trials import draw_lanes, draw_network, rules_of

SMALL = {"dims": (5,), "widths": (8,), "networks": 2, "examples": 3, "starts": 2}


def lanes_of(index=0, group=0, **fields):
    sweep = ja.Sweep(**{**SMALL, **fields})
    with jax.enable_x64(sweep.precision == "double"):
        return draw_lanes(sweep, sweep.groups[group], index)


def network_of(index=0, group=0, **fields):
    sweep = ja.Sweep(**{**SMALL, **fields})
    with jax.enable_x64(sweep.precision == "double"):
        return draw_network(sweep, sweep.groups[group], index)


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
    one, two = lanes_of(1), lanes_of(1, **other)
    np.testing.assert_array_equal(one.direction[0], two.direction[0, :3, :2])
    np.testing.assert_array_equal(one.label[0], two.label[0, :3, :2])
    np.testing.assert_array_equal(one.start[0], two.start[0, :3, :2])
    network, changed = network_of(1), network_of(1, **other)
    np.testing.assert_array_equal(network.hidden, changed.hidden)
    np.testing.assert_array_equal(network.output, changed.output)


def test_seed_network_example_and_start_draw_anew():
    one = lanes_of()
    assert not np.array_equal(one.direction, lanes_of(1).direction)
    assert not np.array_equal(one.direction, lanes_of(seed=1).direction)
    assert not np.array_equal(network_of().hidden, network_of(1).hidden)
    assert len(np.unique(one.direction[0, :, 0], axis=0)) == 3
    assert len(np.unique(one.start[0].reshape(-1, 5), axis=0)) == 6


def test_every_cell_sees_the_same_draws():
    lanes = lanes_of(scales=(0.1, 1, 10), ratios=(0.1, 0.2))
    assert lanes.label.shape == (6, 3, 2)
    for values in (lanes.direction, lanes.label, lanes.start):
        first, *others = np.asarray(values)
        for other in others:
            np.testing.assert_array_equal(first, other)


def test_the_starts_are_uniform_in_the_ball():
    starts = lanes_of(dims=(3,), examples=500, starts=4).start[0].reshape(-1, 3)
    radii = np.linalg.norm(starts, axis=1)
    # The share within radius r is r³: mean ¾, and no direction is preferred.
    assert radii.max() <= 1
    np.testing.assert_allclose(radii.mean(), 0.75, atol=0.02)
    np.testing.assert_allclose(starts.mean(0), 0, atol=0.05)


@pytest.mark.parametrize("data", ["sphere", "gaussian", "digits"])
def test_inputs_have_the_norm_of_their_scale(data):
    sweep = ja.Sweep(data=data, scales=(0.1, 10.0), examples=50)
    lanes = draw_lanes(sweep, sweep.groups[0], 0)
    norms = np.linalg.norm(lanes.direction[0, :, 0], axis=1)
    np.testing.assert_allclose(norms, 8, rtol=1e-5 if data != "gaussian" else 0.4)
    network, rules = draw_network(sweep, sweep.groups[0], 0), rules_of(sweep, sweep.groups[0])
    lane = jax.tree.map(lambda leaf: leaf[1, 4, 2], lanes)
    problem, start, pga = rules.trial(network, lane)
    np.testing.assert_allclose(jnp.linalg.norm(problem.x), 10 * norms[4], rtol=1e-6)
    np.testing.assert_allclose(problem.constraint.radius, norms[4], rtol=1e-6)
    np.testing.assert_allclose(start, lane.start * norms[4], rtol=1e-5)
    assert float(pga.step.step_size) == pytest.approx(0.1)


def test_real_examples_are_rows_of_the_data_each_at_most_once():
    sweep = ja.Sweep(data="digits", examples=100)
    directions = np.asarray(draw_lanes(sweep, sweep.groups[0], 3).direction[0, :, 0])
    known = {row.tobytes() for row in sweep.real_examples.directions}
    seen = [row.tobytes() for row in directions]
    assert len(set(seen)) == 100
    assert set(seen) <= known


def test_double_precision_sees_the_same_rows_of_the_data():
    one, two = (lanes_of(data="digits", dims=(), precision=p) for p in ("single", "double"))
    assert two.direction.dtype == jnp.float64
    np.testing.assert_array_equal(one.direction, two.direction)


def test_labels_are_normal_or_signs():
    normal = lanes_of(examples=400).label[0, :, 0]
    signs = lanes_of(examples=400, losses=("logistic",)).label[0, :, 0]
    np.testing.assert_array_equal(signs, np.sign(normal))
    np.testing.assert_allclose(np.std(normal), 1, atol=0.1)


def test_a_users_own_random_network_is_drawn():
    sweep = ja.Sweep(**SMALL, network=own_network)
    assert sweep.network == "tests.sweeps.test_trials:own_network"
    network = draw_network(sweep, sweep.groups[0], 0)
    assert network.hidden.shape == (8, 5)
    assert float(network.output[0]) == 1


def own_network(key, dim, width, activation):
    return ja.TwoLayer(jax.random.normal(key, (width, dim)), jnp.ones(width), activation)
