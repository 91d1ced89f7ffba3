"""What an attack records of each input and of each trial."""

from collections.abc import Mapping

from jaxadv.ascent.kinds import Kind
from jaxadv.ascent.solution import Status
from jaxadv.grid.schema import Variable

LOSS = "loss"  # a unit
# The variables of each input.
OF_INPUTS: Mapping[str, Variable] = {
    "loss": Variable("loss", "loss at the worst perturbation", LOSS, dims=()),
    "clean_loss": Variable("clean_loss", "loss at the input itself", LOSS, dims=()),
    "correct": Variable(
        "correct", "whether the answer at the input itself is its label (or target)", dtype="bool",
        dims=(),
    ),
    "robust": Variable(
        "robust", "whether neither the input itself nor any trial is a success of the attack",
        dtype="bool", dims=(),
    ),
    "changed": Variable(
        "changed", "whether the answer at the worst perturbation is not that at the input",
        dtype="bool", dims=(),
    ),
    "saturated": Variable(
        "saturated", "whether the gradient of the loss at the input is 0 by rounding",
        dtype="bool", dims=(),
    ),
    "perturbation": Variable("perturbation", "worst perturbation, flattened", dims=("entry",)),
}  # fmt: skip
# Of each input, where proofs are asked for.
OF_PROOFS: Mapping[str, Variable] = {
    "proved": Variable(
        "proved", "whether every attack in the set is proved to fail",
        dtype="bool", dims=(),
    ),
}  # fmt: skip
# The variables of each trial.
OF_TRIALS: Mapping[str, Variable] = {
    "num_steps": Variable(
        "num_steps", "first step at which the residual is within the tolerance, or steps taken",
        "step", "int32", dims=("start", "tolerance"),
    ),
    "reached": Variable(
        "reached", "whether the tolerance was reached", dtype="bool", dims=("start", "tolerance")
    ),
    "steps": Variable("steps", "steps taken", "step", "int32", dims=("start",)),
    "status": Variable(
        "status", "why the trial stopped", dtype="int8", flags=Status, dims=("start",)
    ),
    "residual": Variable("residual", "residual at the end", dims=("start",)),
    "loss_end": Variable("loss_end", "loss at the end", LOSS, dims=("start",)),
}  # fmt: skip
OF_CERTIFICATES: Mapping[str, Variable] = {
    "kind": Variable(
        "kind", "what the certificate found the end to be", dtype="int8", flags=Kind,
        dims=("start",),
    ),
    "curvature_ratio": Variable(
        "curvature_ratio", "largest tangent curvature over multiplier; NaN in the interior",
        dims=("start",),
    ),
    "condition_number": Variable(
        "condition_number", "largest over smallest curvature at a certified maximum; NaN elsewhere",
        dims=("start",),
    ),
    "num_free": Variable(
        "num_free", "entries of the end that are at no bound; NaN where the set is no box",
        dims=("start",),
    ),
    "maximum": Variable(
        "maximum", "first start that found the same certified maximum, -1 if none", dtype="int32",
        dims=("start",),
    ),
    "kappa_0": Variable(
        "kappa_0", "circumradius times the largest curvature at the input over its gradient; NaN "
        "where the gradient is 0", dims=(),
    ),
}  # fmt: skip
# The end of each trial, where they are asked for.
OF_ENDS: Mapping[str, Variable] = {
    "end": Variable(
        "end", "end of the trial, polished where it is a certified maximum, flattened",
        dims=("start", "entry"),
    ),
}  # fmt: skip
