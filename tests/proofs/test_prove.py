"""Proofs of the global maximum are never false, and reproduce the table of the theory."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja


def some_problem(seed, dim, constraint, *, width=24):
    """A random problem, from saturated to nearly linear, with duplicated neurons now and then."""
    rng = np.random.default_rng(seed)
    activation = ["tanh", "gelu", "sin"][seed % 3]
    network = ja.init_two_layer(jax.random.key(seed), dim, width, activation)
    if seed % 5 == 0:
        network = dataclasses.replace(network, hidden=network.hidden.at[1:].set(network.hidden[0]))
    x = jnp.asarray(10 ** rng.uniform(-2, 1) * rng.normal(size=dim))
    radius = 10 ** rng.uniform(-1.5, 0.3) * jnp.linalg.norm(x)
    loss, y = ("logistic", 1.0) if seed % 2 else ("quadratic", float(rng.normal()))
    return ja.Problem(network, x, y, constraint(radius), loss)


def points_of_the_ball(dim, number=40_000):
    """Points of the unit ball, many of them on its boundary."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(number, dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radii = np.where(rng.random(number) < 0.7, 1.0, rng.random(number) ** (1 / dim))
    return jnp.asarray(directions * radii[:, None])


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("constraint", [ja.L2Ball, ja.L2Sphere])
def test_no_proof_is_false_in_few_dimensions(dim, constraint):
    ball = points_of_the_ball(dim)
    if constraint is ja.L2Sphere:
        ball = ball / jnp.linalg.norm(ball, axis=1, keepdims=True)
    numbers = {"global": 0, "unique": 0, "neither": 0}

    @jax.jit
    def look(problem):
        start = jnp.zeros(dim).at[0].set(problem.circumradius)
        solution = ja.ascend(problem, start, ja.PGA(ja.InverseCurvatureStep(0.3), 1e-6, 2000))
        losses = jax.lax.map(problem.objective, problem.circumradius * ball, batch_size=4096)
        return solution, losses

    for seed in range(60):
        problem = some_problem(seed, dim, constraint)
        solution, losses = look(problem)
        proof = ja.prove(problem, solution.perturbation)
        largest, radius = float(losses.max()), float(problem.circumradius)
        assert float(proof.loss_bound) >= largest - 1e-12 * abs(largest)
        if proof.is_global:
            assert float(solution.loss) >= largest - 1e-5 * abs(largest)
            best = radius * ball[jnp.argmax(losses)]
            near = float(jnp.linalg.norm(best - solution.perturbation)) / radius
            # As near as the points are dense.
            assert near < float(proof.distance) / radius + [1e-6, 0.02, 0.15][dim - 1]
        assert proof.is_global or not proof.is_unique
        kind = "unique" if proof.is_unique else "global" if proof.is_global else "neither"
        numbers[kind] += 1
    assert numbers["neither"] > 5
    assert numbers["unique"] + numbers["global"] > 10


