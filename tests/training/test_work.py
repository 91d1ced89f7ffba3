"""Experiments as a whole: many runs are so many single ones, and a stop changes no curve."""

import dataclasses
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import xarray as xr

import jaxadv as ja
from jaxadv.devices import use_devices
from jaxadv.grid.states import FOLDER, States
from jaxadv.grid.store import Store
from jaxadv.reports.training import as_markdown
from jaxadv.stats.trainings import tabulate
from jaxadv.training import program as programs
from jaxadv.training.evaluate import (
    ACCURACIES,
    OF_EVALUATIONS,
    OF_RUNS,
    WITHOUT_ANSWERS,
    worst,
)

TINY = ja.Training(
    scales=(0.3, 3.0), ratios=(0.0, 0.2), optimizers=("sgd", "adam"), rates=(0.1,),
    sharpness_rates=(0.5,), steps=3, dims=4, widths=8, networks=2, examples=6, test_examples=4,
    strong_steps=20, precision="double",
)  # fmt: skip


@pytest.fixture(scope="module")
def whole():
    return ja.run_training(TINY, devices=1, progress=False)


def assert_same(found, wanted):
    for name in {**OF_RUNS, **OF_EVALUATIONS}:
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


def test_every_variable_says_what_it_is(whole):
    for name, variable in {**OF_RUNS, **OF_EVALUATIONS}.items():
        assert whole[name].attrs["long_name"] == variable.long_name
        assert whole[name].dims == ("cell", "network", *variable.dims)
    assert whole.evaluation.values.tolist() == [0, 1, 2, 3]
    assert bool(whole.complete.all())
    assert set(whole.split.values) == {"train", "test"}


@pytest.mark.slow
def test_a_run_among_many_is_the_run_of_a_specification_of_its_own(whole):
    for row in (2, 7, 11):
        cell = TINY.cells[row]
        spec = dataclasses.replace(
            TINY,
            scales=cell.scale,
            ratios=cell.ratio,
            optimizers=cell.optimizer,
            rates=cell.rate if cell.unit == "absolute" else (),
            sharpness_rates=cell.rate if cell.unit == "sharpness" else (),
        )
        device = use_devices(1)[0]
        program = programs.TrainingProgram(spec, spec.cells, [device])
        records = program.advance(program.start([1], States(None, {}), device), 3)
        for name in OF_EVALUATIONS:
            np.testing.assert_allclose(
                records[name][0].astype(float),
                whole[name].values[row, 1, -1].astype(float),
                rtol=1e-9, atol=1e-12, err_msg=f"{name} {cell}",
            )  # fmt: skip


def test_functions_without_a_name_give_the_curves_of_those_with_one(whole):
    own = ja.run_training(
        dataclasses.replace(
            TINY,
            optimizers=(lambda rate: optax.sgd(rate), "adam"),  # noqa: PLW0108
            sharpness_rates=(),
            constraints=lambda circumradius, dim: ja.L2Ball(circumradius),
            attack_step=lambda size: ja.NormalizedStep(step_size=size),
            activations=lambda z: jnp.tanh(z) + 0,
            losses=lambda output, label: 0.5 * (output - label) ** 2,
        ),
        devices=1,
        progress=False,
    )
    assert own.optimizer.values.tolist() == ["<lambda>"] * 4 + ["adam"] * 4
    named = whole.isel(cell=whole.unit.values == "absolute")
    assert named.sizes == own.sizes
    # No bounds of functions of one's own are known.
    assert named.inner_proved.notnull().all()
    assert own.inner_proved.isnull().all()
    for name in {**OF_RUNS, **OF_EVALUATIONS}.keys() - {"inner_proved"}:
        np.testing.assert_allclose(
            own[name].astype(float), named[name].astype(float), rtol=1e-9, atol=1e-12, err_msg=name
        )


def test_runs_side_by_side_in_a_batch_are_those_alone(whole, monkeypatch):
    """Within 1e-9, in double precision: five at once under vmap, and one after the other."""
    usual = programs.shape_of
    monkeypatch.setattr(programs, "shape_of", lambda *of: usual(*of)._replace(at_once=5))
    device = use_devices(1)[0]
    program = programs.TrainingProgram(TINY, TINY.cells, [device])
    records = program.advance(program.start([1], States(None, {}), device), 3)
    for name in OF_EVALUATIONS:
        np.testing.assert_allclose(
            records[name].astype(float), whole[name].values[:, 1, -1].astype(float),
            rtol=1e-9, atol=1e-12, err_msg=name,
        )  # fmt: skip


class Killed(BaseException):
    """What a kill is to the program."""


