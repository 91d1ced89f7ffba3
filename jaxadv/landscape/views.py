"""The data of pictures of a landscape: one input of the first network, in every cell.

Each function returns a dataset with the dimension ``cell``, whose coordinates are the settings.
(The coordinate of the loss function is ``loss_function``, because ``loss`` has the values.)
Networks, inputs and starts are those of `run_landscape`. `spheres` has the views of whole circles
and spheres. (Examples that compile for long run among the slow tests.)
"""

import functools
import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Array, Float, Key
from tqdm.auto import tqdm

from jaxadv.ascent.distinct import representatives, same_maxima
from jaxadv.ascent.methods import Method
from jaxadv.ascent.trajectory import ascend_recorded
from jaxadv.devices import Device, use_devices
from jaxadv.experiments.layout import usual_lanes
from jaxadv.experiments.variables import Known, filled, known_where
from jaxadv.landscape.drawn import Scene, scene_of
from jaxadv.landscape.maxima import climb
from jaxadv.landscape.regularity import angle_between, great_circle
from jaxadv.landscape.spec import Landscape
from jaxadv.problems.problem import Problem
from jaxadv.problems.starts import random_start
from jaxadv.programs import remembered

Directions = Literal["pca", "gradient"]
NUM_PATHS = 20  # ascents whose paths are drawn
NUM_ARCS = 8  # great circles from the best maximum to other ones
POINTS_PER_PATH = 64
ASCENTS_PER_CALL = 5_000


