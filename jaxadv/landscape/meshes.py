"""Points that cover the unit circle or sphere evenly, with their neighbours and their shares."""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import ConvexHull, SphericalVoronoi

# Euler's characteristic of the circle and of the sphere, by the dimension of the space around them.
EULER = {2: 0, 3: 2}


class SphereMesh(NamedTuple):
    """A mesh on the unit sphere of dimension 2 or 3.

    Attributes:
        points: unit vectors.
        neighbours: the indices of each point's neighbours, filled up with the point itself.
        shares: the share of the circumference or surface that is nearest to each point.
        spacing: about the distance of neighbours.
    """

    points: Float[np.ndarray, "point dim"]
    neighbours: Int[np.ndarray, "point neighbour"]
    shares: Float[np.ndarray, " point"]
    spacing: float


@functools.lru_cache(maxsize=8)
def sphere_mesh(dim: int, num_points: int) -> SphereMesh:
    """An even mesh on the circle (dim 2) or on the sphere (dim 3: a Fibonacci lattice).

    Raises:
        ValueError: for another dimension.

    Example:
        >>> sphere_mesh(2, 4).neighbours.tolist()
        [[3, 1], [0, 2], [1, 3], [2, 0]]
    """
    if dim == 2:
        return _circle(num_points)
    if dim == 3:
        return _sphere(num_points)
    raise ValueError(f"dim: {dim} must be 2 or 3, for a mesh on the whole sphere")


def _circle(num_points: int) -> SphereMesh:
    index = np.arange(num_points)
    angles = 2 * np.pi / num_points * index
    return SphereMesh(
        points=np.stack([np.cos(angles), np.sin(angles)], axis=1),
        neighbours=np.stack([index - 1, index + 1], axis=1) % num_points,
        shares=np.full(num_points, 1 / num_points),
        spacing=2 * np.pi / num_points,
    )


def _sphere(num_points: int) -> SphereMesh:
    heights = 1 - (2 * np.arange(num_points) + 1) / num_points
    turns = np.pi * (1 + 5**0.5) * np.arange(num_points)
    radii = np.sqrt(1 - heights**2)
    points = np.stack([radii * np.cos(turns), radii * np.sin(turns), heights], axis=1)
    return SphereMesh(
        points=points,
        neighbours=_neighbours(ConvexHull(points).simplices, num_points),
        shares=SphericalVoronoi(points).calculate_areas() / (4 * np.pi),
        spacing=(4 * np.pi / num_points) ** 0.5,
    )


def _neighbours(
    triangles: Int[np.ndarray, "triangle 3"], num_points: int
) -> Int[np.ndarray, "point neighbour"]:
    """The points that share a triangle with each point."""
    pairs = np.concatenate([triangles[:, [i, j]] for i in range(3) for j in range(3) if i != j])
    pairs = np.unique(pairs, axis=0)
    first = np.searchsorted(pairs[:, 0], np.arange(num_points))
    counts = np.diff(np.append(first, len(pairs)))
    table = np.tile(np.arange(num_points)[:, None], (1, int(counts.max())))
    table[pairs[:, 0], np.arange(len(pairs)) - first[pairs[:, 0]]] = pairs[:, 1]
    return table


def climb_on(mesh: SphereMesh, values: Float[np.ndarray, " point"]) -> Int[np.ndarray, " point"]:
    """Where steepest ascent from neighbour to neighbour ends, from each point of a mesh.

    Steepest: the largest rise over the distance.

    Example:
        >>> climb_on(sphere_mesh(2, 6), np.array([0.0, 1.0, 2.0, 1.0, 0.0, 3.0])).tolist()
        [5, 2, 2, 2, 5, 5]
    """
    index = np.arange(len(values))
    neighbours = mesh.neighbours
    distances = np.linalg.norm(mesh.points[neighbours] - mesh.points[:, None], axis=-1)
    slopes = (values[neighbours] - values[:, None]) / np.where(distances == 0, np.inf, distances)
    best = slopes.argmax(axis=1)
    uphill = np.where(slopes[index, best] > 0, neighbours[index, best], index)
    # Each round doubles the steps.
    while (uphill[uphill] != uphill).any():
        uphill = uphill[uphill]
    return uphill
