"""The survey of all critical points in two and three dimensions, and of which ascents reach."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int, Key

from jaxadv.ascent.pga import PGA
from jaxadv.devices import on_devices
from jaxadv.experiments.draws import Given, Source, Tag, draw
from jaxadv.experiments.layout import usual_lanes
from jaxadv.grid.schema import Variable
from jaxadv.landscape.critical import Critical, find_critical_points
from jaxadv.landscape.drawn import Drawn, loss_of, pga_of, source_of
from jaxadv.landscape.maxima import SAME, climb
from jaxadv.landscape.meshes import EULER
from jaxadv.landscape.program import CellSurvey, Running
from jaxadv.landscape.spec import Cell, Landscape
from jaxadv.problems.constraints import L2Sphere
from jaxadv.problems.losses import Loss
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem

LEAST_BASIN = 0.01  # a maximum with a basin above this share of the sphere should be found
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


VARIABLES: Mapping[str, Variable] = {
    name: Variable(name, meaning, dtype="int32", dims=()) for name, meaning in MEANINGS.items()
}


def check(spec: Landscape) -> None:
    """Refuse a specification for which not all critical points can be found.

    Raises:
        ValueError: if a dimension is not 2 or 3, or networks are to be trained.
    """
    for dim in spec.dims:
        if dim not in EULER:
            raise ValueError(f"dims: {dim} must be 2 or 3, for all critical points to be found")
    if spec.trainings != ("none",):
        raise ValueError("trainings: all critical points are found for random networks only")


class CriticalSurvey(CellSurvey):
    """The survey of all critical points on the sphere, at the first input of each network.

    Args:
        spec: in 2 or 3 dimensions.
        cell: the cell.
        mesh: the devices.
        starts: how many ascents there are on each problem.
    """

    label = "critical points"

    def __init__(self, spec: Landscape, cell: Cell, mesh: Mesh, starts: int) -> None:
        super().__init__(spec, cell, mesh)
        self._starts = starts

    def program(self) -> Callable[..., Any]:
        """The compiled program: each network's first problem, and the ends of ascents on it."""
        group = self.cell.group
        lanes = usual_lanes(self.mesh.devices.flat[0], group.width, self._starts)
        source, pga = source_of(self.spec, group), pga_of(self.spec)
        return _compiled(source, loss_of(group), pga, self._starts, lanes, self.mesh)

    def records(self, running: Running) -> dict[str, np.ndarray]:
        """The critical points of each network, and which of them the ascents reached."""
        problems, *ends = running.values
        maxima, certified = map(np.asarray, ends)
        rows = [
            _compare(
                jax.tree.map(lambda leaf, at=row: leaf[at], problems),
                maxima[row][certified[row]],
            )
            for row in range(running.num_networks)
        ]
        return dict(zip(MEANINGS, np.array(rows).T, strict=True))


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
        # These starts are not those of `RegularitySurvey`, and there can be any number of them.
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
