"""Auto-PGD against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from tests import reference
from tests.ascent.test_pga import as_problem


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", ["sign", "normalized"])
@pytest.mark.parametrize("constraint", [ja.L2Ball, ja.LInfBall])
def test_every_iterate_is_numpys(kind, constraint):
    method = ja.APGD(50, direction=kind, tolerances=1e-300)
    step = jax.jit(ja.trial.step)
    halvings = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        scale = [0.1, 1.0, 3.0, 3.0, 10.0, 10.0][seed]
        case = reference.random_case(rng, dim=9, width=40, scale=scale)
        box = case.radius if constraint is ja.LInfBall else None
        start = reference.random_start(rng, case, "ball")
        best, best_loss, iterates = reference.apgd(case, start, kind=kind, max_steps=50, box=box)
        problem = as_problem(case, constraint)
        state = ja.trial.init(problem, jnp.asarray(start), method)
        for iterate in iterates[1:]:
            state = step(problem, state, method)
            # Along a path of long steps, differences of rounding grow.
            np.testing.assert_allclose(state.perturbation, iterate, rtol=1e-6, atol=1e-6)
        solution = ja.trial.finish(problem, state, method)
        np.testing.assert_allclose(solution.perturbation, best, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(solution.loss, best_loss, rtol=1e-6)
        halvings += float(state.memory.length) < 2
    assert halvings >= 4  # cases in which the step was halved


def test_the_result_is_the_best_point_and_its_residual():
    case = reference.random_case(np.random.default_rng(3), dim=9, width=40, scale=30.0)
    problem, method = as_problem(case), ja.APGD(40, tolerances=1e-9)
    state = ja.trial.init(problem, jnp.zeros(9), method)
    losses = [float(state.loss)]
    for _ in range(40):
        state = ja.trial.step(problem, state, method)
        losses.append(float(state.loss))
    solution = ja.ascend(problem, jnp.zeros(9), method)
    np.testing.assert_allclose(solution.loss, max(losses), rtol=1e-5)
    _, gradient = problem.value_and_gradient(solution.perturbation)
    ahead = problem.constraint.project(
        solution.perturbation + case.radius / solution.gradient_scale * gradient
    )
    moved = jnp.linalg.norm(ahead - solution.perturbation) / case.radius
    np.testing.assert_allclose(solution.residual, moved, rtol=1e-3, atol=1e-5)


def test_at_equal_steps_its_losses_are_those_of_numpy():
    """In single precision: 200 cases, the median within 0.1%."""
    ratios = []
    for kind, constraint in (("sign", ja.LInfBall), ("normalized", ja.L2Ball)):
        method = ja.APGD(30, direction=kind, tolerances=1e-9)
        solve = jax.jit(lambda problem, start, method=method: ja.ascend(problem, start, method))
        for seed in range(100):
            rng = np.random.default_rng(seed)
            case = reference.random_case(rng, dim=16, width=64, scale=(1.0, 3.0, 10.0)[seed % 3])
            box = case.radius / 4 if constraint is ja.LInfBall else None
            if box is not None:
                case.radius = box
            start = np.zeros(16)
            _, best_loss, _ = reference.apgd(case, start, kind=kind, max_steps=30, box=box)
            solution = solve(as_problem(case, constraint), jnp.zeros(16, jnp.float32))
            ratios.append(float(solution.loss) / best_loss)
    assert np.median(ratios) >= 0.999


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(
        ValueError, match="direction: 'gradient' must be sign, normalized or steepest"
    ):
        ja.APGD(direction="gradient")
    with pytest.raises(ValueError, match="max_steps: -1 must be 0 or more"):
        ja.APGD(-1)


def test_a_budget_of_a_few_steps_has_checkpoints_too():
    assert ja.APGD(3).checkpoints == (1, 2, 2, 3, 3, 3, 3, 3)
    case = reference.random_case(np.random.default_rng(0), dim=5, width=20, scale=1.0)
    solution = ja.ascend(as_problem(case), jnp.zeros(5), ja.APGD(3, tolerances=1e-9))
    assert int(solution.steps) == 3
