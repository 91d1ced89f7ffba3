"""From a sweep's specification to its single trials: the draws at a cell's settings."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxadv.ascent.methods import Method
from jaxadv.ascent.methods_by_name import Maker, maker_of
from jaxadv.experiments.draws import AnyArray, Draws, IntLike, Source
from jaxadv.experiments.groups import Group
from jaxadv.experiments.moves import step_of
from jaxadv.problems.constraints import CONSTRAINTS, constraint_of
from jaxadv.problems.losses import LOSSES, Loss
from jaxadv.problems.names import Function, resolve
from jaxadv.problems.networks import Network
from jaxadv.problems.norms import l2_norm
from jaxadv.problems.problem import Problem
from jaxadv.pytrees import pytree
from jaxadv.sweeps.spec import Cell, Sweep


@pytree
class Settings:
    """The numbers by which the cells of a group differ: scales s, ratios ρ, and step sizes."""

    scale: Float[AnyArray, " cell"]
    ratio: Float[AnyArray, " cell"]
    step_size: Float[AnyArray, " cell"]


@pytree
class Trial:
    """One trial, without its network."""

    x: Float[Array, " dim"]
    y: Float[Array, ""]
    radius: Float[Array, ""]  # the circumradius
    start: Float[Array, " dim"]
    step_size: Float[Array, ""]


class Rules(NamedTuple):
    """What the trials of a group have in common, and what a program is compiled for."""

    loss: Loss
    constraint: Function
    method: Maker
    smooth: bool
    prove: bool

    def problem(self, network: Network, trial: Trial) -> tuple[Problem, Method]:
        """The problem and the method of one trial, for `ascend` and `certify`."""
        constraint = constraint_of(self.constraint, trial.radius, trial.x.size)
        problem = Problem(network, trial.x, trial.y, constraint, self.loss, smooth=self.smooth)
        return problem, self.method(trial.step_size)


def source_of(sweep: Sweep, group: Group) -> Source:
    """How a group's trials are drawn."""
    return Source.of(sweep, group, examples=sweep.examples, starts=sweep.starts)


def rules_of(sweep: Sweep, group: Group) -> Rules:
    """The rules of a group's trials."""
    step_rule, _ = step_of(group.method, sweep.step, sweep.step_sizes[0])
    return Rules(
        resolve("losses", group.loss, LOSSES),
        resolve("constraints", group.constraint, CONSTRAINTS),
        maker_of(group.method, step_rule, tolerances=sweep.tolerances, max_steps=sweep.max_steps),
        sweep.smooth,
        sweep.prove,
    )


def settings_of(sweep: Sweep, cells: Sequence[Cell]) -> Settings:
    """The settings of some cells, in their order."""
    columns = ("scale", "ratio", "step_size")
    return Settings(*(np.array([getattr(c, n) for c in cells], sweep.dtype) for n in columns))


def trial_of(
    draws: Draws, settings: Settings, cell: IntLike, example: IntLike, start: IntLike
) -> Trial:
    """One trial on a network.

    Example:
        >>> sweep = Sweep(widths=(8,), scales=(0.1, 1.0))
        >>> group = sweep.groups[0]
        >>> from jaxadv.experiments.draws import draw, given_of, key_of
        >>> draws = draw(source_of(sweep, group), 0, key_of(sweep), given_of(sweep))
        >>> trial_of(draws, settings_of(sweep, sweep.cells), 1, 5, 2).x.shape
        (64,)
    """
    scale, ratio, step_size = (
        jnp.asarray(column)[cell] for column in (settings.scale, settings.ratio, settings.step_size)
    )
    x = scale * draws.direction[example]
    radius = ratio * l2_norm(x)
    start_point = radius * draws.start[example, start]
    return Trial(x, draws.label[example], radius, start_point, step_size)


def expected_length(settings: Settings) -> Float[np.ndarray, " cell"]:
    """What the steps of a cell's trials are roughly proportional to.

    The steps grow with the radius and fall with the step size (docs/theory.md, section 6.6: T ∝
    ρ s/η at a fixed curvature ratio, which grows with ρ s as well).
    """
    return np.asarray(settings.ratio * settings.scale / settings.step_size)


def longest_first(settings: Settings, examples: int, starts: int) -> np.ndarray:
    """The numbers (cell, example, start) of all trials on a network, the longest ones first."""
    cells = np.argsort(-expected_length(settings), kind="stable")
    numbers = np.meshgrid(cells, np.arange(examples), np.arange(starts), indexing="ij")
    return np.stack([number.ravel() for number in numbers], axis=1).astype(np.int32)
