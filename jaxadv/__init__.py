"""jaxadv: a batched simulator of first-order adversaries on random two-layer networks.

import jaxadv as ja
ds = ja.run_sweep(ja.Sweep(scales=(0.1, 1.0, 10.0)))
"""

from jaxadv.ascent import pga
from jaxadv.ascent.certificate import Certificate, certify
from jaxadv.ascent.kinds import Kind
from jaxadv.ascent.pga import PGA, ascend
from jaxadv.ascent.polish import Polished, polish
from jaxadv.ascent.solution import Solution, Status
from jaxadv.ascent.steps import ConstantStep, InverseCurvatureStep, NormalizedStep, StepRule
from jaxadv.ascent.trajectory import Trajectory, ascend_recorded
from jaxadv.devices import use_devices
from jaxadv.grid.run import open_grid as open  # noqa: A004
from jaxadv.landscape.runner import open_landscape, run_critical, run_landscape
from jaxadv.landscape.spec import Landscape
from jaxadv.lanes import lane_map
from jaxadv.problems.activations import ACTIVATIONS
from jaxadv.problems.constraints import (
    CertifiableConstraint,
    Constraint,
    L2Ball,
    L2Sphere,
    LInfBall,
)
from jaxadv.problems.faces import Face, RoundFace
from jaxadv.problems.losses import Loss, cross_entropy, logistic, margin, quadratic
from jaxadv.problems.networks import Network, Normalized, TwoLayer, init_two_layer
from jaxadv.problems.problem import Problem
from jaxadv.problems.smoothness import kinks
from jaxadv.sweeps.run import open_sweep, run_sweep
from jaxadv.sweeps.spec import Sweep
from jaxadv.training.runner import open_training, run_training
from jaxadv.training.spec import Training

__all__ = [
    "ACTIVATIONS",
    "PGA",
    "CertifiableConstraint",
    "Certificate",
    "ConstantStep",
    "Constraint",
    "Face",
    "InverseCurvatureStep",
    "Kind",
    "L2Ball",
    "L2Sphere",
    "LInfBall",
    "Landscape",
    "Loss",
    "Network",
    "Normalized",
    "NormalizedStep",
    "Polished",
    "Problem",
    "RoundFace",
    "Solution",
    "Status",
    "StepRule",
    "Sweep",
    "Training",
    "Trajectory",
    "TwoLayer",
    "ascend",
    "ascend_recorded",
    "certify",
    "cross_entropy",
    "init_two_layer",
    "kinks",
    "lane_map",
    "logistic",
    "margin",
    "open",
    "open_landscape",
    "open_sweep",
    "open_training",
    "pga",
    "polish",
    "quadratic",
    "run_critical",
    "run_landscape",
    "run_sweep",
    "run_training",
    "use_devices",
]
