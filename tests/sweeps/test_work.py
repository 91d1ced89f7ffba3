"""A sweep from end to end: equal to its trials one by one, stored, resumed, described."""

import dataclasses
import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import jaxadv as ja
from jaxadv.experiments.draws import draw, key_of
from jaxadv.grid import engines, run
from jaxadv.grid.states import States
from jaxadv.programs import remembered
from jaxadv.proofs.ends import Proved
from jaxadv.reports import sweep as summary
from jaxadv.stats import cells
from jaxadv.sweeps import work as sweep_work
from jaxadv.sweeps.plan import make_plan
from jaxadv.sweeps.program import SweepProgram
from jaxadv.sweeps.records import VARIABLES
from jaxadv.sweeps.traces import run_traces
from jaxadv.sweeps.trials import source_of
from jaxadv.sweeps.work import SweepWork

SMALL = ja.Sweep(
    scales=(0.1, 1.0), dims=(6,), widths=(24,), networks=2, examples=3, starts=2,
    losses=("quadratic", "logistic"),
    ratios=(0.1, 0.3), step_sizes=(0.05, 0.1), max_steps=2000, precision="double",
)  # fmt: skip


@pytest.fixture(scope="module")
def small():
    return ja.run_sweep(SMALL, progress=False)


def compare_with_trials_alone(dataset, sweep):
    """Some records of a sweep in double precision, against `ascend` and `certify` on one trial."""
    rng = np.random.default_rng(0)
    for _ in range(12):
        c, n, e, s = (int(rng.integers(dataset.sizes[dim])) for dim in dataset.num_steps.dims[:4])
        cell = sweep.cells[c]
        draws = draw(source_of(sweep, cell.group), n, key_of(sweep), None)
        direction, label, start = draws.direction[e], draws.label[e], draws.start[e, s]
        radius = cell.ratio * cell.scale * jnp.linalg.norm(direction)
        loss = {"quadratic": ja.quadratic, "logistic": ja.logistic}[cell.group.loss]
        problem = ja.Problem(draws.network, cell.scale * direction, label, ja.L2Ball(radius), loss)
        pga, start = ja.PGA(ja.ConstantStep(cell.step_size), max_steps=2000), radius * start
        sol = ja.ascend(problem, start, pga)
        cert = ja.certify(
            problem, sol.perturbation, step_size=cell.step_size, tolerance=1e-4,
            gradient_scale=sol.gradient_scale,
        )  # fmt: skip
        assert float(dataset.scale[c]) == cell.scale
        assert float(dataset.ratio[c]) == cell.ratio
        assert float(dataset.step_size[c]) == cell.step_size
        found = dataset.isel(cell=c, network=n, example=e, start=s)
        assert found.num_steps.values.tolist() == sol.num_steps.tolist()
        assert int(found.status) == int(sol.status)
        assert int(found.boundary_step) == int(sol.boundary_step)
        assert int(found.kind) == int(cert.kind)
        np.testing.assert_allclose(found.loss_end, sol.loss, rtol=1e-10)
        np.testing.assert_allclose(found.loss_start, sol.loss_start, rtol=1e-10)
        np.testing.assert_allclose(found.curvature_ratio, cert.curvature_ratio, rtol=1e-6)
        np.testing.assert_allclose(found.local_rate, cert.local_rate, rtol=1e-6)


def test_every_record_is_that_of_the_trial_run_alone(small):
    with jax.enable_x64(True):
        compare_with_trials_alone(small, SMALL)


@pytest.mark.gpu
def test_an_accelerators_records_are_those_of_trials_alone_on_the_cpu(small):
    if jax.default_backend() == "cpu":
        pytest.skip("no accelerator")
    assert json.loads(small.attrs["runs"])[-1]["device_kind"] != "cpu"
    with jax.default_device(jax.devices("cpu")[0]), jax.enable_x64(True):
        compare_with_trials_alone(small, SMALL)


@pytest.mark.gpu
def test_single_precision_on_an_accelerator_is_not_cut_down_to_tf32(small):
    if jax.default_backend() == "cpu":
        pytest.skip("no accelerator")
    single = ja.run_sweep(dataclasses.replace(SMALL, precision="single"), progress=False)
    # TF32 has 10 bits of mantissa: errors of 1e-3 in each product, and hundreds of steps of them.
    np.testing.assert_allclose(single.loss_start, small.loss_start, rtol=1e-4)
    counts = [dataset.num_steps.sel(tolerance=1e-2) for dataset in (single, small)]
    assert bool((np.abs(counts[0] - counts[1]) <= 1 + 0.01 * counts[1]).all())


