"""The survey of all critical points in two and three dimensions, and of which ascents reach."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jaxadv.ascent.distinct import SAME
from jaxadv.ascent.methods import Method
from jaxadv.devices import Device
from jaxadv.experiments.draws import Given, Source, Tag, draw
from jaxadv.experiments.layout import usual_lanes
from jaxadv.grid.schema import Variable
from jaxadv.landscape.critical import Critical, find_critical_points
from jaxadv.landscape.drawn import Drawn, loss_of, method_of, source_of
from jaxadv.landscape.maxima import climb
from jaxadv.landscape.meshes import EULER
from jaxadv.landscape.program import CellSurvey
from jaxadv.landscape.spec import Cell, Landscape
from jaxadv.problems.losses import Loss
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem
from jaxadv.problems.round_sets import L2Sphere

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
        devices: the devices.
        starts: how many ascents there are on each problem.
    """

    label = "critical points"

    def __init__(self, spec: Landscape, cell: Cell, devices: Sequence[Device], starts: int) -> None:
        group = cell.group
        lanes = usual_lanes(devices[0], group.width, starts)
        survey = SphereSurvey(
            source_of(spec, group), loss_of(group), method_of(spec, group), starts, lanes
        )
        super().__init__(spec, cell, devices, survey)

    def records(self, surveyed: tuple[Problem, Array, Array]) -> dict[str, np.ndarray]:
        """The critical points, and which of them the ascents reached."""
        problem, maxima, certified = surveyed
        counts = _compare(problem, np.asarray(maxima)[np.asarray(certified)])
        return dict(zip(MEANINGS, map(np.asarray, counts), strict=True))


def on_sphere(problem: Problem) -> Problem:
    """The same problem on the sphere, the boundary of its ball."""
    return dataclasses.replace(problem, constraint=L2Sphere(problem.circumradius))


@dataclass(frozen=True)
class SphereSurvey:
    """Many ascents on a network's first problem; see `jaxadv.landscape.program.Survey`."""

    source: Source
    loss: Loss
    method: Method
    starts: int
    lanes: int

    def __call__(
        self, index: Int[Array, ""], key: Key[Array, ""], given: Given, *settings: Array
    ) -> tuple[Problem, Float[Array, "start dim"], Bool[Array, " start"]]:
        """The problem, the ends of the ascents, and which of these are certified."""
        source = self.source
        draws = draw(source, index, key, given)
        scale, ratio = settings
        drawn = Drawn(draws.network, draws, scale, ratio, source.constraint, source.smooth)
        problem = on_sphere(drawn.problem(0, self.loss))
        # These starts are not those of `RegularitySurvey`, and there can be any number of them.
        normal = jax.random.normal(
            source.key_for(key, Tag.SPHERE, index), (self.starts, source.dim), problem.x.dtype
        )
        directions = jax.vmap(lambda vector: vector / l2_norm(vector))(normal)
        ends = climb(
            lambda start: (problem, start),
            problem.circumradius * directions,
            self.method,
            num_lanes=self.lanes,
        )
        return problem, ends.maximum, ends.certified


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
