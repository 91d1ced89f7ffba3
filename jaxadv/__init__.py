"""jaxadv: a batched simulator of first-order adversaries on random two-layer networks.

import jaxadv as ja
ds = ja.run_sweep(ja.Sweep(scales=(0.1, 1.0, 10.0)))
"""

from jaxadv.ascent.certificate import Certificate, Kind, certify
from jaxadv.ascent.pga import PGA, Solution, Status, ascend
from jaxadv.ascent.polish import Polished, polish
from jaxadv.ascent.steps import ConstantStep, InverseCurvatureStep, NormalizedStep
from jaxadv.ascent.trajectory import Trajectory, ascend_recorded
from jaxadv.devices import use_devices
from jaxadv.landscape.runner import open_landscape, run_critical, run_landscape
from jaxadv.landscape.spec import Landscape
from jaxadv.lanes import lane_map
from jaxadv.problems.activations import ACTIVATIONS
from jaxadv.problems.constraints import L2Ball, L2Sphere, LInfBall
from jaxadv.problems.losses import logistic, quadratic
from jaxadv.problems.networks import TwoLayer, init_two_layer
from jaxadv.problems.problem import Problem
from jaxadv.sweeps.runner import open_sweep, run_sweep
from jaxadv.sweeps.spec import Sweep
from jaxadv.training.runner import open_training, run_training
from jaxadv.training.spec import Training

__all__ = [
    "ACTIVATIONS",
    "PGA",
    "Certificate",
    "ConstantStep",
    "InverseCurvatureStep",
    "Kind",
    "L2Ball",
    "L2Sphere",
    "LInfBall",
    "Landscape",
    "NormalizedStep",
    "Polished",
    "Problem",
    "Solution",
    "Status",
    "Sweep",
    "Training",
    "Trajectory",
    "TwoLayer",
    "ascend",
    "ascend_recorded",
    "certify",
    "init_two_layer",
    "lane_map",
    "logistic",
    "open_landscape",
    "open_sweep",
    "open_training",
    "polish",
    "quadratic",
    "run_critical",
    "run_landscape",
    "run_sweep",
    "run_training",
    "use_devices",
]
