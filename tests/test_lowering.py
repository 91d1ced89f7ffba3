"""Programs lower for CUDA and TPU, and which of them call a library of the device."""

import re
from functools import partial

import jax
import numpy as np
import pytest
from jax import export

import jaxadv as ja
from jaxadv.devices import use_devices
from jaxadv.experiments.draws import given_of, key_of
from jaxadv.landscape.survey import RegularitySurvey
from jaxadv.programs import lower_for
from jaxadv.sweeps.compiled import ascend_all, certify_all, draw_networks
from jaxadv.sweeps.plan import make_plan
from jaxadv.sweeps.trials import longest_first, rules_of, settings_of, source_of
from jaxadv.training.program import TrainingProgram

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


@pytest.fixture
def lowered(monkeypatch):
    """The functions that are lowered while a test runs, and their arguments."""
    programs = []

    def spied(device, function, *args, **options):
        programs.append((function, args))
        return lower_for(device, function, *args, **options)

    monkeypatch.setattr("jaxadv.landscape.program.lower_for", spied)
    monkeypatch.setattr("jaxadv.training.program.lower_for", spied)
    return programs


# Proofs factorise a matrix, and take the norm of the weights from eigenvalues.
OF_PROOFS = {
    "cuda": {"cusolver_potrf_ffi", "cusolver_syevd_ffi"},
    "tpu": {"Cholesky", "Eigh"},
}


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_the_programs_of_training_need_libraries_for_proofs_alone(platform, lowered):
    width = {"cuda": 12, "tpu": 13}[platform]  # compiled programs are kept, and not lowered again
    spec = ja.Training(
        widths=(width,), scales=(1,), ratios=(0.1,), networks=1, steps=1, optimizers=("sgd", "adam")
    )
    TrainingProgram(spec, spec.cells, use_devices(1))
    assert len(lowered) == 2
    with jax.enable_x64(True):
        for function, args in lowered:
            assert custom_calls(function, *args, platform=platform) <= OF_PROOFS[platform]


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_a_landscape_needs_libraries_for_eigenvalues_and_proofs_alone(platform, lowered):
    width = {"cuda": 12, "tpu": 13}[platform]
    spec = ja.Landscape(dims=(24,), widths=(width,), networks=1, examples=1, starts=2)
    RegularitySurvey(spec, spec.cells[0], use_devices(1))
    ((function, args),) = lowered
    with jax.enable_x64(True):
        calls = custom_calls(function, *args, platform=platform)
    # It records all eigenvalues of the Hessian as well.
    assert {"cuda": "cusolver_syevd_ffi", "tpu": "Eigh"}[platform] in calls
    assert calls <= OF_PROOFS[platform]


def test_a_custom_call_would_be_found():
    calls = custom_calls(jax.numpy.linalg.eigvalsh, np.eye(3, dtype="float32"), platform="cuda")
    assert calls