@pytest.mark.parametrize("moment", [(Store, "write", 4), (Store, "write", 7), (States, "save", 2)])
def test_a_run_that_was_killed_goes_on_to_the_same_curves(whole, tmp_path, monkeypatch, moment):
    """Killed before one of the writes of records, or of states."""
    owner, name, number = moment
    usual, left = getattr(owner, name), [number]

    def write(self, *args):
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        usual(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, write)
        with pytest.raises(Killed):
            ja.run_training(TINY, tmp_path / "run", devices=1, progress=False)
    resumed = ja.run_training(TINY, tmp_path / "run", devices=1, progress=False)
    assert_same(resumed.load(), whole)
    assert not list((tmp_path / "run" / FOLDER).iterdir())


def stop_at(monkeypatch, number):
    """Each call's network and steps; the call of this number is a kill."""
    calls, usual = [], programs.TrainingProgram.advance

    def advance(self, running, num_steps):
        calls.append((running.network, num_steps))
        if len(calls) == number:
            raise Killed
        return usual(self, running, num_steps)

    monkeypatch.setattr(programs.TrainingProgram, "advance", advance)
    return calls


def wait_for_threads(number):
    """Wait until the calls have ended that a run with an error leaves behind."""
    while threading.active_count() > number:
        time.sleep(0.01)


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 1), (1, 2)])
def test_a_resumed_run_goes_on_from_its_states_on_any_number_of_devices(
    whole, tmp_path, monkeypatch, before, after
):
    calls, num_threads = stop_at(monkeypatch, 4), threading.active_count()
    with pytest.raises(Killed):
        ja.run_training(TINY, tmp_path / "run", devices=before, progress=False)
    wait_for_threads(num_threads)
    files = (tmp_path / "run" / FOLDER).iterdir()
    kept = sorted(len(np.load(file)["record-clean_loss"]) for file in files)
    assert kept == [3] if before == 1 else 1 <= sum(kept) <= 3
    calls = stop_at(monkeypatch, 0)
    resumed = ja.run_training(TINY, tmp_path / "run", devices=after, progress=False)
    assert_same(resumed.load(), whole)
    steps = [0, 1, 1, 1]
    taken = [[n for network, n in calls if network == of] for of in (0, 1)]
    assert sorted(taken, key=len) == [steps[number:] for number in [*kept[::-1], 0, 0][:2]]


@pytest.mark.parametrize("harm", ["fresh", "truncated", "empty", "others", "older"])
def test_a_state_that_does_not_fit_is_not_taken(whole, tmp_path, monkeypatch, harm):
    stop_at(monkeypatch, 3)
    with pytest.raises(Killed):
        ja.run_training(TINY, tmp_path / "run", devices=1, progress=False)
    (file,) = (tmp_path / "run" / FOLDER).iterdir()
    if harm == "truncated":
        file.write_bytes(file.read_bytes()[:100])
    elif harm == "empty":
        file.write_bytes(b"")
    elif harm == "others":
        np.savez(file, **{"leaf-0": np.zeros(3), "record-clean_loss": np.zeros((1, 12, 2))})
    elif harm == "older":
        with np.load(file) as arrays:
            kept = {name: array for name, array in arrays.items() if "inner_proved" not in name}
        np.savez(file, **kept)
    again = ja.run_training(
        TINY, tmp_path / "run", fresh=harm == "fresh", devices=1, progress=False
    )
    assert_same(again.load(), whole)


def test_training_computes_no_nan_where_nothing_is_wrong(whole):
    """What is missing is NaN in the dataset alone: jax_debug_nans finds NaNs that are faults."""
    unmeasured = dataclasses.replace(TINY, control_ratio=0)
    with jax.debug_nans(True):
        again = ja.run_training(unmeasured, devices=1, progress=False)
    clean = again.ratio.values == 0
    for name in ("inner_certified", "curvature_ratio"):
        assert bool(again[name].isel(cell=clean).isnull().all())
        assert bool(whole[name].notnull().any())
    assert_same(again.isel(cell=~clean), whole.isel(cell=~clean))


@pytest.mark.slow
def test_other_numbers_of_devices_give_the_same(whole):
    assert_same(ja.run_training(TINY, devices=3, progress=False), whole)


def test_networks_can_be_added(whole, tmp_path):
    one = dataclasses.replace(TINY, networks=1)
    ja.run_training(one, tmp_path / "run", devices=1, progress=False)
    found = ja.run_training(TINY, tmp_path / "run", devices=1, progress=False)
    assert_same(found.load(), whole)
    opened = ja.open_training(tmp_path / "run")
    assert isinstance(opened, xr.Dataset)
    assert "adam" in opened.attrs["training"]


def test_another_experiment_is_refused(tmp_path):
    one = dataclasses.replace(TINY, networks=1)
    ja.run_training(one, tmp_path / "run", devices=1, progress=False)
    with pytest.raises(ValueError, match="seed 0, not 1"):
        ja.run_training(dataclasses.replace(TINY, seed=1), tmp_path / "run", progress=False)
    with pytest.raises(ValueError, match="holds a training, not a landscape"):
        ja.open_landscape(tmp_path / "run")


