"""Large searches for a false proof, in an hour; run with ``make soak``."""

import itertools

import jax
import jax.numpy as jnp
import pytest

import jaxadv as ja
from tests.proofs.search import assert_no_false_proof, one_ulp_away, random_problems

SETS = (ja.L2Ball, ja.L2Sphere, ja.LInfBall)
ALL_SETS = (*SETS, ja.L1Ball)
LOSSES = ("quadratic", "logistic")
FEW = list(
    itertools.product((1, 2, 3), SETS, LOSSES, ("tanh", "sin", "gelu", "silu", "softplus", "erf"))
)
MANY = list(itertools.product((8, 24, 64), SETS, LOSSES, ("tanh", "sin", "gelu")))


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_ten_thousand_problems_in_few_dimensions():
    counts = []
    for seed, (dim, make_set, loss, activation) in enumerate(FEW):
        problems = random_problems(seed, 100, dim, make_set, loss=loss, activation=activation)
        counts.append(assert_no_false_proof(problems, seed))
        counts.append(assert_no_false_proof(one_ulp_away(problems, seed), seed))
        jax.clear_caches()
    _show(counts)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_a_thousand_problems_in_many_dimensions_from_a_thousand_starts():
    counts = []
    for seed, (dim, make_set, loss, activation) in enumerate(MANY):
        problems = random_problems(
            seed, 20, dim, make_set, loss=loss, activation=activation, width=2 * dim
        )
        count = assert_no_false_proof(
            problems, seed, number_of_points=1000, number_of_starts=998, tolerance=1e-6,
            max_steps=300,
        )  # fmt: skip
        counts.append(count)
        jax.clear_caches()
    _show(counts)


METHODS = (
    ja.PGA(ja.InverseCurvatureStep(0.5), 1e-6, 300),
    ja.PGA(ja.NormalizedStep(0.1), 1e-6, 300, direction="steepest"),
    ja.PGA(ja.NormalizedStep(0.25), 1e-6, 300, direction="sign"),
    ja.APGD(100),
)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_no_method_finds_more_than_the_bound_of_the_loss_on_ten_thousand_trials():
    trials = 0
    for seed, (dim, make_set, loss) in enumerate(itertools.product((8, 32, 64), ALL_SETS, LOSSES)):
        problems = random_problems(seed, 8, dim, make_set, loss=loss, activation="tanh", width=128)
        keys = jax.random.split(jax.random.key(seed), 16)

        @jax.jit
        def bound_and_losses(problem, keys=keys, dim=dim):
            draw = lambda key: ja.random_start(problem.constraint, key, (dim,))  # noqa: E731
            starts = jax.vmap(draw)(keys)
            ends = [
                jax.vmap(lambda start, m=method: ja.ascend(problem, start, m))(starts)
                for method in METHODS
            ]
            losses = jnp.concatenate([
                jax.vmap(problem.objective)(jax.vmap(problem.constraint.project)(end.perturbation))
                for end in ends
            ])  # fmt: skip
            proof = ja.prove(problem, ends[0].perturbation[0])
            return proof.loss_bound, losses

        bounds, losses = jax.lax.map(bound_and_losses, problems)
        assert (losses <= bounds[:, None]).all()
        trials += losses.size
        jax.clear_caches()
    print(f"\n{trials} trials, none above the bound")
    assert trials >= 10_000


def _show(counts):
    problems, are_global, are_unique = (sum(column) for column in zip(*counts, strict=True))
    print(f"\n{problems} problems: {are_global} proved global, {are_unique} unique, none falsely")
    assert are_global > problems / 4
