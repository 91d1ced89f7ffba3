"""What a user would write instead of jaxadv: the same ascents on the same trials, other loops.

Each rival takes a `Batch` on one network and returns a function without arguments that runs it and
gives the number of steps that each trial took.
"""

import importlib.util
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxadv as ja
from jaxadv.experiments.draws import draw, given_of, key_of
from jaxadv.sweeps import trials as t


class Batch(NamedTuple):
    """Trials on one network, as NumPy arrays, and the rule that ends them."""

    hidden: np.ndarray
    output: np.ndarray
    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    start: np.ndarray
    step_size: float
    tolerance: float
    max_steps: int

    def first(self, trials: int) -> "Batch":
        """The same with the first trials alone."""
        rows = (values[:trials] for values in (self.x, self.y, self.radius, self.start))
        x, y, radius, start = rows
        return self._replace(x=x, y=y, radius=radius, start=start)


def batch_of(sweep: ja.Sweep) -> Batch:
    """All trials on network 0, in an order in which every stretch has all scales."""
    group = sweep.groups[0]
    draws = draw(t.source_of(sweep, group), 0, key_of(sweep), given_of(sweep))
    settings = t.settings_of(sweep, sweep.cells)
    cells, examples, starts = np.indices((len(sweep.scales), sweep.examples, sweep.starts))
    numbers = np.stack([cells, examples, starts], -1).transpose(1, 2, 0, 3).reshape(-1, 3)
    trial = jax.vmap(lambda n: t.trial_of(draws, settings, n[0], n[1], n[2]))(jnp.asarray(numbers))
    network = draws.network
    assert isinstance(network, ja.TwoLayer)
    arrays = (network.hidden, network.output, trial.x, trial.y, trial.radius, trial.start)
    return Batch(
        *(np.asarray(array) for array in arrays),
        step_size=sweep.step_sizes[0],
        tolerance=sweep.tolerances[-1],
        max_steps=sweep.max_steps,
    )


Run = Callable[[], np.ndarray]


def vmapped(batch: Batch) -> Run:
    """``jit(vmap(ascend))``, every trial with weights of its own: a batch of random problems."""
    network = ja.TwoLayer(jnp.asarray(batch.hidden), jnp.asarray(batch.output))
    count = len(batch.x)
    each = jax.tree.map(lambda leaf: jnp.repeat(leaf[None], count, 0), network)
    return _by_ascend(batch, each, 0)


def certified(batch: Batch) -> Run:
    """``jit(vmap(ascend))`` with weights for every trial, and then ``jit(vmap(certify))``."""
    network = ja.TwoLayer(jnp.asarray(batch.hidden), jnp.asarray(batch.output))
    each = jax.tree.map(lambda leaf: jnp.repeat(leaf[None], len(batch.x), 0), network)
    pga = ja.PGA(ja.ConstantStep(batch.step_size), (batch.tolerance,), batch.max_steps)
    problems = jax.vmap(lambda network, x, y, radius: ja.Problem(network, x, y, ja.L2Ball(radius)))(
        each, batch.x, batch.y, batch.radius
    )
    ascend = jax.jit(jax.vmap(lambda problem, start: ja.ascend(problem, start, pga)))

    def one(problem: ja.Problem, solution: ja.Solution) -> ja.Certificate:
        return ja.certify(
            problem,
            solution.perturbation,
            step_size=solution.step_size,
            tolerance=batch.tolerance,
            gradient_scale=solution.gradient_scale,
        )

    certify = jax.jit(jax.vmap(one))

    def run() -> np.ndarray:
        solutions = ascend(problems, batch.start)
        with jax.enable_x64(True):
            jax.block_until_ready(certify(problems, solutions))
        return np.asarray(solutions.steps)

    run()
    return run


def lockstep(batch: Batch) -> Run:
    """``jit(vmap(ascend))`` over trials that share their weights: matrix products in lockstep."""
    network = ja.TwoLayer(jnp.asarray(batch.hidden), jnp.asarray(batch.output))
    return _by_ascend(batch, network, None)