@pytest.mark.usefixtures("float64")
def test_where_the_maximum_is_unique_a_circle_has_no_other():
    """Counted on a fine circle, inside and on the boundary, of f and of −f."""
    angles = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
    circle = jnp.asarray(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    proved = 0
    for seed in range(60):
        problem = some_problem(seed, 2, ja.L2Sphere)
        radius = problem.circumradius
        start = jnp.array([radius, 0.0])
        solution = ja.ascend(problem, start, ja.PGA(ja.InverseCurvatureStep(0.3), 1e-6, 2000))
        proof = ja.prove(problem, solution.perturbation)
        if not (proof.is_unique or proof.at_most_two):
            continue
        outputs = np.asarray(
            jax.vmap(lambda point, p=problem, r=radius: p.network(p.x + r * point))(circle)
        )
        at_end = float(problem.network(problem.x + solution.perturbation))
        sign = 1 if at_end > np.median(outputs) else -1
        losses = np.asarray(jax.vmap(lambda output, p=problem: p.loss(output, p.y))(outputs))
        assert not proof.is_unique or num_tops(sign * outputs) == 1
        assert not proof.at_most_two or num_tops(losses) <= 2
        proved += bool(proof.is_unique)
    assert proved >= 5


def num_tops(values):
    """How many local maxima there are around a circle."""
    return int(((values > np.roll(values, 1)) & (values >= np.roll(values, -1))).sum())


@pytest.mark.usefixtures("float64")
def test_the_bound_of_the_loss_is_above_what_any_method_finds():
    for seed in range(40):
        dim = [4, 16, 64][seed % 3]
        problem = some_problem(seed, dim, ja.L2Ball, width=4 * dim)
        starts = problem.circumradius * points_of_the_ball(dim, 20)
        best, proofs = -np.inf, []
        for method in (ja.PGA(ja.InverseCurvatureStep(0.3), 1e-5, 500), ja.APGD(100)):
            ends = jax.vmap(lambda start, m=method: ja.ascend(problem, start, m))(starts)
            best = max(best, float(ends.loss.max()))
            proofs.append(ja.prove(problem, ends.perturbation[jnp.argmax(ends.loss)]))
        for proof in proofs:
            assert float(proof.loss_bound) >= best * (1 - 1e-12)
            assert np.isfinite(float(proof.loss_bound))
            if proof.is_global:
                assert float(proof.gap) <= 1e-3 * best


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("scale", "ratio", "is_proved"),
    [(0.1, 0.011, True), (0.3, 0.073, True), (1.0, 0.42, True), (3.0, 2.1, False)],
)
def test_the_prototypes_table_is_reproduced(scale, ratio, is_proved):
    """Median K/λ and the share proved at d = 64, m = 512, ρ = 0.1."""
    ratios, proved = [], []
    for seed in range(8):
        network = ja.init_two_layer(jax.random.key(seed), 64, 512)
        x = jax.random.normal(jax.random.key(100 + seed), (64,))
        x = scale * 8 * x / jnp.linalg.norm(x)
        problem = ja.Problem(network, x, 0.3, ja.L2Ball(0.1 * jnp.linalg.norm(x)))
        solution = ja.ascend(problem, jnp.zeros(64), ja.PGA(ja.InverseCurvatureStep(0.3), 1e-4))
        proof = ja.prove(problem, solution.perturbation)
        ratios.append(1 - float(proof.margin))
        proved.append(bool(proof.is_global))
    np.testing.assert_allclose(np.median(ratios), ratio, rtol=0.2)
    assert np.mean(proved) == is_proved


def test_flat_and_empty_problems_prove_nothing_and_break_nothing():
    network = ja.init_two_layer(jax.random.key(0), 4, 16)
    saturated = ja.Problem(network, 1e6 * jnp.ones(4), 0.0, ja.L2Ball(1.0))
    one_point = ja.Problem(network, jnp.ones(4), 0.0, ja.L2Ball(0.0))
    for problem in (saturated, one_point):
        proof = ja.prove(problem, jnp.zeros(4))
        assert problem is one_point or not proof.is_global
        assert not proof.is_unique
        assert float(proof.loss_bound) >= float(problem.objective(jnp.zeros(4)))
    assert float(proof.gap) <= 1e-6


def test_bounds_in_single_precision_are_rounded_up():
    network = ja.init_two_layer(jax.random.key(0), 16, 64)
    for seed in range(10):
        x = 0.2 * jax.random.normal(jax.random.key(seed), (16,))
        problem = ja.Problem(network, x, 0.5, ja.L2Ball(0.05))
        end = ja.ascend(problem, jnp.zeros(16)).perturbation
        single = ja.prove(problem, end)
        with jax.enable_x64(True):
            double = ja.prove(problem, jnp.asarray(end, jnp.float64))
            for name in ("curvature", "distance", "loss_bound", "gap"):
                assert getattr(single, name).dtype == jnp.float32
                assert np.float64(getattr(single, name)) >= float(getattr(double, name))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"constraint": ja.LInfBall(0.1)}, "constraint: proofs are for ja.L2Ball and ja.L2Sphere"),
        ({"loss": lambda output, _: output**3}, "loss: proofs are for quadratic and logistic"),
        ({"network": jnp.sum}, "network: bounds of the curvature are known for a ja.TwoLayer"),
    ],
)
def test_what_has_no_proof_is_refused(change, message):
    network = ja.init_two_layer(jax.random.key(0), 4, 16)
    settings = {"network": network, "constraint": ja.L2Ball(0.1), "loss": "quadratic"} | change
    problem = ja.Problem(settings.pop("network"), jnp.ones(4), 0.0, **settings)
    with pytest.raises(TypeError, match=message):
        ja.prove(problem, jnp.zeros(4))


def test_inputs_and_ends_of_other_sizes_are_refused():
    network = ja.init_two_layer(jax.random.key(0), 4, 16)
    with pytest.raises(ValueError, match="x: has 5 entries, and the network takes 4"):
        ja.curvature_bound(network, jnp.ones(5), ja.L2Ball(0.1))
    problem = ja.Problem(network, jnp.ones(4), 0.0, ja.L2Ball(0.1))
    with pytest.raises(ValueError, match="delta"):
        ja.prove(problem, jnp.zeros(5))
