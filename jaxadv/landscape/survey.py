"""The survey of maxima and regularity: one program for all inputs of one network in one cell.

`maxima` and `regularity` measure one problem; `work` has the grid of cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, ScalarLike

from jaxadv.ascent.distinct import representatives, same_maxima
from jaxadv.ascent.kinds import Kind
from jaxadv.ascent.methods import Method
from jaxadv.ascent.solution import Status
from jaxadv.devices import Device
from jaxadv.experiments.draws import Source
from jaxadv.experiments.groups import Group
from jaxadv.experiments.layout import usual_certify_lanes, usual_lanes
from jaxadv.experiments.variables import Record, filled, known_where
from jaxadv.grid.schema import Variable
from jaxadv.landscape.drawn import (
    Pretraining,
    draw_trained,
    loss_of,
    method_of,
    source_of,
    training_of,
)
from jaxadv.landscape.maxima import Ends, climb
from jaxadv.landscape.program import CellSurvey
from jaxadv.landscape.regularity import barrier, gradient_change, one_step, tangent_eigenvalues
from jaxadv.landscape.spec import Cell, Landscape
from jaxadv.problems.constraints import is_round
from jaxadv.problems.losses import Loss
from jaxadv.problems.norms import is_zero, over
from jaxadv.problems.problem import Problem
from jaxadv.proofs.ends import Proved, has_proofs, prove_ends, square_norm_of

# Valleys to the best maximum are measured from so many maxima, in the order of their first starts.
NUM_BARRIERS = 16
NUM_CIRCLES = 16  # great circles along which gradients are compared
LOSS = "loss"  # a unit
# The variables of a landscape's dataset, by name.
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
    "proof": Variable(
        "proof",
        "what is proved of the end: that it is the global maximum, and the only one on its side",
        dtype="int8",
        flags=Proved,
    ),
    "most_maxima": Variable(
        "most_maxima", "how many maxima there are at most, as is proved; NaN where nothing is",
        dims=("example",),
    ),
    "proof_ratio": Variable(
        "proof_ratio", "bound of the network's curvature on the set over the multiplier at the "
        "best maximum: below 1 the pole is global, below 1/2 it has no rival on its side of the "
        "label; NaN without a maximum, and where no proof is tried", dims=("example",),
    ),
    "loss_maximum": Variable("loss_maximum", "loss at the polished maximum", units=LOSS),
    "num_free": Variable(
        "num_free", "coordinates of the end that are at no bound; NaN where the set is no box"
    ),
    "path_ratio": Variable("path_ratio", "length of the path over its chord"),
    "falls": Variable("falls", "share of steps that lowered the loss"),
    "loss_centre": Variable("loss_centre", "loss without a perturbation", LOSS, dims=("example",)),
    "step_cosine": Variable(
        "step_cosine", "cosine of the first step, from 0 to the boundary, with the best maximum",
        dims=("example",),
    ),
    "step_gain": Variable(
        "step_gain", "share of the best gain in loss that the first step reaches",
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


class Rules(NamedTuple):
    """What all problems of a group have in common, and what a program is compiled for."""

    loss: Loss
    method: Method
    num_lanes: int
    certify_lanes: int


class RegularitySurvey(CellSurvey):
    """The survey of maxima, and of how regular the landscape is; see `VARIABLES`."""

    label = "landscapes"

    def __init__(self, spec: Landscape, cell: Cell, devices: Sequence[Device]) -> None:
        source, rules = source_of(spec, cell.group), rules_of(spec, cell.group, devices[0])
        super().__init__(spec, cell, devices, NetworkSurvey(source, training_of(spec, cell), rules))

    def records(self, surveyed: dict[str, Record]) -> dict[str, np.ndarray]:
        """The values of all variables."""
        values = {name: filled(surveyed[name]) for name in VARIABLES}
        # Networks with fewer input dimensions have fewer curvatures.
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


def rules_of(spec: Landscape, group: Group, device: Device) -> Rules:
    """The rules of a group's problems."""
    trials = spec.examples * spec.starts
    return Rules(
        loss_of(group),
        method_of(spec, group),
        usual_lanes(device, group.width, trials),
        usual_certify_lanes(group.dim, group.width, trials),
    )


