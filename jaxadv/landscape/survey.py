"""What is measured of a landscape: all inputs of one network in one cell, by one program.

`maxima` and `regularity` have the parts, for one problem; `work` has the grid of cells.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, ClassVar, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Key

from jaxadv.ascent.kinds import Kind
from jaxadv.ascent.pga import PGA
from jaxadv.ascent.solution import Status
from jaxadv.ascent.steps import STEP_RULES
from jaxadv.devices import Device, on_devices, wait_for
from jaxadv.experiments.draws import Draws, Given, IntLike, Source, Tag, draw, given_of, key_of
from jaxadv.experiments.groups import Group
from jaxadv.experiments.layout import usual_certify_lanes, usual_lanes
from jaxadv.experiments.variables import Record, filled, known_where
from jaxadv.grid.schema import Variable
from jaxadv.grid.states import States
from jaxadv.grid.work import Finished, Tick
from jaxadv.landscape.maxima import Ends, climb, representatives, same_maxima
from jaxadv.landscape.regularity import barrier, gradient_change, one_step, tangent_eigenvalues
from jaxadv.landscape.spec import Cell, Landscape
from jaxadv.learning.attack import Attack
from jaxadv.learning.fit import fit
from jaxadv.problems.constraints import L2Ball
from jaxadv.problems.losses import LOSSES, Loss
from jaxadv.problems.names import resolve
from jaxadv.problems.networks import Network
from jaxadv.problems.norms import is_zero, l2_norm, over
from jaxadv.problems.problem import Problem

N = TypeVar("N", bound=Network)
NUM_BARRIERS = 16
"""Maxima, in the order in which they are found, from which valleys to the best one are measured."""
NUM_CIRCLES = 16
"""Great circles along which gradients are compared."""
LOSS = "loss"
VARIABLES: Mapping[str, Variable] = {
    "status": Variable("status", "why the ascent stopped", dtype="int8", flags=Status),
    "num_steps": Variable("steps", "steps that were taken", units="step", dtype="int32"),
    "residual": Variable("residual", "residual at the end, over the radius"),
    "loss_end": Variable("loss", "loss at the end", units=LOSS),
    "kind": Variable("kind", "what the certificate found the end to be", dtype="int8", flags=Kind),
    "curvature_ratio": Variable(
        "curvature_ratio", "largest tangent curvature over multiplier; NaN in the interior"
    ),
    "maximum": Variable(
        "maximum", "first start that found the same certified maximum, -1 if none", dtype="int32"
    ),
    "loss_maximum": Variable("loss_maximum", "loss at the polished maximum", units=LOSS),
    "path_ratio": Variable("path_ratio", "length of the path over its chord"),
    "falls": Variable("falls", "share of steps that lowered the loss"),
    "loss_centre": Variable("loss_centre", "loss without a perturbation", LOSS, dims=("example",)),
    "step_cosine": Variable(
        "step_cosine", "cosine of the first gradient, at 0, with the best maximum",
        dims=("example",),
    ),
    "step_gain": Variable(
        "step_gain", "share of the best gain in loss that one step from 0 reaches",
        dims=("example",),
    ),
    "gradient_change": Variable(
        "gradient_change", "largest change of the gradient within a radius, over its largest norm",
        dims=("example",),
    ),
    "barrier": Variable(
        "barrier", "depth of the valley between a maximum and the best, over the best gain",
        dims=("example", "pair"),
    ),
    "spectrum": Variable(
        "spectrum", "tangent curvatures at the best maximum over its multiplier",
        dims=("example", "mode"),
    ),
}  # fmt: skip
"""The variables of a landscape's dataset by name."""


class Rules(NamedTuple):
    """What all problems of an experiment have in common, and what a program is compiled for."""

    loss: Loss
    pga: PGA
    num_lanes: int
    certify_lanes: int


class Pretraining(NamedTuple):
    """How networks are trained before they are looked at; ``attacked`` tells clean from robust."""

    attacked: bool
    num_steps: int
    learning_rate: float
    loss: Loss

    def __call__(
        self, network: N, given: Given, key: Key[Array, ""], scale: Array, ratio: Array
    ) -> N:
        """The trained network; trained in single precision, as random draws are."""
        assert given is not None
        directions, labels = (jnp.asarray(array, jnp.float32) for array in given)
        single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), network)
        trained, _ = fit(
            single,
            scale.astype(jnp.float32) * directions,
            labels,
            key,
            loss=self.loss,
            attack=Attack(ratio.astype(jnp.float32)) if self.attacked else None,
            num_steps=self.num_steps,
            learning_rate=self.learning_rate,
        )
        return jax.tree.map(lambda new, old: new.astype(old.dtype), trained, network)


