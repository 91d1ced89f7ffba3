"""A survey from end to end: its numbers are those of the parts, stored, resumed, refused."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import jaxadv as ja
from jaxadv.ascent.kinds import MAXIMA
from jaxadv.experiments.draws import draw, key_of
from jaxadv.grid.identity import Identity
from jaxadv.grid.store import Store
from jaxadv.landscape.drawn import method_of, scene_of, source_of
from jaxadv.landscape.regularity import barrier, one_step, tangent_eigenvalues
from jaxadv.landscape.survey import VARIABLES, RegularitySurvey
from jaxadv.landscape.work import LandscapeWork
from jaxadv.sweeps import trials

SMALL = ja.Landscape(
    scales=(1.0, 30.0), dims=6, widths=32, networks=3, examples=2, starts=12, max_steps=1500
)


def run(spec, store=None):
    """On three devices: one program for all."""
    return ja.run_landscape(spec, store, devices=3, progress=False)


@pytest.fixture(scope="module")
def small():
    return run(SMALL)


def test_every_variable_says_what_it_is(small):
    assert set(small.data_vars) == {*VARIABLES, "complete"}
    for variable in small.variables.values():
        assert variable.attrs["long_name"]
        assert variable.attrs["units"]
    assert small.scale.values.tolist() == [1.0, 30.0]
    assert small.training.values.tolist() == ["none", "none"]
    assert bool(small.complete.all())


@pytest.mark.parametrize("cell", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("float64")
def test_the_numbers_of_an_input_are_those_of_its_parts(small, cell):
    problem, starts, *_ = scene_of(SMALL, SMALL.cells[cell])
    found = small.isel(cell=cell, network=0, example=0)
    ends = [ja.ascend(problem, start, method_of(SMALL, SMALL.groups[0])) for start in starts]
    np.testing.assert_array_equal(found.num_steps, [int(end.steps) for end in ends])
    np.testing.assert_allclose(found.loss_end, [float(end.loss) for end in ends], rtol=1e-9)
    certificates = [
        ja.certify(problem, end.perturbation, step_size=end.step_size, tolerance=1e-4,
                   gradient_scale=end.gradient_scale)
        for end in ends
    ]  # fmt: skip
    np.testing.assert_array_equal(found.kind, [int(c.kind) for c in certificates])
    maxima = np.array([c.maximum for c in certificates])
    known = np.isin(found.kind, MAXIMA)
    np.testing.assert_array_equal(found.maximum >= 0, known)
    radius = float(problem.circumradius)
    for row in np.flatnonzero(known):
        gaps = np.linalg.norm(maxima - maxima[row], axis=1)
        assert found.maximum[row] == np.flatnonzero(gaps < 1e-6 * radius)[0]
    losses = np.array([float(problem.objective(jnp.asarray(top))) for top in maxima])
    losses = np.where(known, losses, np.nan)
    np.testing.assert_allclose(found.loss_maximum, losses, rtol=1e-9)
    best = int(np.nanargmax(losses))
    top = jnp.asarray(maxima[best])
    cosine, gain = one_step(problem, top)
    np.testing.assert_allclose(found.step_cosine, cosine, rtol=1e-8)
    np.testing.assert_allclose(found.step_gain, gain, rtol=1e-8)
    values, multiplier = tangent_eigenvalues(problem, top)
    np.testing.assert_allclose(found.spectrum, values / multiplier, rtol=1e-6)
    scale = losses[best] - float(problem.objective(jnp.zeros(6)))
    firsts = [row for row in np.unique(found.maximum) if row >= 0]
    on_edge = np.asarray(found.kind) == ja.Kind.BOUNDARY_MAX
    for place, row in enumerate(firsts):
        if row == found.maximum[best] or not (on_edge[row] and on_edge[best]):
            assert np.isnan(found.barrier[place])
        else:
            depth = barrier(problem, top, jnp.asarray(maxima[row]))
            np.testing.assert_allclose(found.barrier[place], depth / scale, rtol=1e-6)
    assert np.isnan(found.barrier[len(firsts) :]).all()


def test_the_rough_scale_has_more_maxima_with_valleys_between(small):
    counts = [len(set(groups) - {-1}) for groups in small.maximum.values[1].reshape(-1, 12)]
    assert max(counts) > 2
    assert (small.barrier[1] > 0).any()


def test_networks_inputs_and_starts_are_those_of_a_sweep():
    sweep = ja.Sweep(dims=(6,), widths=(32,), examples=2, starts=12, precision="double")
    with jax.enable_x64(True):
        ours = draw(source_of(SMALL, SMALL.groups[0]), 1, key_of(SMALL), None)
        theirs = draw(trials.source_of(sweep, sweep.groups[0]), 1, key_of(sweep), None)
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


@pytest.mark.usefixtures("float64")
def test_a_function_without_a_name_is_looked_at_as_one_with_a_name():
    own = dataclasses.replace(
        SMALL,
        activations=lambda z: jnp.tanh(z) + 0,
        losses=lambda output, label: 0.5 * (output - label) ** 2,
        step=lambda size: ja.InverseCurvatureStep(step_size=size),
    )
    (problem, starts, *_), (own_problem, own_starts, *_) = (
        scene_of(spec, spec.cells[1]) for spec in (SMALL, own)
    )
    np.testing.assert_array_equal(starts, own_starts)
    for start in starts[:2]:
        ends = (
            ja.ascend(problem, start, method_of(SMALL, SMALL.groups[0])),
            ja.ascend(own_problem, start, method_of(own, own.groups[0])),
        )
        jax.tree.map(np.testing.assert_array_equal, *ends)
    work = LandscapeWork(own)
    settings = dict(zip(work.columns, work.values_of(own.cells[0]), strict=True))
    assert [settings[name] for name in ("activation", "loss")] == ["<lambda>"] * 2


@pytest.mark.slow
def test_cells_of_several_groups_are_those_of_each_alone():
    """Of four dimensions and of three, whose missing curvature is NaN."""
    tiny = {"scales": 1.0, "widths": 8, "networks": 1, "examples": 1, "starts": 4, "max_steps": 60}
    both = ja.run_landscape(ja.Landscape(dims=(4, 3), **tiny), devices=1, progress=False)
    assert both.dim.values.tolist() == [4, 3]
    assert both.spectrum.shape[-1] == 3
    for row, dim in enumerate((4, 3)):
        alone = ja.run_landscape(ja.Landscape(dims=dim, **tiny), devices=1, progress=False)
        cell = both.isel(cell=[row])
        assert bool(alone.spectrum.notnull().all())
        assert bool(cell.spectrum[..., dim - 1 :].isnull().all())
        cell = cell.isel(mode=slice(0, dim - 1))
        xr.testing.assert_identical(cell.drop_attrs(deep=False), alone.drop_attrs(deep=False))


@pytest.mark.slow
def test_numbers_of_devices_change_nothing(small):
    one = ja.run_landscape(SMALL, devices=1, progress=False)
    for name in ("num_steps", "maximum", "kind", "status"):
        np.testing.assert_array_equal(one[name], small[name])
    np.testing.assert_allclose(one.loss_maximum, small.loss_maximum, rtol=1e-9)


def test_a_survey_computes_no_nan_where_nothing_is_wrong(small):
    """What is missing is NaN in the dataset alone: jax_debug_nans finds NaNs that are faults."""
    missing = [name for name in VARIABLES if small[name].isnull().any()]
    assert {"barrier", "loss_maximum"} <= set(missing)
    with jax.debug_nans(True):
        again = run(SMALL)
    for name in VARIABLES:
        np.testing.assert_array_equal(again[name], small[name], err_msg=name)


def test_a_store_is_resumed_and_grows(small, tmp_path, monkeypatch):
    few = dataclasses.replace(SMALL, networks=1)
    calls, whole = [], RegularitySurvey.finish

    def stop_after_one(self, running, tick):
        if calls:
            raise KeyboardInterrupt
        calls.append(running)
        return whole(self, running, tick)

    monkeypatch.setattr(RegularitySurvey, "finish", stop_after_one)
    with pytest.raises(KeyboardInterrupt):
        ja.run_landscape(few, tmp_path / "run", devices=1, progress=False)
    monkeypatch.undo()
    assert ja.open_landscape(tmp_path / "run").complete.values.sum() == 1
    run(few, tmp_path / "run")
    grown = run(SMALL, tmp_path / "run")
    for name in VARIABLES:
        np.testing.assert_allclose(grown[name], small[name], rtol=1e-9, err_msg=name)
    monkeypatch.setattr(RegularitySurvey, "finish", stop_after_one)  # nothing is left to do
    again = run(SMALL, tmp_path / "run")
    xr.testing.assert_identical(again.load(), grown.load())
    assert ja.Landscape.from_toml(tmp_path / "run" / "manifest.json") == SMALL
    first = run(few, tmp_path / "run")
    assert first.sizes["network"] == 1


def test_stores_of_others_are_refused(tmp_path):
    few = dataclasses.replace(SMALL, networks=1)
    run(few, tmp_path / "run")
    with pytest.raises(ValueError, match=r"made with step_size 0.1, not 0.2"):
        ja.run_landscape(dataclasses.replace(few, step_size=0.2), tmp_path / "run")
    with pytest.raises(ValueError, match="made with survey The landscape"):
        ja.run_critical(dataclasses.replace(few, dims=2), tmp_path / "run", starts=4)
    with pytest.raises(ValueError, match="holds a landscape, not a sweep"):
        ja.open_sweep(tmp_path / "run")
    Store.create(tmp_path / "other", Identity("count", {"seed": 0}), {"title": "another"})
    with pytest.raises(ValueError, match="holds a count, not a landscape"):
        ja.open_landscape(tmp_path / "other")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scales": ()}, "scales: needs at least one value"),
        ({"ratios": -1.0}, "ratios: -1.0 must be a positive number"),
        ({"trainings": "robust"}, "trainings: unknown 'robust'"),
        ({"trainings": "clean"}, "trainings: clean needs data to train on, not 'sphere'"),
        ({"dims": 1}, "dims: 1 must be a whole number from 2"),
        ({"starts": 1}, "starts: 1 must be a whole number from 2"),
        ({"data": "digits", "dims": 3}, "dims: 3 does not fit data 'digits', d = 64"),
        ({"activations": "tahn"}, "activations: unknown 'tahn'; did you mean 'tanh'"),
        ({"step": "newton"}, "step: unknown 'newton'"),
        ({"tolerance": 0.0}, "tolerance: 0.0 must be a positive number"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        ja.Landscape(**fields)


def test_critical_points_are_of_random_networks_in_few_dimensions():
    with pytest.raises(ValueError, match="dims: 4 must be 2 or 3"):
        ja.run_critical(dataclasses.replace(SMALL, dims=4), progress=False)
    digits = ja.Landscape(data="digits", trainings=("none", "clean"))
    object.__setattr__(digits, "dims", (2,))
    with pytest.raises(ValueError, match="trainings: all critical points"):
        ja.run_critical(digits, progress=False)


def test_a_number_of_devices_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="devices: 0 must be"):
        ja.run_landscape(SMALL, devices=0)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_trained_networks_are_trained_at_their_own_scale():
    spec = ja.Landscape(
        data="digits", trainings=("none", "clean", "adversarial"), scales=(0.3, 3.0), widths=16,
        networks=1, examples=1, starts=2, training_steps=40,
    )  # fmt: skip
    scenes = [scene_of(spec, cell) for cell in spec.cells]
    weights = [np.asarray(scene.problem.network.hidden) for scene in scenes]
    np.testing.assert_array_equal(weights[0], weights[1])
    for one in range(1, 6):
        for other in range(max(one + 1, 2), 6):
            assert np.abs(weights[one] - weights[other]).max() > 1e-3
    floats = jax.tree.leaves((scenes[3].problem, scenes[3].starts))
    assert {str(leaf.dtype) for leaf in floats} == {"float64"}