@dataclass(frozen=True)
class NetworkSurvey:
    """The survey of one network; see `jaxadv.landscape.program.Survey`."""

    source: Source
    training: Pretraining | None
    rules: Rules

    def __call__(self, index: Int[Array, ""], *shared: Any) -> dict[str, Record]:
        """The records of network ``index``."""
        rules, examples, starts = self.rules, self.source.examples, self.source.starts
        drawn = draw_trained(self.source, self.training, index, *shared)
        rows = jnp.stack(jnp.divmod(jnp.arange(examples * starts), starts), axis=1)

        def problem_of(row: Int[Array, " 2"]) -> tuple[Problem, Float[Array, " dim"]]:
            problem = drawn.problem(row[0], rules.loss)
            radius = problem.circumradius
            return problem, radius * drawn.draws.start[row[0], row[1]]

        ends = climb(
            problem_of,
            rows,
            rules.method,
            num_lanes=rules.num_lanes,
            certify_lanes=rules.certify_lanes,
        )
        ends = jax.tree.map(lambda leaf: leaf.reshape(examples, starts, *leaf.shape[1:]), ends)
        first = drawn.problem(0, rules.loss)
        square_norm = square_norm_of(first) if has_proofs(first) else jnp.inf
        of_examples = jax.lax.map(
            lambda example: (
                _one_example(
                    drawn.problem(example, rules.loss),
                    drawn.starts(example),
                    jax.tree.map(lambda leaf: leaf[example], ends),
                )
                | _proofs(
                    drawn.problem(example, rules.loss),
                    jax.tree.map(lambda leaf: leaf[example], ends),
                    square_norm,
                )
            ),
            jnp.arange(examples),
        )
        # The maxima themselves are points; the dataset only has which of them are the same.
        loss_maximum = known_where(ends.certified, ends.loss_maximum)
        records = {**vars(ends), "loss_maximum": loss_maximum, **of_examples}
        return {name: records[variable.field] for name, variable in VARIABLES.items()}


def _proofs(problem: Problem, ends: Ends, square_norm: ScalarLike) -> dict[str, Record]:
    """What is proved of the ends on one input, and of the number of its maxima."""
    if not has_proofs(problem):
        not_tried = jnp.full(ends.certified.shape, Proved.NOT_TRIED, jnp.int8)
        unknown = known_where(jnp.bool_(False), 0.0)
        return {"proof": not_tried, "most_maxima": unknown, "proof_ratio": unknown}
    proved, num_maxima, ratios = prove_ends(problem, ends.maximum, square_norm, tight=True)
    # An end that is not certified may be far from the maximum that the proof is about.
    proved = jnp.where(ends.certified, proved, jnp.minimum(proved, Proved.NOTHING))
    most = num_maxima.min()
    ratio = ratios[jnp.argmax(jnp.where(ends.certified, ends.loss_maximum, -jnp.inf))]
    return {
        "proof": proved,
        "most_maxima": known_where(jnp.isfinite(most), most),
        "proof_ratio": known_where(ends.certified.any() & jnp.isfinite(ratio), ratio),
    }


def _one_example(
    problem: Problem, starts: Float[Array, "start dim"], ends: Ends
) -> dict[str, Record]:
    """The records of one input as a whole, beside those of its ascents."""
    radius, on_circles = problem.circumradius, is_round(problem.constraint, problem.x.size)
    firsts = same_maxima(ends.maximum, ends.certified, radius)
    best = jnp.argmax(jnp.where(firsts >= 0, ends.loss_maximum, -jnp.inf))
    any_maximum = firsts[best] >= 0
    top = ends.maximum[best]
    loss_centre = problem.objective(jnp.zeros_like(top))
    step_cosine, step_gain = one_step(problem, top)
    rows, exist = representatives(firsts, NUM_BARRIERS)
    on_edge = ends.kind == Kind.BOUNDARY_MAX
    are_apart = exist & on_edge[rows] & on_edge[best] & (firsts[rows] != firsts[best])
    depths = jax.vmap(lambda row: barrier(problem, top, ends.maximum[row]))(rows)
    pairs = min(NUM_CIRCLES, len(starts) // 2)
    circles = starts[: 2 * pairs].reshape(pairs, 2, starts.shape[1])
    change = gradient_change(problem, circles)
    eigenvalues, multiplier = tangent_eigenvalues(problem, top)
    return {
        "maximum": firsts,
        "loss_centre": loss_centre,
        "step_cosine": known_where(any_maximum, step_cosine),
        "step_gain": known_where(any_maximum, step_gain),
        "gradient_change": known_where(on_circles & ~is_zero(radius), change),
        "barrier": known_where(are_apart, over(depths, ends.loss_maximum[best] - loss_centre)),
        "spectrum": known_where(on_edge[best], eigenvalues / multiplier),
    }
