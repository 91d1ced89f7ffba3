"""A sweep from end to end: equal to its trials one by one, stored, resumed, described."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import jaxadv as ja
from jaxadv.sweeps import engine, runner
from jaxadv.sweeps.records import VARIABLES
from jaxadv.sweeps.traces import run_traces
from jaxadv.sweeps.trials import draw_lanes, draw_network

SMALL = ja.Sweep(
    scales=(0.1, 1.0), dims=(6,), widths=(24,), networks=2, examples=3, starts=2,
    losses=("quadratic", "logistic"),
    ratios=(0.1, 0.3), step_sizes=(0.05, 0.1), max_steps=2000, precision="double",
)  # fmt: skip


@pytest.fixture(scope="module")
def small():
    return ja.run_sweep(SMALL, progress=False)


def test_every_record_is_that_of_the_trial_run_alone(small):
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        for _ in range(12):
            c, n, e, s = (int(rng.integers(small.sizes[dim])) for dim in small.num_steps.dims[:4])
            cell = SMALL.cells[c]
            # The draws are the same in all cells: the first one's, and this cell's own settings.
            lanes = draw_lanes(SMALL, cell.group, n)
            direction, label, start = (
                leaf[0, e, s] for leaf in (lanes.direction, lanes.label, lanes.start)
            )
            radius = cell.ratio * cell.scale * jnp.linalg.norm(direction)
            loss = {"quadratic": ja.quadratic, "logistic": ja.logistic}[cell.group.loss]
            network = draw_network(SMALL, cell.group, n)
            problem = ja.Problem(network, cell.scale * direction, label, ja.L2Ball(radius), loss)
            pga, start = ja.PGA(ja.ConstantStep(cell.step_size), max_steps=2000), radius * start
            sol = ja.ascend(problem, start, pga)
            cert = ja.certify(
                problem, sol.perturbation, step_size=cell.step_size, tolerance=1e-4,
                gradient_scale=sol.gradient_scale,
            )  # fmt: skip
            assert float(small.scale[c]) == cell.scale
            assert float(small.ratio[c]) == cell.ratio
            assert float(small.step_size[c]) == cell.step_size
            found = small.isel(cell=c, network=n, example=e, start=s)
            assert found.num_steps.values.tolist() == sol.num_steps.tolist()
            assert int(found.status) == int(sol.status)
            assert int(found.boundary_step) == int(sol.boundary_step)
            assert int(found.kind) == int(cert.kind)
            np.testing.assert_allclose(found.loss_end, sol.loss, rtol=1e-10)
            np.testing.assert_allclose(found.loss_start, sol.loss_start, rtol=1e-10)
            np.testing.assert_allclose(found.curvature_ratio, cert.curvature_ratio, rtol=1e-6)
            np.testing.assert_allclose(found.local_rate, cert.local_rate, rtol=1e-6)


@pytest.mark.parametrize("num_lanes", [1, 5, 1000])
def test_the_number_of_lanes_changes_no_record(small, monkeypatch, num_lanes):
    monkeypatch.setattr(engine, "NUM_LANES", num_lanes)
    group = SMALL.groups[0]
    records = engine.run_network(SMALL, group, 1, lambda *_: None)
    cells = [index for index, cell in enumerate(SMALL.cells) if cell.group == group]
    for name in ("num_steps", "reached", "status", "kind", "boundary_step"):
        np.testing.assert_array_equal(records[name], small[name].isel(cell=cells, network=1))


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
    assert small.attrs["fingerprint"] == SMALL.fingerprint
    assert small.residual.dtype == np.float64


def test_a_stored_sweep_is_the_one_in_memory_and_xarray_opens_it(small, tmp_path, monkeypatch):
    stored = ja.run_sweep(SMALL, tmp_path / "run", progress=False)
    for dataset in (stored, ja.open_sweep(tmp_path / "run")):
        xr.testing.assert_equal(dataset.load(), small)
    with xr.open_zarr(tmp_path / "run" / "data.zarr", consolidated=False, chunks=None) as plain:
        np.testing.assert_array_equal(plain.num_steps, small.num_steps)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["fingerprint"] == SMALL.fingerprint
    assert manifest["trials_run"] == SMALL.num_trials
    assert manifest["jax_version"] == jax.__version__
    monkeypatch.setattr(engine, "ascend_lanes", None)  # a complete store is not run again
    again = ja.run_sweep(SMALL, tmp_path / "run", progress=False)
    xr.testing.assert_identical(again.load(), stored)
    (tmp_path / "again.toml").write_text(manifest["sweep"])
    assert ja.Sweep.from_toml(tmp_path / "again.toml") == SMALL


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, monkeypatch):
    sweep = ja.Sweep(dims=(3,), widths=(4,), networks=5, examples=2, starts=1, max_steps=50)
    whole = ja.run_sweep(sweep, progress=False)
    monkeypatch.setattr(runner, "BLOCK_TRIALS", 2 * 6)  # two networks a block
    calls = []

    def failing(spec, group, index, report):
        calls.append(index)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return engine.run_network(spec, group, index, report)

    monkeypatch.setattr(runner, "run_network", failing)
    with pytest.raises(KeyboardInterrupt):
        ja.run_sweep(sweep, tmp_path / "run", progress=False)
    complete = ja.open_sweep(tmp_path / "run").complete.values
    assert complete.tolist() == [[True, True, False, False, False]] * 3
    resumed = ja.run_sweep(sweep, tmp_path / "run", progress=False)
    assert calls == [0, 1, 2, 3, 2, 3, 4]
    assert resumed.attrs["trials_run"] == sweep.num_trials
    xr.testing.assert_equal(resumed.load(), whole)


def test_traces_are_the_sweeps_own_trials(small):
    traces = run_traces(SMALL, networks=1)
    assert dict(traces.residual.sizes) == {"cell": 16, "network": 1, "step": 2001}
    ends = np.isfinite(traces.residual.values).sum(-1) - 1
    counts = small.num_steps.isel(network=[0], example=0, start=0, tolerance=-1)
    np.testing.assert_array_equal(ends, counts)
    last = np.take_along_axis(traces.residual.values, ends[..., None], -1)[..., 0]
    np.testing.assert_allclose(
        last, small.residual.isel(network=[0], example=0, start=0), rtol=1e-6
    )


def test_one_compilation_per_shape_serves_all_networks(caplog):
    sweep = ja.Sweep(dims=(7,), widths=(9,), networks=3, examples=2, starts=3, max_steps=7)
    group = sweep.groups[0]
    engine.run_network(sweep, group, 0, lambda *_: None)
    counts = [f._cache_size() for f in (engine.ascend_lanes, engine.certify_lanes)]
    with jax.log_compiles():
        engine.run_network(sweep, group, 1, lambda *_: None)
    assert not [r for r in caplog.records if "Finished XLA compilation" in r.getMessage()]
    assert counts == [f._cache_size() for f in (engine.ascend_lanes, engine.certify_lanes)]