@pytest.mark.parametrize(
    "layout",
    [
        {"lanes": 5, "devices": 1},
        pytest.param({"lanes": 1000, "check_every": 1}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_lanes_checks_and_devices_change_no_record(small, layout):
    sweep = dataclasses.replace(SMALL, losses=("logistic",))
    other = ja.run_sweep(sweep, progress=False, **layout)
    same = small.isel(cell=small.loss.values == "logistic")
    for name in ("num_steps", "reached", "status", "kind", "boundary_step"):
        np.testing.assert_array_equal(other[name], same[name], err_msg=name)
    for name in ("loss_end", "curvature_ratio", "distance_estimate", "local_rate"):
        np.testing.assert_allclose(other[name], same[name], rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("networks_at_once", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_networks_side_by_side_change_no_record(small, monkeypatch, networks_at_once):
    """As on an accelerator, which one network does not fill."""
    group, devices = SMALL.groups[1], jax.devices()[:1]
    plan = dataclasses.replace(
        make_plan(SMALL, SMALL.cells_of(group), devices[0], SMALL.networks, lanes=16),
        networks_at_once=networks_at_once,
        networks_per_call=networks_at_once,
    )
    program = SweepProgram(SMALL, SMALL.cells_of(group), plan, devices)
    networks = range(min(networks_at_once, 2))
    running = program.start(networks, States(None, {}), devices[0])
    finished = program.finish(running, lambda *_: None)
    cells = [index for index, cell in enumerate(SMALL.cells) if cell.group == group]
    found = small.isel(cell=cells, network=slice(0, networks_at_once))
    for name in ("num_steps", "reached", "status", "kind", "boundary_step"):
        np.testing.assert_array_equal(finished.records[name], found[name], err_msg=name)
    total = finished.total
    assert total["steps_run"] == int(found.num_steps[..., -1].sum()) <= total["lane_steps_run"]


@pytest.mark.slow
def test_single_precision_counts_hardly_depend_on_the_layout():
    """Sums are rounded otherwise in other batches, which matters where residuals fall slowly."""
    sweep = ja.Sweep(widths=(64,), networks=2, examples=8, max_steps=3000)
    one, two = (ja.run_sweep(sweep, progress=False, lanes=lanes).num_steps for lanes in (8, 64))
    assert bool((np.abs(one - two) <= 1 + 0.01 * one).all())


def test_a_network_that_cannot_fit_is_refused_with_the_bytes_it_needs(monkeypatch):
    monkeypatch.setattr(sweep_work, "free_bytes", lambda *_: 1000)
    with pytest.raises(ValueError, match=r"memory: one network of width 24 .* needs .* bytes"):
        ja.run_sweep(SMALL, progress=False)


def test_calls_shrink_until_they_fit(monkeypatch):
    class Sized(SweepProgram):
        num_bytes = 0

        def __init__(self, sweep, cells, plan, devices):
            self._plan = plan
            self.num_bytes = 100 * plan.networks_per_call

    sweep = ja.Sweep(networks=40, examples=1, starts=1)
    monkeypatch.setattr(sweep_work, "SweepProgram", Sized)
    for free, expected in ((4000, 40), (3999, 20), (1400, 10), (100, 1)):
        monkeypatch.setattr(sweep_work, "free_bytes", lambda *_, free=free: free)
        fitting = SweepWork(sweep).program(sweep.cells, jax.devices()[:1])
        assert fitting.replicates_per_call == expected


@pytest.mark.parametrize("layout", [{"lanes": 0}, {"check_every": 0}, {"devices": 0}])
def test_layouts_that_make_no_sense_are_refused(layout):
    with pytest.raises(ValueError, match=next(iter(layout))):
        ja.run_sweep(SMALL, progress=False, **layout)


def test_the_dataset_keeps_its_contract(small):
    assert set(small.data_vars) == {*VARIABLES, "complete"}
    assert small.num_steps.dims == ("cell", "network", "example", "start", "tolerance")
    assert small.residual.dims == small.num_steps.dims[:4]
    for variable in (*small.data_vars.values(), *small.coords.values()):
        assert variable.attrs["long_name"]
        assert variable.attrs["units"]
    assert small.status.attrs["flag_meanings"].split()[ja.Status.CONVERGED] == "converged"
    assert small.kind.attrs["flag_values"][ja.Kind.BOUNDARY_MAX] == ja.Kind.BOUNDARY_MAX
    for name in ("scale", "ratio", "dim", "width", "activation", "loss", "step_rule", "step_size"):
        assert small[name].dims == ("cell",)
    assert bool(small.complete.all())
    assert small.attrs["sweep"] == SMALL.to_toml()
    assert small.residual.dtype == np.float64


def test_a_stored_sweep_is_the_one_in_memory_and_xarray_opens_it(small, tmp_path, monkeypatch):
    stored = ja.run_sweep(SMALL, tmp_path / "run", progress=False)
    for dataset in (stored, ja.open_sweep(tmp_path / "run")):
        xr.testing.assert_equal(dataset.load(), small)
    with xr.open_zarr(tmp_path / "run" / "data.zarr", consolidated=False, chunks=None) as plain:
        np.testing.assert_array_equal(plain.num_steps, small.num_steps)
    monkeypatch.setattr(sweep_work, "SweepProgram", None)  # a complete store is not run again
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    again = ja.run_sweep(SMALL, tmp_path / "run", progress=False)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    xr.testing.assert_identical(again.load(), stored)


def test_traces_are_the_sweeps_own_trials(small):
    with jax.debug_nans(True):  # what comes after an end is NaN, and nothing computes it
        traces = run_traces(SMALL, networks=1)
    assert dict(traces.residual.sizes) == {"cell": 16, "network": 1, "step": 2001}
    ends = np.isfinite(traces.residual.values).sum(-1) - 1
    counts = small.num_steps.isel(network=[0], example=0, start=0, tolerance=-1)
    np.testing.assert_array_equal(ends, counts)
    last = np.take_along_axis(traces.residual.values, ends[..., None], -1)[..., 0]
    np.testing.assert_allclose(
        last, small.residual.isel(network=[0], example=0, start=0), rtol=1e-6
    )


def test_functions_without_a_name_give_the_numbers_of_those_with_one(small):
    own = ja.run_sweep(
        dataclasses.replace(
            SMALL,
            activations=lambda z: jnp.tanh(z) + 0,
            losses=lambda output, label: 0.5 * (output - label) ** 2,
            step=lambda size: ja.ConstantStep(step_size=size),
            network=functools.partial(ja.init_two_layer),
        ),
        progress=False,
    )
    named = small.isel(cell=small.loss.values == "quadratic")
    # No bounds of functions of one's own are known.
    assert (named.proof != Proved.NOT_TRIED).all()
    named = named.assign(proof=xr.zeros_like(named.proof))
    for name in VARIABLES:
        np.testing.assert_array_equal(own[name], named[name], err_msg=name)
    for name in ("activation", "loss", "step_rule"):
        assert own[name].values.tolist() == ["<lambda>"] * 8
    texts = [summary.as_text(summary.summarize(dataset), 2000) for dataset in (own, named)]
    assert texts[0] == texts[1]
    # Our predictions are for networks and activations that are known by name.
    assert np.isnan(cells.kappa_0_of(own.isel(cell=0)))


def test_one_compilation_per_shape_serves_all_networks_and_seeds():
    sweep = ja.Sweep(dims=(7,), widths=(9,), networks=3, examples=2, starts=3, max_steps=7)
    remembered.cache_clear()
    for seed in (0, 1):
        ja.run_sweep(dataclasses.replace(sweep, seed=seed), progress=False)
    assert remembered.cache_info().misses == 1


def test_many_groups_are_compiled_a_few_at_a_time(monkeypatch):
    """On a CPU, the programs of all groups at once can exhaust a process's memory mappings."""
    sweep = ja.Sweep(
        scales=1.0, dims=3, widths=(4, 5, 6), networks=2, examples=1, starts=1, max_steps=20
    )
    whole = ja.run_sweep(sweep, devices=1, progress=False)
    alive = []
    program_of = SweepWork.program

    def program(self, cells, devices):
        alive.append(len(cells))
        return program_of(self, cells, devices)

    def run_here(*args):
        assert len(alive) <= 2
        alive.clear()
        return engines.run_here(*args)

    monkeypatch.setattr(engines, "MOST_PROGRAMS", 2)
    monkeypatch.setattr(run, "run_here", run_here)
    monkeypatch.setattr(SweepWork, "program", program)
    again = ja.run_sweep(sweep, devices=1, progress=False)
    xr.testing.assert_equal(again, whole)
    (note,) = json.loads(again.attrs["runs"])
    assert [layout["width"] for layout in note["layout"]] == [6, 5, 4]
