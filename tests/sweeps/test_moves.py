"""Sweeps over sets of perturbations and methods of ascent."""

import dataclasses
import shutil

import jax.numpy as jnp
import numpy as np
import pytest

import jaxadv as ja
from jaxadv.experiments.draws import draw, key_of
from jaxadv.problems.constraints import constraint_of
from jaxadv.reports import sweep as summary
from jaxadv.sweeps.trials import source_of

SPEC = ja.Sweep(
    scales=(0.1, 3.0), dims=(6,), widths=(24,), networks=2, examples=2, starts=3,
    constraints=("l2-ball", "l2-sphere", "linf-ball"), methods=("gradient", "sign", "apgd"),
    max_steps=60, tolerances=(1e-2, 1e-3), precision="double",
)  # fmt: skip
BY_NAME = {
    "gradient": ja.PGA(0.1, (1e-2, 1e-3), 60),
    "sign": ja.PGA(ja.NormalizedStep(0.1), (1e-2, 1e-3), 60, direction="sign"),
    "apgd": ja.APGD(60, tolerances=(1e-2, 1e-3)),
}


def lift(step, tolerances, max_steps):
    """A method of the user's: longer steps along the gradient."""
    return ja.PGA(ja.ScheduledStep(step, lambda steps: 2.0), tolerances, max_steps)


@pytest.fixture(scope="module")
def dataset():
    return ja.run_sweep(SPEC, progress=False)


@pytest.mark.usefixtures("float64")
def test_every_trial_is_the_ascent_of_its_set_and_method(dataset):
    for index, cell in enumerate(SPEC.cells):
        group = cell.group
        draws = draw(source_of(SPEC, group), 1, key_of(SPEC), None)
        x = cell.scale * draws.direction[0]
        constraint = constraint_of(group.constraint, 0.1 * jnp.linalg.norm(x), 6)
        problem = ja.Problem(draws.network, x, draws.label[0], constraint)
        start = problem.circumradius * draws.start[0, 2]
        np.testing.assert_allclose(constraint.project(start), start, rtol=1e-6)  # single draws
        method = BY_NAME[group.method]
        solution = ja.ascend(problem, start, method)
        certificate = ja.certify(
            problem, solution.perturbation, step_size=solution.step_size, tolerance=1e-3,
            gradient_scale=solution.gradient_scale,
        )  # fmt: skip
        record = dataset.isel(cell=index, network=1, example=0, start=2)
        assert record.num_steps.values.tolist() == solution.num_steps.tolist()
        assert record.status == solution.status
        assert record.kind == certificate.kind
        np.testing.assert_allclose(record.loss_end, solution.loss, rtol=1e-9)
        if group.constraint == "linf-ball":
            assert record.num_free == certificate.num_free
        else:
            assert np.isnan(record.num_free)


def test_at_a_small_scale_all_maxima_of_a_box_are_its_corners(dataset):
    box = dataset.isel(cell=(dataset.constraint == "linf-ball").values)
    small = box.isel(cell=((box.scale == 0.1) & (box.method != "gradient")).values)
    assert (small.kind == ja.Kind.VERTEX_MAX).all()
    assert (small.num_free == 0).all()
    assert np.isnan(small.curvature_ratio).all()
    assert (dataset.kind.where(dataset.constraint != "linf-ball") != ja.Kind.VERTEX_MAX).all()


def test_trials_of_all_methods_and_of_one_set_start_at_the_same_points(dataset):
    for name in ("l2-ball", "l2-sphere", "linf-ball"):
        starts = dataset.loss_start.isel(
            cell=((dataset.constraint == name) & (dataset.scale == 3)).values
        )
        assert starts.sizes["cell"] == 3
        np.testing.assert_allclose(starts, starts.isel(cell=[0, 0, 0]), rtol=1e-12)


