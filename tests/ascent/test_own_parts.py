"""Sets and step rules of a user's own are treated as ours are, whatever class they are of."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from tests import reference
from tests.ascent.test_pga import as_problem


@dataclasses.dataclass(frozen=True)
class OwnSphere:
    """A sphere that shares no line with `ja.L2Sphere`, of a class that JAX does not know."""

    radius: float

    def project(self, delta):
        return self.radius * delta / jnp.linalg.norm(delta)

    def tangent(self, delta, vector):
        return vector - delta * jnp.vdot(delta, vector) / jnp.vdot(delta, delta)

    def circumradius(self, dim):
        return self.radius

    def frank_wolfe_gap(self, delta, gradient):
        return self.radius * jnp.linalg.norm(gradient) - jnp.vdot(delta, gradient)

    def active(self, delta, slack):
        return jnp.bool_(True)

    def face(self, delta, active):
        return OwnFace(self, delta)


@dataclasses.dataclass(frozen=True)
class OwnFace:
    sphere: OwnSphere
    delta: jax.Array

    def tangent(self, vector):
        return self.sphere.tangent(self.delta, vector)

    def multiplier(self, gradient):
        return jnp.vdot(gradient, self.delta) / jnp.vdot(self.delta, self.delta)

    def complementarity(self, gradient):
        return jnp.inf

    def retract(self, point):
        return self.sphere.project(point)


jax.tree_util.register_dataclass(OwnFace, data_fields=["sphere", "delta"], meta_fields=[])
jax.tree_util.register_dataclass(OwnSphere, data_fields=["radius"], meta_fields=[])


@dataclasses.dataclass(frozen=True)
class Slab:
    """{δ : |δ_0| ≤ half, others free up to the edge}: a set without symmetry between axes."""

    lower: float
    upper: float

    def project(self, delta):
        return jnp.clip(delta, self.lower, self.upper)

    def tangent(self, delta, vector):
        return vector

    def circumradius(self, dim):
        return (self.upper - self.lower) / 2 * dim**0.5

    def frank_wolfe_gap(self, delta, gradient):
        best = jnp.where(gradient > 0, self.upper, self.lower)
        return jnp.vdot(best - delta, gradient)

    def active(self, delta, slack):
        return (delta <= self.lower) | (delta >= self.upper)


class Halving:
    """A step rule of a plain class: steps halve every ten steps, down to a tenth."""

    def __init__(self, first):
        self.first = first

    def init(self, problem, start):
        return {"first": jnp.asarray(self.first)}

    def size(self, state, problem, gradient, steps):
        return state["first"] * jnp.maximum(0.5 ** (steps // 10), 0.1)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("eigensolver", ["dense", "lanczos"])
def test_an_own_sphere_gets_the_residual_and_the_certificate_of_ours(eigensolver):
    kinds = set()
    for seed in range(3):
        rng = np.random.default_rng(seed)
        case = reference.random_case(rng, dim=6, width=40, scale=[0.3, 1.0, 3.0][seed])
        ours, own = as_problem(case, ja.L2Sphere), as_problem(case, OwnSphere)
        start = jnp.asarray(reference.random_start(rng, case, "ball"))
        sols = [ja.ascend(p, start, ja.PGA(tolerances=(1e-3, 1e-6))) for p in (ours, own)]
        assert sols[0].num_steps.tolist() == sols[1].num_steps.tolist()
        np.testing.assert_allclose(sols[1].perturbation, sols[0].perturbation, rtol=1e-9)
        certs = [
            ja.certify(p, s.perturbation, step_size=0.1, tolerance=1e-5, eigensolver=eigensolver)
            for p, s in zip((ours, own), sols, strict=True)
        ]
        for field in ("kind", "residual", "multiplier", "curvature_ratio", "distance", "maximum"):
            one, other = (np.asarray(getattr(cert, field)) for cert in certs)
            np.testing.assert_allclose(other, one, rtol=1e-6, atol=1e-11, err_msg=field)
        kinds.add(ja.Kind(int(certs[1].kind)))
    assert ja.Kind.BOUNDARY_MAX in kinds


@pytest.mark.usefixtures("float64")
def test_an_inward_gradient_on_an_own_sphere_is_stationary_where_its_tangent_part_is_0():
    """The whole of the gradient would lead to the centre: a residual of √2 instead of 0."""
    for sphere in (OwnSphere(1.0), ja.L2Sphere(1.0)):
        down = lambda z: -0.5 * z @ z - 2 * z[0]  # noqa: E731
        problem = ja.Problem(down, jnp.zeros(3), 0.0, sphere, lambda o, y: o - y)
        cert = ja.certify(problem, jnp.array([-1.0, 0.0, 0.0]), step_size=0.1)
        assert float(cert.residual) < 1e-12
        assert ja.Kind(int(cert.kind)) is ja.Kind.BOUNDARY_MAX


@pytest.mark.usefixtures("float64")
def test_a_set_without_a_radius_or_symmetry_is_kept_and_climbed():
    weights = np.array([1.0, -2.0, 0.5])
    problem = ja.Problem(lambda z: weights @ z, np.ones(3), -10.0, Slab(-0.1, 0.3))
    sol = ja.ascend(problem, np.zeros(3), ja.PGA(step=0.01, tolerances=1e-9))
    np.testing.assert_allclose(sol.perturbation, [0.3, -0.1, 0.3], atol=1e-12)
    np.testing.assert_allclose(sol.frank_wolfe_gap, 0, atol=1e-12)
    assert int(sol.boundary_step) > 0


def test_a_step_rule_of_a_plain_class_has_a_state_and_sees_the_number_of_steps():
    case = reference.random_case(np.random.default_rng(0), dim=4, width=30, scale=1.0)
    problem = as_problem(case)
    start = 0.1 * np.ones(4, np.float32)
    sizes = []
    for steps in (1, 15, 100):
        sol = ja.ascend(problem, start, ja.PGA(step=Halving(0.2), tolerances=1e-7, max_steps=steps))
        sizes.append(float(sol.step_size))
    np.testing.assert_allclose(sizes, [0.2, 0.1, 0.02], rtol=1e-6)


def test_the_sphere_is_no_ball():
    assert not issubclass(ja.L2Sphere, ja.L2Ball)
    for kind in (ja.L2Ball, ja.L2Sphere, ja.LInfBall):
        assert isinstance(kind(1.0), ja.CertifiableConstraint)
    assert isinstance(ja.L1Ball(1.0), ja.Constraint)
    assert not isinstance(ja.L1Ball(1.0), ja.CertifiableConstraint)
