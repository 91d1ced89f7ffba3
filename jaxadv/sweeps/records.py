"""What a sweep records of each trial: variables, their units, and the fields they come from."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Array

from jaxadv.ascent.certificate import Certificate
from jaxadv.ascent.kinds import MAXIMA, Kind
from jaxadv.ascent.solution import Solution, Status
from jaxadv.experiments.variables import Known, filled, known_on_boundary
from jaxadv.grid.schema import Variable
from jaxadv.proofs.ends import Proved

SOLUTION = {
    "num_steps": Variable(
        "num_steps",
        "first step at which the residual is within the tolerance, or steps taken if never",
        units="step",
        dtype="int32",
        dims=("example", "start", "tolerance"),
    ),
    "reached": Variable(
        "reached",
        "whether the tolerance was reached",
        dtype="bool",
        dims=("example", "start", "tolerance"),
    ),
    "status": Variable("status", "why the trial stopped", dtype="int8", flags=Status),
    "boundary_step": Variable(
        "boundary_step", "first step on the boundary, -1 if none", units="step", dtype="int32"
    ),
    "residual": Variable("residual", "residual at the end, over the radius"),
    "frank_wolfe_gap": Variable("frank_wolfe_gap", "Frank-Wolfe gap at the end", units="loss"),
    "loss_start": Variable("loss_start", "loss at the start", units="loss"),
    "loss_end": Variable("loss", "loss at the end", units="loss"),
}
CERTIFICATE = {
    "kind": Variable("kind", "what the certificate found the end to be", dtype="int8", flags=Kind),
    "multiplier": Variable(
        "multiplier", "multiplier of the constraint", units="loss per squared input unit"
    ),
    "curvature_ratio": Variable(
        "curvature_ratio",
        "largest tangent curvature over multiplier; NaN in the interior and at vertices",
    ),
    "curvature_error": Variable(
        "curvature_error", "how far the curvature ratio may lie above its value"
    ),
    "condition_number": Variable(
        "condition_number",
        "(λ − h_min)/(λ − h₁), of the Hessian's eigenvalues; NaN where there is no strict maximum",
    ),
    "single": Variable(
        "single", "whether products with the Hessian were in single precision", dtype="bool"
    ),
    "local_rate": Variable("local_rate", "predicted factor of the residual per step at the end"),
    "distance_estimate": Variable(
        "distance_estimate",
        "first-order distance to the true maximum, over the radius; NaN if there is none",
    ),
    "distance": Variable(
        "distance", "distance to the confirmed maximum, over the radius; NaN if there is none"
    ),
    "num_free": Variable(
        "num_free", "coordinates of the end that are at no bound; NaN where the set is no box"
    ),
    "complementarity": Variable(
        "complementarity",
        "least outward entry of the gradient at a bound, over the mean size of its entries; NaN "
        "where the set is no box, and inside",
    ),
    "kink_distance": Variable(
        "kink_distance", "distance of a pre-activation from the nearest kink; 0 if unknown"
    ),
}
PROOF = Variable(
    "proof",
    "what is proved of the end: that it is the global maximum, and the only one on its side",
    dtype="int8",
    flags=Proved,
)
# The variables of a sweep's dataset, by name.
VARIABLES: Mapping[str, Variable] = {**SOLUTION, **CERTIFICATE, "proof": PROOF}


def record(
    solution: Solution, certificate: Certificate, proof: Array, *, in_box: bool
) -> dict[str, np.ndarray]:
    """The values of all variables for a batch of trials; NaN where a value does not exist.

    Args:
        solution: of all trials.
        certificate: of all trials.
        proof: the `Proved` of all trials.
        in_box: whether the set of perturbations is a box.
    """
    sources = ((SOLUTION, solution), (CERTIFICATE, certificate))
    records = {
        name: np.asarray(getattr(source, variable.field))
        for variables, source in sources
        for name, variable in variables.items()
    }
    for name in ("curvature_ratio", "curvature_error"):
        records[name] = filled(known_on_boundary(records[name], records["multiplier"]))
        # At a vertex there is no tangent, and the largest curvature along it is −∞.
        records[name] = np.where(np.isneginf(records[name]), np.nan, records[name])
    for name in ("distance", "distance_estimate", "condition_number"):
        records[name] = filled(Known(records[name], ~np.isinf(records[name])))
    for name in ("num_free", "complementarity"):
        exists = in_box & np.isfinite(records[name])
        records[name] = filled(Known(records[name].astype(float), exists))
    # An end that is not certified may be far from the maximum that the proof is about.
    is_maximum = np.isin(records["kind"], MAXIMA)
    records["proof"] = np.where(is_maximum, proof, np.minimum(proof, Proved.NOTHING))
    return records