class Drawn(NamedTuple):
    """One network of a cell, trained or not, with the problems on it."""

    network: Network
    draws: Draws
    scale: Float[Array, ""]
    ratio: Float[Array, ""]
    smooth: bool

    def problem(self, example: IntLike, loss: Loss) -> Problem:
        """The problem of one input."""
        x = self.scale * self.draws.direction[example]
        ball, label = L2Ball(self.ratio * l2_norm(x)), self.draws.label[example]
        return Problem(self.network, x, label, ball, loss, smooth=self.smooth)

    def starts(self, example: IntLike) -> Float[Array, "start dim"]:
        """The starts at one input, in its ball."""
        x = self.scale * self.draws.direction[example]
        return self.ratio * l2_norm(x) * self.draws.start[example]


class Running(NamedTuple):
    """Networks whose surveys devices may still be at.

    Attributes:
        num_networks: how many of the rows are asked for.
        values: as the program returns them, a row for each network.
    """

    num_networks: int
    values: Any


class CellSurvey:
    """A `jaxadv.grid.work.Program` for one cell: some networks in a call, one for each device.

    A subclass starts the call and takes the records.

    Args:
        spec: the specification.
        cell: which cell.
        mesh: the devices.
    """

    label: ClassVar[str]

    def __init__(self, spec: Landscape, cell: Cell, mesh: Mesh) -> None:
        self.spec, self.cell, self.mesh = spec, cell, mesh
        with jax.enable_x64(True):
            self.shared = (
                key_of(spec), given_of(spec), jnp.asarray(cell.scale), jnp.asarray(cell.ratio)
            )  # fmt: skip

    @property
    def replicates_per_call(self) -> int:
        """A network for each device."""
        return self.mesh.size

    @property
    def layout(self) -> Mapping[str, Any]:
        """The cell; there is nothing to choose."""
        cell = self.cell
        labels = self.spec.labels_of(cell.group)
        return {**labels, "training": cell.training, "ratio": cell.ratio, "scale": cell.scale}

    def start(self, networks: Sequence[int], states: States | None = None) -> Running:
        """Begin the survey of some networks; does not wait. It is short, and keeps no state."""
        del states
        # A last call with fewer networks repeats one: one shape, one compilation.
        indices = np.resize(np.asarray(networks, np.int32), self.mesh.size)
        with jax.enable_x64(True):
            return Running(len(networks), self.program()(indices, *self.shared))

    def finish(self, running: Running, tick: Tick | None = None) -> Finished:
        """Wait for the survey to end, and take its records."""
        if tick is not None:
            cell = self.cell
            trained = "random" if cell.training == "none" else f"{cell.training} training"
            tick(0, f"{self.label}: {trained}, s = {cell.scale:g}")
        wait_for(running.values)
        records = self.records(running)
        counts = {"networks_run": np.ones(running.num_networks, int)}
        return Finished({name: value[None] for name, value in records.items()}, counts)

    def program(self) -> Callable[..., Any]:
        """The compiled program, of the networks' indices and what they share."""
        raise NotImplementedError

    def records(self, running: Running) -> dict[str, np.ndarray]:
        """The records of a call that has ended, with axes (network, …)."""
        raise NotImplementedError


class RegularitySurvey(CellSurvey):
    """The survey of maxima, and of how regular the landscape is; see `VARIABLES`."""

    label = "landscapes"

    def program(self) -> Callable[..., Any]:
        """The program of the cell."""
        group = self.cell.group
        rules = rules_of(self.spec, group, self.mesh.devices.flat[0])
        source = source_of(self.spec, group)
        return compiled(source, training_of(self.spec, self.cell), rules, self.mesh)

    def records(self, running: Running) -> dict[str, np.ndarray]:
        """The values of all variables, for each network."""
        values = {name: filled(running.values[name])[: running.num_networks] for name in VARIABLES}
        # Networks of fewer dimensions have fewer curvatures.
        missing = sizes_of(self.spec)["mode"] - values["spectrum"].shape[-1]
        widths = [(0, 0)] * (values["spectrum"].ndim - 1) + [(0, missing)]
        return {**values, "spectrum": np.pad(values["spectrum"], widths, constant_values=np.nan)}


def sizes_of(spec: Landscape) -> dict[str, int]:
    """The lengths of the variables' dimensions, but for cell and network."""
    return {
        "example": spec.examples,
        "start": spec.starts,
        "pair": NUM_BARRIERS,
        "mode": max(spec.dims) - 1,
    }


@lru_cache(maxsize=32)
def compiled(
    source: Source, training: Pretraining | None, rules: Rules, mesh: Mesh
) -> Callable[..., dict[str, Record]]:
    """The program that surveys some networks, a row of records for each."""

    def program(indices: Array, *shared: Any) -> dict[str, Record]:
        return on_devices(partial(_one_network, source, training, rules), mesh, indices, *shared)

    return jax.jit(program)


