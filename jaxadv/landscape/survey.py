"""What is measured of a landscape: all inputs of one network in one cell, by one program.

`maxima` and `regularity` have the parts, for one problem; `runner` goes through the cells.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Key

from jaxadv.ascent.kinds import Kind
from jaxadv.ascent.pga import PGA
from jaxadv.ascent.solution import Status
from jaxadv.ascent.steps import STEP_RULES
from jaxadv.devices import on_devices
from jaxadv.experiments.draws import Draws, Given, IntLike, Source, Tag, draw, given_of, key_of
from jaxadv.experiments.layout import usual_certify_lanes, usual_lanes
from jaxadv.experiments.variables import Record, Variable, filled, known_where
from jaxadv.landscape.maxima import Ends, climb, group, representatives
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


class RegularitySurvey:
    """A `Survey` of maxima, and of how regular the landscape is; see `VARIABLES`."""

    label = "landscapes"
    title = "The landscape of the adversarial loss of two-layer networks"
    variables: Mapping[str, Variable] = VARIABLES
    settings: Mapping[str, Any] = {}

    def __init__(self, spec: Landscape, mesh: Mesh) -> None:
        self._spec, self.mesh = spec, mesh
        trials = spec.examples * spec.starts
        self.sizes: Mapping[str, int] = {
            "example": spec.examples,
            "start": spec.starts,
            "pair": NUM_BARRIERS,
            "mode": cast(int, spec.dim) - 1,
        }
        self._rules = Rules(
            loss_of(spec),
            pga_of(spec),
            usual_lanes(mesh.devices.flat[0], spec.width, trials),
            usual_certify_lanes(cast(int, spec.dim), spec.width, trials),
        )
        with jax.enable_x64(True):
            self._key, self._given = key_of(spec), given_of(spec)

    def __call__(self, cell: Cell, networks: Sequence[int]) -> dict[str, np.ndarray]:
        """The records of some networks in one cell, with axes (network, …)."""
        spec = self._spec
        # A last call with fewer networks repeats one: one shape, one compilation.
        indices = np.resize(np.asarray(networks, np.int32), self.mesh.size)
        with jax.enable_x64(True):
            program = compiled(source_of(spec), training_of(spec, cell), self._rules, self.mesh)
            settings = (jnp.asarray(cell.scale), jnp.asarray(cell.ratio))
            records = program(indices, self._key, self._given, *settings)
            return {name: filled(records[name])[: len(networks)] for name in VARIABLES}


@lru_cache(maxsize=32)
def compiled(
    source: Source, training: Pretraining | None, rules: Rules, mesh: Mesh
) -> Callable[..., dict[str, Record]]:
    """The program that surveys some networks, a row of records for each."""

    def program(indices: Array, *shared: Any) -> dict[str, Record]:
        return on_devices(partial(_one_network, source, training, rules), mesh, indices, *shared)

    return jax.jit(program)


def source_of(spec: Landscape) -> Source:
    """How networks, inputs and starts are drawn: as those of a sweep are."""
    return Source.of(
        spec,
        spec.activation,
        dim=cast(int, spec.dim),
        width=spec.width,
        signed=spec.loss == "logistic",
        examples=spec.examples,
        starts=spec.starts,
        dtype=spec.dtype,
    )


def loss_of(spec: Landscape) -> Loss:
    """The loss itself."""
    return resolve("loss", spec.loss, LOSSES)


def pga_of(spec: Landscape) -> PGA:
    """The settings of all ascents."""
    rule = resolve("step", spec.step, STEP_RULES)(spec.step_size)
    return PGA(rule, (spec.tolerance,), spec.max_steps)


def training_of(spec: Landscape, cell: Cell) -> Pretraining | None:
    """How a cell's networks are trained; None if they are not."""
    if cell.training == "none":
        return None
    attacked = cell.training == "adversarial"
    return Pretraining(attacked, spec.training_steps, spec.learning_rate, loss_of(spec))


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
    groups = group(ends.maximum, ends.certified, radius)
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
