"""Whole circles (d = 2) and spheres (d = 3) for pictures: every critical point, and ascents.

Ascents run on the sphere, as in `exhaustive`, at the first input of the first network.
"""

from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool, Float

from jaxadv.ascent.methods import Method
from jaxadv.experiments.variables import Known
from jaxadv.landscape.critical import Critical, CriticalPoints, find_critical_points
from jaxadv.landscape.drawn import Scene
from jaxadv.landscape.exhaustive import on_sphere
from jaxadv.landscape.maxima import climb
from jaxadv.landscape.spec import Landscape
from jaxadv.landscape.views import each_cell, record_paths, thinned
from jaxadv.problems.problem import Problem

NUM_STARTS = 24  # of ascents on the sphere


def view_circle(spec: Landscape, num_angles: int = 1024) -> xr.Dataset:
    """The loss around the circle, its critical points, and the ends of ascents from all angles.

    Args:
        spec: the specification, in two dimensions.
        num_angles: how many angles the loss is computed at, and ascents start from.

    Returns:
        ``loss`` over (cell, angle); ``critical_angle``, ``critical_loss`` and ``critical_kind`` (a
        `Critical`) over (cell, critical); ``top``, the angle of the maximum in which the ascent
        from an angle ends, NaN where it is none. Angles in radians.

    Example:
        >>> spec = Landscape(scales=(1.0,), dims=2, widths=8, networks=1)
        >>> view_circle(spec, num_angles=32).critical_kind.values.tolist()  # doctest: +SKIP
        [[2.0, 0.0]]
    """

    def view(scene: Scene) -> dict[str, Any]:
        problem = on_sphere(scene.problem)
        radius = problem.circumradius
        angles = np.linspace(0, 2 * np.pi, num_angles, endpoint=False)
        ring = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        points = find_critical_points(problem)
        tops, certified = map(np.asarray, _tops(problem, ring, scene.method))
        return {
            "loss": (("angle",), jax.vmap(problem.objective)(ring)),
            "angle": (("angle",), angles),
            "top": (("angle",), Known(_longitude(tops), certified)),
            "critical_angle": (("critical",), _longitude(points.perturbation)),
            **_critical(points),
        }

    return each_cell(spec, view, "circles")


def view_sphere(spec: Landscape, num_latitudes: int = 181) -> xr.Dataset:
    """The loss all over the sphere, its critical points, and some ascents.

    Args:
        spec: the specification, in three dimensions.
        num_latitudes: at which the loss is computed; there are twice as many longitudes.

    Returns:
        ``loss`` over (cell, latitude, longitude); ``critical_longitude``, ``critical_latitude``,
        ``critical_loss`` and ``critical_kind`` (a `Critical`) over (cell, critical);
        ``path_longitude`` and ``path_latitude`` over (cell, start, point). Angles in radians.

    Example:
        >>> spec = Landscape(scales=(1.0,), dims=3, widths=8, networks=1, max_steps=100)
        >>> dict(view_sphere(spec, num_latitudes=5).loss.sizes)  # doctest: +SKIP
        {'cell': 1, 'latitude': 5, 'longitude': 9}
    """

    def view(scene: Scene) -> dict[str, Any]:
        problem = on_sphere(scene.problem)
        radius = float(problem.circumradius)
        latitudes = np.linspace(-np.pi / 2, np.pi / 2, num_latitudes)
        longitudes = np.linspace(-np.pi, np.pi, 2 * num_latitudes - 1)
        around, up = np.meshgrid(longitudes, latitudes)
        globe = radius * np.stack(
            [np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)], axis=-1
        )
        points = find_critical_points(problem)
        _, paths = record_paths(scene._replace(problem=problem), NUM_STARTS)
        paths = _filled_in(thinned(paths))
        return {
            "loss": (("latitude", "longitude"), jax.lax.map(jax.vmap(problem.objective), globe)),
            "latitude": (("latitude",), latitudes),
            "longitude": (("longitude",), longitudes),
            "path_longitude": (("start", "point"), _longitude(paths)),
            "path_latitude": (("start", "point"), _latitude(paths)),
            "critical_longitude": (("critical",), _longitude(points.perturbation)),
            "critical_latitude": (("critical",), _latitude(points.perturbation)),
            **_critical(points),
        }

    return each_cell(spec, view, "spheres")


def _critical(points: CriticalPoints) -> dict[str, Any]:
    """Losses and kinds of critical points, on circles and spheres; floats, for padding with NaN."""
    return {
        "critical_loss": (("critical",), points.loss),
        "critical_kind": (("critical",), points.kind.astype(float)),
        "num_maxima": ((), points.count(Critical.MAXIMUM)),
    }


@jax.jit
def _tops(
    problem: Problem, starts: Float[Array, "start dim"], method: Method
) -> tuple[Float[Array, "start dim"], Bool[Array, " start"]]:
    """The polished maxima in which ascents end, and whether they are certified."""
    ends = climb(lambda start: (problem, start), starts, method, num_lanes=64)
    return ends.maximum, ends.certified


def _filled_in(paths: Float[np.ndarray, "start point 3"]) -> Float[np.ndarray, "start between 3"]:
    """Paths with further points between their points, because a long step is curved on a map."""
    parts = np.linspace(0, 1, 8, endpoint=False)[:, None]
    here, there = paths[:, :-1, None], paths[:, 1:, None]
    between = (1 - parts) * here + parts * there
    return np.concatenate([between.reshape(len(paths), -1, 3), paths[:, -1:]], axis=1)


def _longitude(points: Float[np.ndarray, "*point dim"]) -> Float[np.ndarray, "*point"]:
    return np.arctan2(points[..., 1], points[..., 0])


def _latitude(points: Float[np.ndarray, "*point dim"]) -> Float[np.ndarray, "*point"]:
    return np.arcsin(np.clip(points[..., 2] / np.linalg.norm(points, axis=-1), -1, 1))