def source_of(spec: Landscape, group: Group) -> Source:
    """How networks, inputs and starts are drawn: as those of a sweep are."""
    return Source.of(spec, group, examples=spec.examples, starts=spec.starts)


def rules_of(spec: Landscape, group: Group, device: Device) -> Rules:
    """The rules of a group's problems."""
    trials = spec.examples * spec.starts
    return Rules(
        loss_of(group),
        pga_of(spec),
        usual_lanes(device, group.width, trials),
        usual_certify_lanes(group.dim, group.width, trials),
    )


def loss_of(group: Group) -> Loss:
    """The loss itself."""
    return resolve("losses", group.loss, LOSSES)


def pga_of(spec: Landscape) -> PGA:
    """The settings of all ascents."""
    rule = resolve("step", spec.step, STEP_RULES)(spec.step_size)
    return PGA(rule, (spec.tolerance,), spec.max_steps)


def training_of(spec: Landscape, cell: Cell) -> Pretraining | None:
    """How a cell's networks are trained; None if they are not."""
    if cell.training == "none":
        return None
    attacked = cell.training == "adversarial"
    return Pretraining(attacked, spec.training_steps, spec.learning_rate, loss_of(cell.group))


def draw_trained(  # noqa: PLR0917  shared rows of `on_devices` are positional
    source: Source,
    training: Pretraining | None,
    index: IntLike,
    key: Key[Array, ""],
    given: Given,
    scale: Float[Array, ""],
    ratio: Float[Array, ""],
) -> Drawn:
    """One network with its inputs and starts, trained if the cell says so."""
    draws = draw(source, index, key, given)
    network = draws.network
    if training is not None:
        batches = source.key_for(key, Tag.BATCH, index)
        network = training(network, given, batches, scale, ratio)
    return Drawn(network, draws, scale, ratio, source.smooth)


def _one_network(
    source: Source, training: Pretraining | None, rules: Rules, index: Int[Array, ""], *shared: Any
) -> dict[str, Record]:
    """The records of one network in one cell."""
    drawn = draw_trained(source, training, index, *shared)
    examples, starts = source.examples, source.starts
    rows = jnp.stack(jnp.divmod(jnp.arange(examples * starts), starts), axis=1)

    def problem_of(row: Int[Array, " 2"]) -> tuple[Problem, Float[Array, " dim"]]:
        problem = drawn.problem(row[0], rules.loss)
        radius = problem.circumradius
        return problem, radius * drawn.draws.start[row[0], row[1]]

    ends = climb(
        problem_of,
        rows,
        rules.pga,
        num_lanes=rules.num_lanes,
        certify_lanes=rules.certify_lanes,
    )
    ends = jax.tree.map(lambda leaf: leaf.reshape(examples, starts, *leaf.shape[1:]), ends)
    of_examples = jax.lax.map(
        lambda example: _one_example(
            drawn.problem(example, rules.loss),
            drawn.starts(example),
            jax.tree.map(lambda leaf: leaf[example], ends),
        ),
        jnp.arange(examples),
    )
    # Of the ends' maxima, which are points, the dataset has the groups.
    loss_maximum = known_where(ends.certified, ends.loss_maximum)
    records = {**vars(ends), "loss_maximum": loss_maximum, **of_examples}
    return {name: records[variable.field] for name, variable in VARIABLES.items()}


def _one_example(
    problem: Problem, starts: Float[Array, "start dim"], ends: Ends
) -> dict[str, Record]:
    """What there is beside the single ascents."""
    radius = problem.circumradius
    groups = same_maxima(ends.maximum, ends.certified, radius)
    best = jnp.argmax(jnp.where(groups >= 0, ends.loss_maximum, -jnp.inf))
    any_maximum = groups[best] >= 0
    top = ends.maximum[best]
    loss_centre = problem.objective(jnp.zeros_like(top))
    step_cosine, step_gain = one_step(problem, top)
    rows, exist = representatives(groups, NUM_BARRIERS)
    on_edge = ends.kind == Kind.BOUNDARY_MAX
    are_apart = exist & on_edge[rows] & on_edge[best] & (groups[rows] != groups[best])
    depths = jax.vmap(lambda row: barrier(problem, top, ends.maximum[row]))(rows)
    pairs = min(NUM_CIRCLES, len(starts) // 2)
    circles = starts[: 2 * pairs].reshape(pairs, 2, starts.shape[1])
    change = gradient_change(problem, circles)
    eigenvalues, multiplier = tangent_eigenvalues(problem, top)
    return {
        "maximum": groups,
        "loss_centre": loss_centre,
        "step_cosine": known_where(any_maximum, step_cosine),
        "step_gain": known_where(any_maximum, step_gain),
        "gradient_change": known_where(~is_zero(radius), change),
        "barrier": known_where(are_apart, over(depths, ends.loss_maximum[best] - loss_centre)),
        "spectrum": known_where(on_edge[best], eigenvalues / multiplier),
    }
