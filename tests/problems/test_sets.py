"""Boxes, balls in boxes and the L1 ball against convex programs, and random points of all sets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

import jaxadv as ja
from jaxadv.problems.norms import l2_norm, rounding
from jaxadv.problems.starts import random_start

DIM = 6
CORNERS = np.array(np.meshgrid(*[[-1.0, 1.0]] * DIM)).reshape(DIM, -1).T


def some_bounds(rng, dim=DIM):
    """Bounds about 0; some of them are 0, and some of these are equal."""
    lower, upper = -rng.exponential(size=dim), rng.exponential(size=dim)
    lower[rng.random(dim) < 0.3] = 0
    upper[rng.random(dim) < 0.3] = 0
    return lower, upper


def some_set(kind, rng):
    """A set of some kind, and what scipy needs to know of it."""
    lower, upper = some_bounds(rng)
    radius = 2 * rng.exponential()
    bounds = optimize.Bounds(lower, upper)
    ball = {"type": "ineq", "fun": lambda z: radius**2 - z @ z, "jac": lambda z: -2 * z}
    octahedron = {"type": "ineq", "fun": lambda z: radius - CORNERS @ z, "jac": lambda _: -CORNERS}
    return {
        "box": (ja.Box(lower, upper), {"bounds": bounds}),
        "ball in box": (
            ja.L2BallInBox(radius, lower, upper), {"bounds": bounds, "constraints": [ball]},
        ),
        "l1": (ja.L1Ball(radius), {"constraints": [octahedron]}),
    }[kind]  # fmt: skip


KINDS = ("box", "ball in box", "l1")


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", KINDS)
def test_projections_solve_their_quadratic_programs(kind):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        constraint, known = some_set(kind, rng)
        point = rng.normal(size=DIM) * rng.choice([0.3, 1, 3])
        program = optimize.minimize(
            lambda z, point=point: 0.5 * (z - point) @ (z - point),
            np.zeros(DIM),
            jac=lambda z, point=point: z - point,
            method="SLSQP",
            options={"ftol": 1e-16, "maxiter": 500},
            **known,
        )
        projected = np.asarray(constraint.project(jnp.asarray(point)))
        np.testing.assert_allclose(projected, program.x, atol=1e-6)
        again = np.asarray(constraint.project(jnp.asarray(projected)))
        np.testing.assert_array_equal(again, projected)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", KINDS)
def test_the_gap_is_the_most_that_a_linear_gain_can_be(kind):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        constraint, known = some_set(kind, rng)
        gradient = rng.normal(size=DIM)
        program = optimize.minimize(
            lambda z, gradient=gradient: -gradient @ z,
            np.zeros(DIM),
            jac=lambda _, gradient=gradient: -gradient,
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
            **known,
        )
        delta = constraint.project(jnp.asarray(rng.normal(size=DIM)))
        gap = constraint.frank_wolfe_gap(delta, jnp.asarray(gradient))
        np.testing.assert_allclose(gap, -program.fun - gradient @ delta, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10_000), size=st.sampled_from([1e-30, 1e-3, 1.0, 1e3, 1e30]))
@settings(deadline=None, max_examples=50)
def test_in_single_precision_projections_stay_in_the_set_and_points_inside_stay(kind, seed, size):
    rng = np.random.default_rng(seed)
    constraint, _ = some_set(kind, rng)
    point = jnp.asarray(size * rng.normal(size=DIM), jnp.float32)
    projected = np.asarray(constraint.project(point), float)
    slack = 1 + rounding(DIM, jnp.dtype("float32"))
    if kind == "l1":
        assert np.abs(projected).sum() <= constraint.radius * slack
    else:
        box = constraint if kind == "box" else constraint.box
        lower, upper = (np.asarray(bound, float) for bound in box.bounds(point))
        assert (lower <= projected).all()
        assert (projected <= upper).all()
    if kind == "ball in box":
        assert np.linalg.norm(projected) <= constraint.radius * slack
    inside = jnp.asarray(0.99 * projected, jnp.float32)
    np.testing.assert_array_equal(constraint.project(inside), inside)


def test_far_points_project_on_the_l1_ball_without_loss_of_digits():
    far = jnp.array([1e6, 1e6 - 0.5, -3e5], jnp.float32)
    np.testing.assert_array_equal(ja.L1Ball(1.0).project(far), [0.75, 0.25, 0])


@pytest.mark.parametrize("kind", [ja.L2Ball, ja.L2Sphere, ja.LInfBall, ja.L1Ball])
def test_sets_of_radius_0_hold_0_alone(kind):
    constraint = kind(0.0)
    np.testing.assert_array_equal(constraint.project(jnp.arange(4.0)), 0)
    np.testing.assert_array_equal(random_start(constraint, jax.random.key(0), (4,)), 0)


def test_fixed_entries_are_neither_active_nor_free():
    box = ja.Box([0.0, -1.0, -1.0], [0.0, 1.0, 1.0])
    delta = jnp.array([0.0, 1.0, 0.5])
    assert box.active(delta, 1e-6).tolist() == [False, True, False]
    assert box.tangent(delta, jnp.ones(3)).tolist() == [0, 1, 1]
    assert ja.L2BallInBox(2.0, box.lower, box.upper).active(delta, 1e-6).tolist() == [
        False, True, False, False,
    ]  # fmt: skip


def test_an_l_inf_ball_is_the_box_of_its_bounds():
    rng = np.random.default_rng(0)
    ball, box = ja.LInfBall(0.5), ja.Box(-0.5, 0.5)
    delta, gradient = (jnp.asarray(rng.normal(size=(3, 2)), jnp.float32) for _ in range(2))
    for method in ("project", "tangent"):
        args = (delta,) if method == "project" else (delta, gradient)
        np.testing.assert_array_equal(getattr(ball, method)(*args), getattr(box, method)(*args))
    np.testing.assert_allclose(ball.circumradius(6), box.circumradius(6), rtol=1e-6)
    direct = 0.5 * jnp.sum(jnp.abs(gradient)) - jnp.vdot(delta, gradient)
    np.testing.assert_allclose(ball.frank_wolfe_gap(delta, gradient), direct, rtol=1e-5)


def points_of(constraint, shape, number=4000):
    keys = jax.random.split(jax.random.key(3), number)
    draw = jax.jit(jax.vmap(lambda key: random_start(constraint, key, shape)))
    return np.asarray(draw(keys), float).reshape(number, -1)


@pytest.mark.parametrize(
    ("constraint", "is_inside"),
    [
        (ja.L2Ball(2.0), lambda z: np.linalg.norm(z, axis=1) <= 2),
        (ja.LInfBall(1.5), lambda z: np.abs(z).max(axis=1) <= 1.5),
        (ja.L1Ball(2.0), lambda z: np.abs(z).sum(axis=1) <= 2),
        (ja.Box([-2.0, 0.0, -0.5], [1.0, 2.0, 0.0]), lambda z: (
            (z >= [-2, 0, -0.5]) & (z <= [1, 2, 0])
        ).all(axis=1)),
    ],
)  # fmt: skip
def test_random_starts_are_distributed_as_points_that_are_drawn_by_rejection(constraint, is_inside):
    drawn = points_of(constraint, (3,))
    cube = np.random.default_rng(1).uniform(-2, 2, size=(200_000, 3))
    accepted = cube[is_inside(cube)]
    directions = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [1, -2, 3]])
    for direction in directions:
        assert stats.ks_2samp(drawn @ direction, accepted @ direction).pvalue > 1e-3
    lengths = (np.linalg.norm(points, axis=1) for points in (drawn, accepted))
    assert stats.ks_2samp(*lengths).pvalue > 1e-3


def test_a_set_that_draws_no_points_starts_at_a_projected_point_of_its_ball():
    class Half:
        """The part of the unit ball with positive entries."""

        ball = ja.L2Ball(1.0)

        def project(self, delta):
            return self.ball.project(jnp.maximum(delta, 0))

        def circumradius(self, dim):
            return 1.0

        tangent, active, frank_wolfe_gap = ball.tangent, ball.active, ball.frank_wolfe_gap

    start = random_start(Half(), jax.random.key(0), (5,))
    assert (start >= 0).all()
    assert 0 < l2_norm(start) <= 1


@pytest.mark.parametrize("constraint", [ja.LInfBall(0.3), ja.L2Ball(2.0), ja.Box(-0.2, 0.4)])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)])
def test_points_in_range_keep_the_input_in_range(constraint, low, high):
    rng = np.random.default_rng(0)
    x = np.float32(rng.uniform(low, high, size=(28, 28)))
    x[rng.random((28, 28)) < 0.4] = low
    x[rng.random((28, 28)) < 0.1] = high
    inside = ja.in_range(constraint, x, low, high)
    for delta in (
        inside.project(jnp.asarray(100 * rng.normal(size=(28, 28)), jnp.float32)),
        random_start(inside, jax.random.key(0), (28, 28)),
    ):
        moved = x + np.asarray(delta)
        slack = rounding(1, moved.dtype) * max(abs(low), abs(high))
        assert (moved >= low - slack).all()
        assert (moved <= high + slack).all()
        np.testing.assert_allclose(constraint.project(delta), delta, atol=1e-6)


def test_a_range_within_a_range_is_the_narrower_one():
    x = jnp.full(3, 0.5)
    ball = ja.in_range(ja.in_range(ja.L2Ball(2.0), x, 0.0, 1.0), x, 0.25, 2.0)
    assert ball.lower.tolist() == [-0.25] * 3
    assert ball.upper.tolist() == [0.5] * 3


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ja.Box(1.0, 0.0), ValueError, "lower: 1 lies above upper, 0"),
        (lambda: ja.Box([0.0, 0.0], [1.0] * 3), ValueError, r"lower: shape \(2,\) is not that"),
        (lambda: ja.Box(-np.inf, 1.0), ValueError, "bounds must be finite"),
        (lambda: ja.Box("a", 1.0), TypeError, "lower: must be an array of numbers"),
        (lambda: ja.L2BallInBox(1.0, 0.5, 1.0), ValueError, "lower: 0.5 must be 0 or below"),
        (lambda: ja.L2BallInBox(1.0, [-1.0, 0.0], [1.0, -0.1]), ValueError, "lies above|upper: -0"),
        (lambda: ja.L2BallInBox(-1.0, 0.0, 1.0), ValueError, "radius: -1.0 must be 0 or more"),
        (lambda: ja.in_range(ja.L1Ball(1.0), [0.5]), TypeError, "has no method 'within'"),
        (lambda: ja.in_range(ja.L2Ball(1.0), [1.5, 0.2]), ValueError, "entries from 0.2 to 1.5"),
        (lambda: ja.in_range(ja.L2Ball(1.0), [0.5], 1.0, 0.0), ValueError, "not between 1.0 and 0"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_the_field(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("constraint", "best"),
    [
        (ja.Box([-1.0, -2.0, 0.0], [0.5, 1.0, 0.0]), [0.5, -2.0, 0.0]),
        (ja.L1Ball(2.0), [0.0, -2.0, 0.0]),
        (ja.L2BallInBox(1.0, -0.6, 0.6), [0.6, -0.6, 0.28**0.5]),
    ],
)
def test_ascent_of_a_linear_loss_ends_at_the_best_point(constraint, best):
    weights = jnp.array([1.0, -1.5, 0.5])
    problem = ja.Problem(
        lambda x: x @ weights, x=jnp.zeros(3), y=0.0, constraint=constraint,
        loss=lambda output, _: output,
    )  # fmt: skip
    start = random_start(constraint, jax.random.key(0), (3,))
    solution = ja.ascend(problem, start, ja.PGA(step=0.3, tolerances=1e-6))
    assert ja.Status(int(solution.status)) is ja.Status.CONVERGED
    np.testing.assert_allclose(solution.perturbation, best, atol=2e-4)


def test_second_order_refuses_the_l1_ball_with_its_reason():
    problem = ja.Problem(jnp.sum, x=[1.0, 1.0], y=0.0, constraint=ja.L1Ball(0.1))
    with pytest.raises(TypeError, match=r"L1Ball.* has no method 'face'"):
        ja.certify(problem, jnp.zeros(2), step_size=0.1)