def test_the_strong_attack_finds_more_than_a_sample():
    """No sampled perturbation is worse than what the evaluation found."""
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        shape = programs.shape_of(TINY, TINY.groups[0], TINY.optimizers, jax.devices()[0])
        network = ja.init_two_layer(jax.random.key(0), dim=4, width=8)
        network = jax.tree.map(lambda leaf: leaf.astype("float64"), network)
        attack = shape.rules.attack(0.2, shape.rules.strong)
        for _ in range(5):
            x, y = jnp.asarray(3 * rng.normal(size=4)), jnp.asarray(rng.choice([-1.0, 1.0]))
            starts = jnp.asarray(rng.normal(size=(3, 4)) / 4)
            found = worst(attack, network, x, y, starts, loss=ja.quadratic)
            points = rng.normal(size=(2000, 4))
            radius = 0.2 * np.linalg.norm(x)
            points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
            outputs = jax.vmap(network)(x[None] + points)
            assert float(found.loss) >= 0.999 * float(jnp.max(0.5 * (outputs - y) ** 2))
            assert np.linalg.norm(found.perturbation) <= radius * (1 + 1e-9)
            if not bool((jnp.sign(outputs) == y).all()):
                assert not bool(found.correct)


def test_losses_are_those_of_the_network_and_robust_ones_are_larger(whole):
    assert bool((whole.robust_loss > whole.clean_loss).all())
    assert bool((whole.robust_accuracy <= whole.clean_accuracy).all())
    start = whole.sel(evaluation=0)
    assert bool((start.distance == 0).all())
    np.testing.assert_allclose(whole.chance_loss, 0.5)


def test_clean_training_is_measured_with_an_attack_of_its_own():
    settings = {"scales": 1.0, "rates": 0.1, "sharpness_rates": (), "networks": 1}
    runs = [
        ja.run_training(
            dataclasses.replace(TINY, **settings, optimizers="sgd", control_ratio=control),
            devices=1,
            progress=False,
        )
        for control in (0, 0.2)
    ]
    without, measured = (run.isel(cell=run.ratio.values == 0) for run in runs)
    np.testing.assert_allclose(without.clean_loss, without.robust_loss, rtol=1e-12)
    np.testing.assert_array_equal(without.clean_accuracy, without.robust_accuracy)
    # Training itself is not attacked, and at its start all networks are the same.
    np.testing.assert_array_equal(measured.clean_loss, without.clean_loss)
    attacked = runs[1].isel(cell=runs[1].ratio.values == 0.2)
    for name in ("robust_loss", "inner_steps", "curvature_ratio"):
        one, two = (run[name].sel(evaluation=0).values for run in (measured, attacked))
        np.testing.assert_allclose(one, two, rtol=1e-12)


def test_the_initial_output_layer_can_be_scaled():
    spec = dataclasses.replace(TINY, output_scale=1e-9)
    start = ja.run_training(spec, devices=1, progress=False).sel(evaluation=0)
    chance = start.chance_loss.isel(cell=0, network=0)
    np.testing.assert_allclose(start.robust_loss, np.full(start.robust_loss.shape, chance))


def test_each_loss_has_labels_and_accuracies_of_its_own():
    """Accuracies of signs, and none of the numbers that the quadratic loss is trained on."""
    tiny = {
        "scales": 1.0, "ratios": 0.1, "optimizers": "adam", "rates": 0.05, "steps": 1, "widths": 4,
        "dims": 3, "networks": 1, "examples": 4, "test_examples": 2, "data": "gaussian",
        "attack_steps": 2, "strong_steps": 2,
    }  # fmt: skip
    losses = ("quadratic", "logistic")
    both = ja.run_training(ja.Training(losses=losses, **tiny), devices=1, progress=False)
    assert both.loss.values.tolist() == list(losses)
    for row, loss in enumerate(losses):
        alone = ja.run_training(ja.Training(losses=loss, **tiny), devices=1, progress=False)
        for name in {**OF_RUNS, **OF_EVALUATIONS}:
            np.testing.assert_array_equal(both[name][row], alone[name][0], err_msg=name)
        for name in ACCURACIES:
            assert bool(alone[name].notnull().all()) == (loss == "logistic")
            assert alone[name].attrs["long_name"].endswith(WITHOUT_ANSWERS) == (loss == "quadratic")


def test_a_report_is_written_where_no_phase_ends_at_an_evaluation(tmp_path, monkeypatch):
    """Evaluations at 0 and 20 alone: there are verdicts and a page, without the numbers."""
    spec = dataclasses.replace(TINY, steps=20, evaluate_at=(20,))
    dataset = ja.run_training(spec, progress=False)
    table = tabulate(dataset)
    assert table.empty
    page = as_markdown(dataset, table, [], "command")
    assert "## Where it ends" in page
    assert "after 10 steps" not in page
