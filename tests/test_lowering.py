"""The programs of a sweep lower for CUDA and TPU without calls of a library of the device."""

import re
from functools import partial

import jax
import numpy as np
import pytest
from jax import export

import jaxadv as ja
from jaxadv.devices import use_devices
from jaxadv.experiments.draws import given_of, key_of
from jaxadv.sweeps.plan import make_plan
from jaxadv.sweeps.program import ascend_all, certify_all, draw_networks
from jaxadv.sweeps.trials import longest_first, rules_of, settings_of, source_of

CALLS = re.compile(r"custom_call\s*@(\w+)|call_target_name\s*=\s*\"(\w+)\"")


def custom_calls(function, *args, platform):
    text = export.export(jax.jit(function), platforms=[platform])(*args).mlir_module()
    return {name for names in CALLS.findall(text) for name in names if name}


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize("step", ["constant", "normalized", "inverse-curvature"])
def test_the_programs_of_a_sweep_need_no_library_of_the_device(platform, step):
    sweep = ja.Sweep(dims=(24,), widths=(32,), networks=1, examples=2, starts=2, step=step)
    group, cells = sweep.groups[0], sweep.cells
    plan = make_plan(sweep, cells, use_devices(1)[0], networks=1)
    source, rules = source_of(sweep, group), rules_of(sweep, group)
    trials = settings_of(sweep, cells), longest_first(settings_of(sweep, cells), 2, 2)
    seeds = np.zeros(1, np.int32), key_of(sweep), given_of(sweep)
    drawing = partial(draw_networks, source, plan)
    draws = jax.eval_shape(drawing, *seeds)
    ascending = partial(ascend_all, rules, plan)
    solutions, _ = jax.eval_shape(ascending, draws, *trials)
    assert custom_calls(drawing, *seeds, platform=platform) == set()
    assert custom_calls(ascending, draws, *trials, platform=platform) == set()
    with jax.enable_x64(True):
        certifying = partial(certify_all, rules, plan)
        ends = (draws, solutions), *trials
        assert custom_calls(certifying, *ends, platform=platform) == set()


def test_a_custom_call_would_be_found():
    calls = custom_calls(jax.numpy.linalg.eigvalsh, np.eye(3, dtype="float32"), platform="cuda")
    assert calls
