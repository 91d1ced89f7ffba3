"""Brief certificates, and those that `certify_each` makes of them, against the dense oracle."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.ascent.certificate import Rule, examine
from jaxadv.ascent.certifying import certify_each
from jaxadv.ascent.kinds import MAXIMA
from jaxadv.batches import map_batches

TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class Grid:
    """Networks and inputs whose ends are certified.

    κ₀ is about 2 at the scale 11.2, where maxima begin to be nearly degenerate.
    """

    dim: int
    width: int
    scales: tuple[float, ...]
    activation: str = "tanh"
    loss: str = "quadratic"
    ratio: float = 0.1
    constraint: type = ja.L2Ball
    smooth: bool = False
    trials: int = 32

    def certificates(self):
        """Of each scale: the certificates of a sweep, the dense ones, and what the oracle resolves.

        Far into saturation, second derivatives are rounding errors in double precision, too: two
        ways to compute the Hessian then differ.
        """
        network = ja.init_two_layer(
            jax.random.key(self.dim + self.width), self.dim, self.width, self.activation
        )

        def trial(row):
            x, y, radius, solution = row
            problem = ja.Problem(
                network, x, y, self.constraint(radius), self.loss, smooth=self.smooth
            )
            return problem, solution.end

        @jax.jit
        def ascents(x, y, radius, start):
            def one(x, y, radius, start):
                problem = ja.Problem(network, x, y, self.constraint(radius), self.loss)
                return ja.ascend(problem, start, ja.PGA(0.1, TOLERANCE, 3_000))

            return jax.vmap(one)(x, y, radius, start)

        @jax.jit
        def of_sweeps(rows):
            return certify_each(trial, rows, tolerance=TOLERANCE, lanes=self.trials)

        @jax.jit
        def dense(rows):
            kinked = self.activation == "relu"
            rule = Rule(TOLERANCE, kinked, kinked, loss_kinked=False)
            return map_batches(lambda row: examine(*trial(row), rule, "dense")[0], rows, 8)

        @jax.jit
        def is_resolved(rows):
            def one(row):
                problem, end = trial(row)
                delta = end.delta.astype(float)
                hessian = jax.hessian(problem.objective)(delta)
                products = jax.vmap(lambda v: problem.hessian_product(delta, v))(jnp.eye(self.dim))
                return jnp.linalg.norm(hessian - products) <= 1e-9 * jnp.linalg.norm(hessian)

            return map_batches(one, rows, 8)

        for scale in self.scales:
            shape = self.trials, self.dim
            x = scale * jax.random.normal(jax.random.key(1), shape)
            radius = self.ratio * jnp.linalg.norm(x, axis=1)
            start = jax.random.normal(jax.random.key(2), shape)
            start *= (0.7 * radius / jnp.linalg.norm(start, axis=1))[:, None]
            y = jnp.where(jnp.arange(self.trials) % 2 == 0, 1.0, -1.0)
            rows = x, y, radius, ascents(x, y, radius, start)
            with jax.enable_x64(True):
                results = (f(rows) for f in (of_sweeps, dense, is_resolved))
                yield scale, *(jax.tree.map(np.asarray, result) for result in results)


@pytest.mark.parametrize(
    "grid",
    [
        Grid(1, 16, (1.0,)),
        Grid(2, 64, (0.1, 10.0)),
        Grid(24, 128, (0.1, 3.0, 11.2)),
        Grid(64, 256, (3.0, 11.2)),
        Grid(30, 128, (1.0, 11.2), constraint=ja.L2Sphere),
        # Saturated, and flat: beyond what single precision resolves.
        Grid(24, 64, (1e2, 1e4)),
        Grid(24, 64, (1e-6,)),
        Grid(24, 64, (1.0, 1e2), loss="logistic"),
        # Interior maxima.
        Grid(24, 64, (10.0,), ratio=0.9, activation="sin"),
        Grid(40, 64, (3.0,), activation="relu", smooth=True),
        pytest.param(Grid(3, 64, (0.1, 1.0, 3.0, 10.0)), marks=pytest.mark.slow),
        pytest.param(Grid(17, 64, (0.1, 1.0, 3.0, 10.0)), marks=pytest.mark.slow),
        pytest.param(Grid(90, 128, (0.1, 3.0, 10.0, 11.2, 13.0)), marks=pytest.mark.slow),
        pytest.param(Grid(256, 512, (0.1, 3.0, 10.0, 11.2)), marks=pytest.mark.slow),
        pytest.param(Grid(1024, 1024, (0.1, 3.0, 11.2), trials=8), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_certificates_of_a_sweep_are_those_of_the_dense_oracle(grid):
    for scale, found, dense, resolved in grid.certificates():
        kinds = found.kind[resolved], dense.kind[resolved]
        np.testing.assert_array_equal(*kinds, err_msg=f"scale {scale}")
        assert not np.isin(found.kind[~resolved], MAXIMA).any()
        assert resolved.all() or scale >= 1e2
        np.testing.assert_allclose(found.multiplier, dense.multiplier, rtol=1e-12)
        np.testing.assert_allclose(found.residual, dense.residual, rtol=1e-9, atol=1e-14)
        infinite = resolved & ~np.isfinite(dense.curvature_ratio)
        one, two = (cert.curvature_ratio[infinite] for cert in (found, dense))
        np.testing.assert_array_equal(one, two)
        known = np.isfinite(dense.curvature_ratio)
        ratio, oracle = found.curvature_ratio[known], dense.curvature_ratio[known]
        error = found.curvature_error[known] + 1e-9 * np.maximum(1, np.abs(oracle))
        # Lanczos rarely misses the largest eigenvalue (docs/theory.md, section 4.3).
        is_missed = np.abs(ratio - oracle) > error
        assert is_missed.sum() <= 1
        np.testing.assert_allclose(found.local_rate, dense.local_rate, atol=1e-4)
        maxima = np.isin(dense.kind, MAXIMA)
        one, two = (cert.condition_number[maxima] for cert in (found, dense))
        np.testing.assert_allclose(one, two, rtol=1e-3)
        far = np.isinf(dense.distance)
        np.testing.assert_array_equal(np.isinf(found.distance), far)
        np.testing.assert_allclose(found.distance[~far], dense.distance[~far], rtol=3e-4, atol=1e-9)


def test_what_single_precision_decides_is_decided_in_single_precision():
    (_, easy, *_), (_, saturated, *_) = Grid(24, 64, (1.0, 1e2)).certificates()
    assert easy.single.all()
    assert not saturated.single.all()


def test_a_single_certificate_is_that_of_a_batch():
    network = ja.init_two_layer(jax.random.key(0), 24, 64)
    problem = ja.Problem(network, jnp.ones(24), jnp.float32(1), ja.L2Ball(0.5))
    solution = ja.ascend(problem, jnp.zeros(24))
    alone = ja.certify(
        problem,
        solution.perturbation,
        step_size=solution.step_size,
        gradient_scale=solution.gradient_scale,
    )
    with jax.enable_x64(True):
        rows = jax.tree.map(lambda leaf: leaf[None], solution)
        (together,) = (
            jax.tree.map(lambda leaf: leaf[0], batch)
            for batch in [
                certify_each(lambda row: (problem, row.end), rows, tolerance=TOLERANCE, lanes=1)
            ]
        )
    assert bool(alone.single)
    jax.tree.map(lambda one, two: np.testing.assert_allclose(one, two, rtol=1e-4), alone, together)
