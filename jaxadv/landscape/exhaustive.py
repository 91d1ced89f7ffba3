"""What ascent finds against all that there is, in two and three dimensions."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int, Key

from jaxadv.ascent.pga import PGA
from jaxadv.devices import on_devices
from jaxadv.experiments.draws import Given, Source, Tag, draw, given_of, key_of
from jaxadv.experiments.layout import usual_lanes
from jaxadv.experiments.variables import Variable
from jaxadv.landscape.critical import Critical, find_critical_points
from jaxadv.landscape.maxima import SAME, climb
from jaxadv.landscape.meshes import EULER
from jaxadv.landscape.spec import Cell, Landscape
from jaxadv.landscape.survey import Drawn, loss_of, pga_of, source_of
from jaxadv.problems.constraints import L2Sphere
from jaxadv.problems.losses import Loss
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem

LEAST_BASIN = 0.01
"""Of the sphere: maxima with a larger basin must be found."""
MEANINGS = {
    "maxima": "maxima on the sphere",
    "saddles": "saddles on the sphere",
    "minima": "isolated minima on the sphere",
    "valleys": "points (d = 2) or curves (d = 3) at which the loss's own derivative is 0",
    "euler": "Euler's characteristic of the critical points",
    "settled": "whether a finer mesh finds as many, and Euler's characteristic is right",
    "missed": f"maxima with more than {LEAST_BASIN:.0%} of the sphere for a basin, not found",
    "strays": "certified ends of ascents that are none of the maxima",
    "certified": "ascents that end in a certified maximum",
}


class CriticalSurvey:
    """A `Survey` of all critical points on the sphere, of the first input of each network.

    Args:
        spec: in 2 or 3 dimensions.
        mesh: the devices.
        starts: of ascents, on each problem.

    Raises:
        ValueError: if the dimension is not 2 or 3, or networks are to be trained.
    """

    label = "critical points"
    title = "All critical points of the adversarial loss on the sphere"
    variables: Mapping[str, Variable] = {
        name: Variable(name, meaning, dtype="int32", dims=()) for name, meaning in MEANINGS.items()
    }

    def __init__(self, spec: Landscape, mesh: Mesh, starts: int) -> None:
        if spec.dim not in EULER:
            raise ValueError(f"dim: {spec.dim} must be 2 or 3, for all critical points to be found")
        if spec.trainings != ("none",):
            raise ValueError("trainings: all critical points are found of random networks alone")
        self._spec, self.mesh, self._starts, self._pga = spec, mesh, starts, pga_of(spec)
        self.settings: Mapping[str, Any] = {"ascents": starts}
        self.sizes: Mapping[str, int] = {}

    def __call__(self, cell: Cell, networks: Sequence[int]) -> dict[str, np.ndarray]:
        """The records of some networks in one cell, with the axis (network,)."""
        problems, maxima, certified = self._ascend(cell, networks)
        rows = [
            _compare(
                jax.tree.map(lambda leaf, at=place: leaf[at], problems),
                maxima[place][certified[place]],
            )
            for place in range(len(networks))
        ]
        return dict(zip(MEANINGS, np.array(rows).T, strict=True))

    def _ascend(
        self, cell: Cell, networks: Sequence[int]
    ) -> tuple[Problem, Float[np.ndarray, "network start dim"], Bool[np.ndarray, "network start"]]:
        """The first problem on each of some networks; ends of ascents, and which are certified."""
        spec, mesh, starts = self._spec, self.mesh, self._starts
        lanes = usual_lanes(mesh.devices.flat[0], spec.width, starts)
        with jax.enable_x64(True):
            program = _compiled(source_of(spec), loss_of(spec), self._pga, starts, lanes, mesh)
            settings = (jnp.asarray(cell.scale), jnp.asarray(cell.ratio))
            indices = np.resize(np.asarray(networks, np.int32), mesh.size)
            problems, *ends = program(indices, key_of(spec), given_of(spec), *settings)
            maxima, certified = map(np.asarray, ends)
            return problems, maxima, certified


def on_sphere(problem: Problem) -> Problem:
    """The same problem on the sphere, the boundary of its ball."""
    return dataclasses.replace(problem, constraint=L2Sphere(problem.circumradius))


@functools.lru_cache(maxsize=8)
def _compiled(  # noqa: PLR0917
    source: Source, loss: Loss, pga: PGA, starts: int, lanes: int, mesh: Mesh
) -> Callable[..., tuple[Problem, Array, Array]]:
    """The program behind `CriticalSurvey`."""

    def one_network(
        network: Int[Array, ""], key: Key[Array, ""], given: Given, *settings: Array
    ) -> tuple[Problem, Float[Array, "start dim"], Bool[Array, " start"]]:
        draws = draw(source, network, key, given)
        scale, ratio = settings
        drawn = Drawn(draws.network, draws, scale, ratio, source.smooth)
        problem = on_sphere(drawn.problem(0, loss))
        # Others than the survey's, and as many as are wanted.
        normal = jax.random.normal(
            source.key_for(key, Tag.SPHERE, network), (starts, source.dim), problem.x.dtype
        )
        radius = problem.circumradius
        directions = jax.vmap(lambda vector: vector / l2_norm(vector))(normal)
        ends = climb(lambda start: (problem, start), radius * directions, pga, num_lanes=lanes)
        return problem, ends.maximum, ends.certified

    return jax.jit(lambda indices, *shared: on_devices(one_network, mesh, indices, *shared))


def _compare(problem: Problem, tops: Float[np.ndarray, "top dim"]) -> tuple[int, ...]:
    """The values of `MEANINGS` for one problem; ``tops`` are the certified ends of ascents."""
    points = find_critical_points(problem)
    is_maximum = points.kind == Critical.MAXIMUM
    maxima, basins = points.perturbation[is_maximum], points.basin[is_maximum]
    distances = np.linalg.norm(tops[:, None] - maxima, axis=-1)
    is_one = distances <= SAME * float(problem.circumradius)
    missed = (basins > LEAST_BASIN) & ~is_one.any(axis=0)
    return (
        *(points.count(kind) for kind in reversed(Critical)),
        points.valleys,
        points.euler,
        points.settled,
        int(missed.sum()),
        int((~is_one.any(axis=1)).sum()),
        len(tops),
    )
