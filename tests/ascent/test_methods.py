"""Directions, momentum and own methods against NumPy, and cycles of every length."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxadv as ja
from jaxadv.ascent.trial import as_method
from tests import reference
from tests.ascent.test_pga import as_problem

SIZE = 0.25


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", ["sign", "normalized"])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("constraint", [ja.L2Ball, ja.LInfBall])
def test_directions_and_momentum_move_as_numpys(kind, momentum, constraint):
    method = ja.PGA(ja.NormalizedStep(SIZE), 1e-12, 12, direction=kind, momentum=momentum)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        case = reference.random_case(rng, dim=9, width=40, scale=[0.1, 1.0, 3.0, 10.0][seed])
        box = case.radius if constraint is ja.LInfBall else None
        delta, velocity = reference.random_start(rng, case, "ball"), np.zeros(9)
        problem = as_problem(case, constraint)
        state = ja.trial.init(problem, jnp.asarray(delta), method)
        for _ in range(12):
            delta, velocity = reference.move(
                case, delta, velocity, kind=kind, momentum=momentum, size=SIZE, box=box
            )
            state = ja.trial.step(problem, state, method)
            np.testing.assert_allclose(state.perturbation, delta, rtol=1e-9, atol=1e-12)


def test_sign_steps_move_each_entry_by_a_part_of_the_radius():
    problem = ja.Problem(jnp.sum, jnp.ones((2, 2)), 0.0, ja.LInfBall(0.4))
    once = ja.PGA(ja.NormalizedStep(0.25), max_steps=1, direction="sign")
    np.testing.assert_allclose(ja.ascend(problem, jnp.zeros((2, 2)), once).perturbation, 0.1)


@pytest.mark.parametrize("kind", ["gradient", "sign", "normalized"])
def test_a_gradient_of_0_moves_nothing(kind):
    problem = ja.Problem(jnp.sum, jnp.zeros(3), 0.0, ja.L2Ball(1.0))
    sol = ja.ascend(problem, jnp.zeros(3), ja.PGA(direction=kind, momentum=0.5))
    assert sol.perturbation.tolist() == [0, 0, 0]
    assert ja.Status(int(sol.status)) is ja.Status.CONVERGED


def test_in_a_box_sign_steps_end_in_the_best_vertex_exactly():
    weights = jnp.array([1.0, -2.0, 0.5])
    problem = ja.Problem(
        lambda z: z @ weights, jnp.ones(3), 0.0, ja.LInfBall(0.1), lambda output, _: output
    )
    sol = ja.ascend(problem, jnp.zeros(3), ja.PGA(ja.NormalizedStep(0.3), direction="sign"))
    assert ja.Status(int(sol.status)) is ja.Status.CONVERGED
    assert int(sol.steps) == 4
    np.testing.assert_array_equal(sol.perturbation, jnp.float32(0.1) * jnp.sign(weights))


@pytest.mark.parametrize(
    ("constraint", "best"),
    [
        (ja.L2Ball(0.5), [0.3, -0.4]),
        (ja.LInfBall(0.5), [0.5, -0.5]),
        (ja.Box([0.0, -0.2], [0.1, 0.0]), [0.1, -0.2]),
        (ja.L1Ball(0.5), [0.0, -0.5]),
        (ja.L2BallInBox(0.5, -0.3, 1.0), [0.4, -0.3]),
    ],
)
def test_a_step_to_the_boundary_is_the_fast_gradient_method(constraint, best):
    problem = ja.Problem(
        lambda z: 3 * z[0] - 4 * z[1], jnp.zeros(2), 0.0, constraint, lambda output, _: output
    )
    once = ja.PGA(ja.ToBoundary(), max_steps=1)
    sol = ja.ascend(problem, constraint.project(jnp.full(2, 0.05)), once)
    np.testing.assert_allclose(sol.perturbation, best, atol=1e-6)


@dataclasses.dataclass(frozen=True)
class Turning:
    """δ goes round on a square or a hexagon, whatever the loss is."""

    period: int
    repeating: bool = True
    tolerances = (1e-9,)
    max_steps = 500

    def init(self, problem, start):
        return ()

    def move(self, problem, point, memory, steps):
        a, b, c = point.delta
        turned = {
            1: (a, b, c), 2: (-a, -b, c), 4: (-b, a, c), 6: (-b, -c, -a),
        }[self.period]  # fmt: skip
        return jnp.stack(turned), memory

    def reported(self, point, memory):
        return point

    def step_size(self, problem, point, memory, steps):
        return jnp.float32(jnp.nan)

    def repeats(self, problem, point, memory):
        return self.repeating


@pytest.mark.parametrize(("period", "steps"), [(1, 1), (2, 4), (4, 8), (6, 14)])
def test_cycles_of_every_length_are_found(period, steps):
    problem = ja.Problem(jnp.sum, jnp.zeros(3), 1.0, ja.L2Ball(1.0))
    sol = ja.ascend(problem, jnp.array([0.1, 0.2, 0.4]), Turning(period))
    expected = ja.Status.STALLED if period == 1 else ja.Status.CYCLING
    assert ja.Status(int(sol.status)) is expected
    assert int(sol.steps) == steps
    again = ja.ascend(problem, jnp.array([0.1, 0.2, 0.4]), Turning(period, repeating=False))
    assert ja.Status(int(again.status)) is ja.Status.MAX_STEPS
    assert int(again.steps) == 500


def bowl(step, **settings):
    """Ascent of 1 − δ², whose maximum a step of constant length jumps over for ever."""
    problem = ja.Problem(
        lambda z: 1 - z @ z, jnp.zeros(1), 0.0, ja.L2Ball(1.0), lambda output, _: output
    )
    return ja.ascend(problem, jnp.full(1, 0.15), ja.PGA(step, max_steps=400, **settings))


@pytest.mark.parametrize("settings", [{"direction": "sign"}, {"direction": "normalized"}])
def test_a_step_of_constant_length_cycles(settings):
    assert ja.Status(int(bowl(0.2, **settings).status)) is ja.Status.CYCLING


def test_a_schedule_and_momentum_may_come_back_to_a_point_and_leave_it_in_another_way():
    late = optax.piecewise_constant_schedule(1.0, {300: 0.001})
    shrinking = bowl(ja.ScheduledStep(ja.NormalizedStep(0.2), late))
    assert ja.Status(int(shrinking.status)) is ja.Status.MAX_STEPS
    with_momentum = bowl(ja.NormalizedStep(0.2), momentum=0.5)
    assert ja.Status(int(with_momentum.status)) is not ja.Status.CYCLING


def test_a_scheduled_step_is_a_part_of_the_other_rules_step():
    rule = ja.ScheduledStep(0.2, optax.linear_schedule(1.0, 0.0, 10))
    problem = ja.Problem(jnp.sum, jnp.ones(2), 0.0, ja.L2Ball(0.1))
    state = rule.init(problem, jnp.zeros(2))
    for steps, size in ((0, 0.2), (5, 0.1), (10, 0.0)):
        found = rule.size(state, problem, jnp.ones(2), jnp.int32(steps))
        np.testing.assert_allclose(found, size, atol=1e-8)
    with pytest.raises(TypeError, match=r"schedule: 0.5 must be a function"):
        ja.ScheduledStep(0.1, 0.5)


def test_methods_without_a_rate_have_a_certificate_without_one():
    case = reference.random_case(np.random.default_rng(0), dim=20, width=100, scale=1.0)
    problem = as_problem(case)
    method = ja.PGA(
        ja.ScheduledStep(ja.NormalizedStep(0.5), optax.exponential_decay(1.0, 10, 0.5)),
        1e-3, direction="normalized", momentum=0.3,
    )  # fmt: skip
    sol = ja.ascend(problem, jnp.zeros(20), method)
    assert ja.Status(int(sol.status)) is ja.Status.CONVERGED
    assert np.isnan(sol.step_size)
    cert = ja.certify(problem, sol.perturbation, step_size=sol.step_size)
    assert ja.Kind(int(cert.kind)) is ja.Kind.BOUNDARY_MAX
    assert np.isnan(cert.local_rate)


def test_the_best_point_is_kept_on_request():
    case = reference.random_case(np.random.default_rng(2), dim=8, width=40, scale=10.0)
    problem = as_problem(case, ja.LInfBall)
    settings = {"tolerances": 1e-9, "max_steps": 40, "direction": "sign", "momentum": 0.5}
    last, best = (
        ja.ascend(problem, jnp.zeros(8), ja.PGA(ja.NormalizedStep(0.5), keep_best=keep, **settings))
        for keep in (False, True)
    )
    _, path = ja.ascend_recorded(
        problem, jnp.zeros(8), ja.PGA(ja.NormalizedStep(0.5), **settings)
    )  # fmt: skip
    assert float(best.loss) > float(last.loss)
    np.testing.assert_allclose(best.loss, path.loss.max(), rtol=1e-6)
    best_row = int(path.loss.argmax())
    np.testing.assert_allclose(best.perturbation, path.perturbation[best_row], rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"direction": "signs"}, ValueError, "direction: 'signs' must be one of gradient, sign"),
        ({"momentum": -0.1}, ValueError, "momentum: -0.1 must be 0 or more"),
        ({"momentum": 1.5}, ValueError, "momentum: 1.5 must be from 0 to 1"),
        ({"momentum": "much"}, TypeError, "momentum: 'much' must be a number"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        ja.PGA(**settings)


def test_what_is_no_method_is_refused():
    for method in (0.1, ja.PGA, "pga"):
        with pytest.raises(TypeError, match=r"must be a method, such as ja.PGA"):
            as_method(method)


def test_lanes_give_the_results_of_single_trials_for_every_method():
    case = reference.random_case(np.random.default_rng(1), dim=8, width=32, scale=3.0)
    problem = as_problem(case, ja.LInfBall)
    starts = jax.vmap(lambda key: ja.random_start(problem.constraint, key, (8,)))(
        jax.random.split(jax.random.key(0), 12)
    )
    method = ja.PGA(ja.NormalizedStep(0.25), 1e-4, 60, direction="sign", momentum=0.9)
    sols = ja.lane_map(
        init=lambda start: ja.trial.init(problem, start, method),
        step=lambda state: ja.trial.step(problem, state, method),
        done=ja.trial.done,
        finish=lambda state: ja.trial.finish(problem, state, method),
        xs=starts,
        num_lanes=4,
    )
    singles = jax.vmap(lambda start: ja.ascend(problem, start, method))(starts)
    np.testing.assert_allclose(sols.loss, singles.loss, rtol=1e-5)
    np.testing.assert_array_equal(sols.status, singles.status)