def test_methods_with_steps_of_their_own_have_one_cell_for_them():
    sweep = ja.Sweep(scales=1.0, methods=("gradient", "sign", "apgd"), step_sizes=(0.1, 0.2))
    steps = [(cell.group.method, cell.step_rule, cell.step_size) for cell in sweep.cells]
    assert steps == [
        ("gradient", "constant", 0.1), ("gradient", "constant", 0.2),
        ("sign", "normalized", 0.1), ("sign", "normalized", 0.2),
        ("apgd", "normalized", 2.0),
    ]  # fmt: skip


def test_the_table_says_what_became_of_corners_and_cycles(dataset):
    table = summary.summarize(dataset)
    text = summary.as_text(table, SPEC.max_steps)
    head, lines = text.split("\n", 1)
    assert head.split()[:4] == ["constraint", "method", "scale", "trials"]
    assert {"vertex", "num_free"} < set(head.split())
    assert not {"step_rule", "step_size", "nonfinite"} & set(head.split())
    assert "\nvertex: trials whose end is such a maximum, at a corner of the box" in lines
    in_balls = table[table.constraint == "l2-ball"]
    assert "vertex" not in summary.as_text(in_balls, SPEC.max_steps)


def test_a_method_of_the_users_runs_and_is_named():
    sweep = ja.Sweep(
        scales=1.0, dims=4, widths=8, networks=1, examples=1, starts=2, methods=("gradient", lift)
    )
    dataset = ja.run_sweep(sweep, progress=False)
    assert dataset.method.values.tolist() == ["gradient", "tests.sweeps.test_moves:lift"]
    steps = dataset.num_steps.isel(tolerance=-1).sum(("network", "example", "start"))
    assert steps[1] < steps[0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"constraints": "l1-ball"}, "constraints: .* 'l1-ball' has no certificates, because"),
        ({"constraints": "linf"}, "constraints: unknown 'linf'; did you mean 'linf-ball'"),
        ({"methods": "signs"}, "methods: unknown 'signs'; did you mean 'sign'"),
        (
            {"methods": lambda *_: 3},
            r"methods: '<lambda>' must map \(step rule, .*must be a method",
        ),
        ({"methods": ("sign", "sign")}, "methods: sign,sign has a value twice"),
    ],
)
def test_what_cannot_be_run_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        ja.Sweep(**fields)


def test_an_older_store_opens_with_its_set_and_method(tmp_path):
    sweep = ja.Sweep(scales=1.0, dims=4, widths=8, networks=1, examples=1, starts=1)
    ja.run_sweep(sweep, tmp_path, progress=False)
    for name in ("constraint", "method"):
        shutil.rmtree(tmp_path / "data.zarr" / name)
    grown = dataclasses.replace(sweep, constraints=("l2-ball", "linf-ball"))
    for spec, sets in ((sweep, ["l2-ball"]), (grown, ["l2-ball", "linf-ball"])):
        opened = ja.open(tmp_path)
        assert opened.coords["constraint"].values.tolist() == ["l2-ball"]
        assert opened.coords["method"].values.tolist() == ["gradient"]
        dataset = ja.run_sweep(spec, tmp_path, progress=False)
        assert dataset.coords["constraint"].values.tolist() == sets
    assert ja.open(tmp_path).coords["constraint"].values.tolist() == sets


def test_landscapes_of_boxes_have_corners_and_no_circles():
    spec = ja.Landscape(
        scales=0.1, dims=4, widths=16, networks=1, examples=1, starts=6,
        constraints=("l2-ball", "linf-ball"), methods="sign", max_steps=100,
    )  # fmt: skip
    dataset = ja.run_landscape(spec, progress=False)
    ball, box = (dataset.isel(cell=index) for index in range(2))
    assert (box.kind == ja.Kind.VERTEX_MAX).all()
    assert (box.num_free == 0).all()
    assert len(np.unique(box.maximum)) == 1
    assert box.step_gain == pytest.approx(1.0)
    assert np.isnan(box.gradient_change)
    assert np.isnan(ball.num_free).all()
    assert not np.isnan(ball.gradient_change)