def _by_ascend(batch: Batch, network: ja.TwoLayer, axis: int | None) -> Run:
    pga = ja.PGA(ja.ConstantStep(batch.step_size), (batch.tolerance,), batch.max_steps)

    def one(
        network: ja.TwoLayer, x: jax.Array, y: jax.Array, radius: jax.Array, start: jax.Array
    ) -> jax.Array:
        problem = ja.Problem(network, x, y, ja.L2Ball(radius))
        return ja.ascend(problem, start, pga).steps

    run = jax.jit(jax.vmap(one, in_axes=(axis, 0, 0, 0, 0)))
    arrays = jax.device_put((network, batch.x, batch.y, batch.radius, batch.start))
    compiled = run.lower(*arrays).compile()
    return lambda: np.asarray(compiled(*arrays))


def jaxopt_lockstep(batch: Batch) -> Run:
    """``jaxopt.ProjectedGradient`` without acceleration, vmapped, with shared weights.

    Its error is that of a unit step; the tolerance is translated at the start of each trial.
    """
    import jaxopt  # noqa: PLC0415  # pyright: ignore[reportMissingImports]
    from jaxopt import projection  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    network = ja.TwoLayer(jnp.asarray(batch.hidden), jnp.asarray(batch.output))

    def one(x: jax.Array, y: jax.Array, radius: jax.Array, start: jax.Array) -> jax.Array:
        def loss(delta: jax.Array) -> jax.Array:
            return -ja.quadratic(network(x + delta), y)

        slope = jnp.linalg.norm(jax.grad(loss)(start))
        solver = jaxopt.ProjectedGradient(
            fun=loss,
            projection=projection.projection_l2_ball,
            stepsize=batch.step_size,
            maxiter=batch.max_steps,
            tol=2 * batch.tolerance * slope / (1 + slope / radius),
            acceleration=False,
            implicit_diff=False,
        )
        return solver.run(start, hyperparams_proj=radius).state.iter_num

    arrays = jax.device_put((batch.x, batch.y, batch.radius, batch.start))
    compiled = jax.jit(jax.vmap(one)).lower(*arrays).compile()
    return lambda: np.asarray(compiled(*arrays))


def torch_lockstep(batch: Batch) -> Run:
    """PyTorch: one batch with a mask of trials still running, the gradient written by hand."""
    import torch  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

    tensors = [
        torch.tensor(np.asarray(a, np.float32))
        for a in (batch.hidden, batch.output, batch.x, batch.y, batch.radius, batch.start)
    ]
    hidden, output, x, y, radius, start = tensors
    radius = radius[:, None]

    def project(delta: "torch.Tensor") -> "torch.Tensor":
        norm = delta.norm(dim=1, keepdim=True)
        return delta * (radius / norm).clamp(max=1)

    def gradient(delta: "torch.Tensor") -> "torch.Tensor":
        active = torch.tanh((x + delta) @ hidden.T)
        error = active @ output - y
        return error[:, None] * ((output * (1 - active**2)) @ hidden)

    @torch.no_grad()
    def run() -> np.ndarray:
        delta, scale = project(start), torch.zeros_like(radius)
        steps = torch.zeros(len(x), dtype=torch.int32)
        running = torch.ones(len(x), dtype=torch.bool)
        for _ in range(batch.max_steps + 1):
            slope = gradient(delta)
            scale = torch.maximum(scale, slope.norm(dim=1, keepdim=True))
            residual = (project(delta + radius / scale * slope) - delta).norm(dim=1) / radius[:, 0]
            running &= residual > batch.tolerance
            if not running.any():
                break
            moved = project(delta + batch.step_size * slope)
            delta = torch.where(running[:, None], moved, delta)
            steps += running
        return np.minimum(steps.numpy(), batch.max_steps)

    return run


RIVALS = {
    "jit(vmap(while_loop)), W per trial": (vmapped, 192),
    "jaxopt, vmapped": (jaxopt_lockstep, 192),
    "PyTorch, lockstep": (torch_lockstep, 768),
    "JAX, lockstep": (lockstep, 768),
}
"""Each rival, and the number of trials that it gets: all of a network, or for the two that would
take minutes a quarter of them, which does not make them slower."""


def missing(rival: str) -> str | None:
    """The package that a rival needs and that is not installed, if any."""
    package = {"jaxopt, vmapped": "jaxopt", "PyTorch, lockstep": "torch"}.get(rival)
    return package if package and importlib.util.find_spec(package) is None else None