def record_paths(scene: Scene, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The losses and points at every step of the first ascents; NaN after their ends."""
    losses, points = _record_paths(scene, number)
    return filled(losses), filled(points)


@functools.partial(jax.jit, static_argnames="number")
def _record_paths(scene: Scene, number: int) -> tuple[Known, Known]:
    """The program behind `record_paths`."""
    ascents = jax.vmap(lambda start: ascend_recorded(scene.problem, start, scene.method))
    solutions, paths = ascents(scene.starts[:number])
    was_taken = jnp.arange(scene.method.max_steps + 1)[None] <= solutions.steps[:, None]
    return (
        known_where(was_taken, paths.loss),
        known_where(was_taken[..., None], paths.perturbation),
    )


@jax.jit
def find_maxima(scene: Scene) -> tuple[Array, Array, Array]:
    """From all starts: polished maxima, their losses, and which are the same, as `same_maxima`."""
    lanes = usual_lanes(jax.local_devices()[0], scene.problem.x.size * 8, len(scene.starts))
    ends = climb(lambda start: (scene.problem, start), scene.starts, scene.method, num_lanes=lanes)
    radius = scene.problem.circumradius
    return ends.maximum, ends.loss_maximum, same_maxima(ends.maximum, ends.certified, radius)


def view_ascents(spec: Landscape) -> xr.Dataset:
    """The loss at every step of `NUM_PATHS` ascents, with that at the centre.

    Example:
        >>> spec = Landscape(scales=(1.0,), dims=3, widths=8, networks=1, starts=4, max_steps=50)
        >>> dict(view_ascents(spec).loss_path.sizes)  # doctest: +SKIP
        {'cell': 1, 'start': 4, 'step': 51}
    """

    def view(scene: Scene) -> dict[str, Any]:
        losses, _ = record_paths(scene, NUM_PATHS)
        centre = scene.problem.objective(jnp.zeros_like(scene.problem.x))
        return {"loss_path": (("start", "step"), losses), "loss_centre": ((), centre)}

    return each_cell(spec, view, "loss along ascents")


def view_arcs(spec: Landscape, num_points: int = 256) -> xr.Dataset:
    """The loss along great circles from the best maximum to others, in the order of their starts.

    ``loss_arc`` is NaN where there are not so many maxima; ``angle`` is 0 at the best maximum, and
    ends at the other one.

    Example:
        >>> spec = Landscape(scales=(1.0,), dims=3, widths=8, networks=1, starts=4)
        >>> dict(view_arcs(spec, num_points=16).loss_arc.sizes)  # doctest: +SKIP
        {'cell': 1, 'pair': 8, 'point': 16}
    """

    def view(scene: Scene) -> dict[str, Any]:
        maxima, losses, firsts = find_maxima(scene)
        best = jnp.argmax(jnp.where(firsts >= 0, losses, -jnp.inf))
        rows, exist = representatives(jnp.where(firsts == firsts[best], -1, firsts), NUM_ARCS)
        angles, values = _arcs(scene.problem, maxima[best], maxima[rows], num_points)
        centre = scene.problem.objective(jnp.zeros_like(scene.problem.x))
        return {
            "loss_arc": (("pair", "point"), known_where(exist[:, None], values)),
            "angle": (("pair", "point"), known_where(exist[:, None], angles)),
            "loss_best": ((), known_where(firsts[best] >= 0, losses[best])),
            "loss_centre": ((), centre),
        }

    return each_cell(spec, view, "great circles")


@functools.partial(jax.jit, static_argnames="num_points")
def _arcs(
    problem: Problem,
    best: Float[Array, " dim"],
    maxima: Float[Array, "pair dim"],
    num_points: int,
) -> tuple[Float[Array, "pair point"], Float[Array, "pair point"]]:
    """Angles on the way from the best maximum to each other one, and the losses there."""

    def along(other: Float[Array, " dim"]) -> tuple[Array, Array]:
        angles = jnp.linspace(0, 1, num_points) * angle_between(best, other)
        return angles, jax.vmap(problem.objective)(great_circle(best, other, angles))

    return jax.lax.map(along, maxima)


def view_plane(
    spec: Landscape, directions: Directions = "pca", num_points: int = 121
) -> xr.Dataset:
    """The loss in a plane through the best maximum δ*, with the ball's edge and some ascents.

    Where no maximum is certified, the highest point of the ascents stands for δ*.

    Args:
        spec: the specification.
        directions: ``"pca"``: the two directions in which `NUM_PATHS` ascents spread most around
            δ*; ``"gradient"``: the gradient at the centre, and a random direction.
        num_points: along each axis.

    Returns:
        ``loss`` over (cell, row, column), with coordinates in radii from δ*; the centre and radius
        of the ball's section, a disc; ``path`` with the two coordinates of the ascents, projected.

    Example:
        >>> spec = Landscape(scales=(1.0,), dims=3, widths=8, networks=1, starts=4, max_steps=200)
        >>> dict(view_plane(spec, num_points=9).loss.sizes)  # doctest: +SKIP
        {'cell': 1, 'row': 9, 'column': 9}
    """

    def view(scene: Scene) -> dict[str, Any]:
        problem = scene.problem
        radius = float(problem.circumradius)
        maxima, tops, firsts = map(np.asarray, find_maxima(scene))
        losses, points = record_paths(scene, NUM_PATHS)
        if (firsts >= 0).any():
            best = np.where(firsts >= 0, tops, -np.inf).argmax()
            top, loss_best = maxima[best] / radius, tops[best]
        else:
            # No maximum was certified: the highest point of all ascents stands for it.
            heights = np.where(np.isnan(losses), -np.inf, losses)
            best = np.unravel_index(heights.argmax(), losses.shape)
            top, loss_best = points[best] / radius, losses[best]
        paths = thinned(points / radius)
        if directions == "pca":
            spread = (paths - top).reshape(-1, top.size)
            axes = np.linalg.svd(spread[~np.isnan(spread).any(axis=1)], full_matrices=False)[2][:2]
        else:
            _, gradient = problem.value_and_gradient(jnp.zeros_like(problem.x))
            axes = np.linalg.qr(np.stack([gradient, scene.starts[0]], axis=1))[0].T
        axes = axes * np.where(axes @ top < 0, -1, 1)[:, None]
        centre = -(axes @ top)
        section = np.sqrt(np.maximum(0, 1 - np.linalg.norm(top + centre @ axes) ** 2))
        ticks = np.linspace(-1.08, 1.08, num_points)
        across, up = centre[0] + section * ticks, centre[1] + section * ticks
        grid = top + across[None, :, None] * axes[0] + up[:, None, None] * axes[1]
        centre_loss = problem.objective(jnp.zeros_like(problem.x))
        return {
            "loss": (("row", "column"), _losses(problem, radius * grid)),
            "across": (("column",), across),
            "up": (("row",), up),
            "centre": (("axis",), centre),
            "section": ((), section),
            "path": (("start", "point", "axis"), (paths - top) @ axes.T),
            "loss_best": ((), loss_best),
            "loss_centre": ((), centre_loss),
        }

    return each_cell(spec, view, "planes")


@jax.jit
def _losses(problem: Problem, grid: Float[Array, "row column dim"]) -> Float[Array, "row column"]:
    return jax.lax.map(jax.vmap(problem.objective), grid)


def thinned(points: Float[np.ndarray, "start step dim"]) -> Float[np.ndarray, "start point dim"]:
    """`POINTS_PER_PATH` points of each path, ever fewer along it; paths are NaN after their ends.

    Example:
        >>> thinned(np.arange(4.0).reshape(1, 4, 1)).shape
        (1, 64, 1)
    """
    lengths = (~np.isnan(points[..., 0])).sum(axis=1)
    rows = [np.geomspace(1, length, POINTS_PER_PATH).astype(int) - 1 for length in lengths]
    return np.stack([path[row] for path, row in zip(points, rows, strict=True)])


def view_losses(spec: Landscape, starts: int = 100_000) -> xr.Dataset:
    """The final losses of many ascents, whose starts are not those of the survey.

    Example:
        >>> spec = Landscape(scales=(1.0,), dims=3, widths=8, networks=1)
        >>> dict(view_losses(spec, starts=64).loss_end.sizes)  # doctest: +SKIP
        {'cell': 1, 'start': 64}
    """
    devices = use_devices()
    per_call = min(starts, ASCENTS_PER_CALL)
    lanes = usual_lanes(devices[0], max(group.width for group in spec.groups), per_call)
    ascend = remembered(_final_losses, per_call, lanes)

    def view(scene: Scene) -> dict[str, Any]:
        def call(key: Key[Array, ""], device: Device) -> list[np.ndarray]:
            with jax.enable_x64(True):
                here = jax.device_put((key, scene.problem, scene.method), device)
                return [*map(np.asarray, ascend(*here))]

        keys = jax.random.split(scene.key, -(-starts // per_call))
        # The first call compiles.
        ends = [call(keys[0], devices[0])]
        with ThreadPoolExecutor(len(devices)) as threads:
            ends += threads.map(call, keys[1:], itertools.cycle(devices))
        losses, certified = (np.concatenate(parts)[:starts] for parts in zip(*ends, strict=True))
        centre = scene.problem.objective(jnp.zeros_like(scene.problem.x))
        return {
            "loss_end": (("start",), losses),
            "certified": (("start",), certified),
            "loss_centre": ((), centre),
        }

    return each_cell(spec, view, f"final losses of {starts:,} ascents")


def _final_losses(number: int, lanes: int) -> Callable[..., tuple[Array, Array]]:
    """The program behind `view_losses`."""

    def ascend(key: Key[Array, ""], problem: Problem, method: Method) -> tuple[Array, Array]:
        keys = jax.random.split(key, number)
        shape, dtype = problem.x.shape, problem.x.dtype
        starts = jax.vmap(lambda key: random_start(problem.constraint, key, shape))(keys)
        ends = climb(lambda start: (problem, start), starts.astype(dtype), method, num_lanes=lanes)
        return ends.loss, ends.certified

    return jax.jit(ascend)


def each_cell(spec: Landscape, view: Callable[[Scene], dict[str, Any]], what: str) -> xr.Dataset:
    """A view of every cell in one dataset; shorter arrays are filled up with NaN."""
    with jax.enable_x64(True):
        parts = [
            xr.Dataset({name: (dims, filled(value)) for name, (dims, value) in view(scene).items()})
            for scene in (scene_of(spec, cell) for cell in tqdm(spec.cells, desc=what, leave=False))
        ]
    names = ("training", "ratio", "scale")
    settings = pd.DataFrame(
        {**spec.labels_of(cell.group), **{name: getattr(cell, name) for name in names}}
        for cell in spec.cells
    ).rename(columns={"loss": "loss_function"})
    coords = {str(name): ("cell", column.to_list()) for name, column in settings.items()}
    joined = xr.concat(_of_one_size(parts), "cell", join="exact")
    return joined.assign_coords(coords).assign_attrs(landscape=spec.text)


def _of_one_size(parts: Iterable[xr.Dataset]) -> list[xr.Dataset]:
    """The datasets, each dimension padded at its end to the longest."""
    parts = list(parts)
    sizes = {dim: max(part.sizes[dim] for part in parts) for dim in parts[0].sizes}
    return [
        part.pad({dim: (0, size - part.sizes[dim]) for dim, size in sizes.items()})
        for part in parts
    ]
