"""Step-size rules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from tests import reference
from tests.ascent.test_pga import as_problem

RULES = [ja.ConstantStep, ja.NormalizedStep, ja.InverseCurvatureStep]


def random_problem(seed=0, **settings):
    rng = np.random.default_rng(seed)
    case = reference.random_case(rng, dim=10, width=60, scale=1.0, **settings)
    return case, as_problem(case)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_one_parameter_and_finds_a_maximum(rule):
    _, problem = random_problem()
    sol = ja.ascend(problem, jnp.zeros(10), ja.PGA(rule(0.1), (1e-3,), 100_000))
    assert ja.Status(int(sol.status)) is ja.Status.CONVERGED
    cert = ja.certify(problem, sol.perturbation, step_size=sol.step_size)
    assert int(cert.kind) == ja.Kind.BOUNDARY_MAX


def test_a_normalized_step_is_a_fraction_of_the_radius_long():
    case, problem = random_problem()
    one_step = ja.PGA(ja.NormalizedStep(0.25), (1e-9,), 1)
    sol = ja.ascend(problem, jnp.zeros(10), one_step)
    np.testing.assert_allclose(jnp.linalg.norm(sol.perturbation), 0.25 * case.radius, rtol=1e-6)


def test_a_normalized_step_can_end_in_a_two_cycle_which_is_found_and_not_certified():
    """A step of fixed length can jump over an interior maximum for ever.

    Source: docs/theory.md, section 3.1.
    """
    bowl = jax.tree_util.Partial(lambda z: 1 - z @ z)
    loss = lambda output, label: output - label  # noqa: E731
    problem = ja.Problem(bowl, jnp.zeros(1), jnp.float32(0), ja.L2Ball(1.0), loss)
    sol = ja.ascend(problem, jnp.full(1, 0.15), ja.PGA(ja.NormalizedStep(0.2), max_steps=500))
    assert ja.Status(int(sol.status)) is ja.Status.CYCLING
    assert int(sol.steps) < 50
    assert int(ja.certify(problem, sol.perturbation, step_size=0.1).kind) == ja.Kind.NOT_STATIONARY


@pytest.mark.usefixtures("float64")
def test_inverse_curvature_is_one_over_the_largest_eigenvalue_at_the_start():
    for seed in range(10):
        case, problem = random_problem(seed)
        start = reference.random_start(np.random.default_rng(seed), case, "ball")
        largest = np.abs(np.linalg.eigvalsh(case.derivatives(start)[2])).max()
        sol = ja.ascend(problem, jnp.asarray(start), ja.PGA(ja.InverseCurvatureStep(0.5)))
        np.testing.assert_allclose(sol.step_size, 0.5 / largest, rtol=1e-8)


def test_inverse_curvature_of_a_flat_loss_is_one_radius_long():
    linear = jax.tree_util.Partial(jnp.sum)
    loss = lambda output, label: output - label  # noqa: E731
    problem = ja.Problem(linear, jnp.zeros(4), jnp.float32(0), ja.L2Ball(3.0), loss)
    sol = ja.ascend(problem, jnp.zeros(4), ja.PGA(ja.InverseCurvatureStep(1.0)))
    np.testing.assert_allclose(sol.step_size, 3.0 / 2.0, rtol=1e-6)
    assert int(sol.steps) == 1
