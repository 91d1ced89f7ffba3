"""`attack`: what it finds, against single ascents and plain sign steps, and what it refuses."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxadv as ja
from jaxadv.ascent.kinds import MAXIMA
from jaxadv.pytrees import cast_floats
from jaxadv.reports.experiments import open_experiments

BOUNDS = (0.0, 1.0)
QUIET = {"progress": False, "certify": False}


@pytest.fixture(scope="module")
def trained():
    """A network of the user's own that tells the larger half of an image, with its data."""
    keys = jax.random.split(jax.random.key(0), 4)
    images = jax.random.uniform(keys[0], (300, 4, 4))
    labels = (images[:, :2].sum((1, 2)) < images[:, 2:].sum((1, 2))).astype(int) + (
        images[:, 0, 0] > 0.9
    )
    weights = {
        "hidden": jax.random.normal(keys[1], (32, 16)) / 4,
        "bias": jnp.zeros(32),
        "output": jax.random.normal(keys[2], (3, 32)) / 6,
    }

    def network(weights, image):
        hidden = jax.nn.relu(weights["hidden"] @ image.ravel() + weights["bias"])
        return weights["output"] @ hidden

    def loss(weights):
        outputs = jax.vmap(functools.partial(network, weights))(images)
        return jax.vmap(ja.cross_entropy)(outputs, labels).mean()

    optimizer = optax.adam(0.02)

    @jax.jit
    def update(state, _):
        weights, moments = state
        moves, moments = optimizer.update(jax.grad(loss)(weights), moments)
        return (optax.apply_updates(weights, moves), moments), None

    (weights, _), _ = jax.lax.scan(update, (weights, optimizer.init(weights)), length=300)
    return functools.partial(network, weights), images[:20], labels[:20]


@pytest.fixture(scope="module")
def attacked(trained):
    network, x, y = trained
    return ja.attack(
        network, x, y, constraint=ja.LInfBall(0.1), bounds=BOUNDS, starts=4, key=3, **QUIET
    )


def test_each_trial_is_the_ascent_from_its_start(trained, attacked):
    network, x, y = trained
    method = ja.APGD(100, tolerances=1e-3)
    for i in (0, 7, 19):
        constraint = ja.in_range(ja.LInfBall(0.1), x[i], *BOUNDS)
        problem = ja.Problem(network, x[i], y[i], constraint, ja.log_odds)
        ends = []
        for j in range(4):
            key = jax.random.fold_in(jax.random.fold_in(jax.random.key(3), i), j)
            start = ja.random_start(constraint, key, (4, 4)) if j else jnp.zeros((4, 4))
            ends.append(ja.ascend(problem, start, method))
        steps = [end.num_steps for end in ends]
        np.testing.assert_allclose(attacked.num_steps[i], steps, atol=2)
        losses = [ja.cross_entropy(network(x[i] + end.perturbation), y[i]) for end in ends]
        np.testing.assert_allclose(attacked.dataset.loss_end[i], losses, rtol=1e-3)
        np.testing.assert_allclose(attacked.loss[i], max(losses), rtol=1e-3)


def test_the_records_of_an_input_are_those_of_its_worst_perturbation(trained, attacked):
    network, x, y = trained
    outputs = jax.vmap(network)(x + attacked.perturbation)
    losses = jax.vmap(ja.cross_entropy)(outputs, y)
    np.testing.assert_allclose(attacked.loss, losses, rtol=1e-4, atol=1e-6)
    answers, clean = outputs.argmax(axis=1), jax.vmap(network)(x).argmax(axis=1)
    np.testing.assert_array_equal(attacked.changed, answers != clean)
    assert attacked.accuracy == float((clean == y).mean())
    assert attacked.robust_accuracy <= float(((answers == y) & (clean == y)).mean())
    assert 0 < attacked.robust_accuracy < attacked.accuracy
    assert (attacked.loss >= attacked.dataset.clean_loss.values - 1e-6).all()
    assert np.abs(attacked.perturbation).max() <= 0.1 + 1e-6
    moved = x + attacked.perturbation
    assert (moved >= 0).all()
    assert (moved <= 1).all()


def test_it_is_no_weaker_than_plain_sign_and_normalised_steps(trained):
    network, x, y = trained
    for constraint, direction in ((ja.LInfBall(0.1), "sign"), (ja.L2Ball(0.4), "normalized")):
        ours = ja.attack(network, x, y, constraint=constraint, bounds=BOUNDS, starts=3, **QUIET)
        for size in (0.25, 0.1, 0.025):
            method = ja.PGA(ja.NormalizedStep(size), 1e-9, 100, direction=direction)
            plain = ja.attack(
                network, x, y, constraint=constraint, bounds=BOUNDS, starts=3, method=method,
                **QUIET,
            )  # fmt: skip
            assert np.median(ours.loss / plain.loss) >= 0.999
            assert ours.loss.mean() >= 0.999 * plain.loss.mean()
            assert ours.robust_accuracy <= plain.robust_accuracy


def test_where_the_loss_saturates_it_says_so_and_climbs_all_the_same(trained):
    network, x, y = trained
    sure = lambda image: 1e4 * network(image)  # noqa: E731
    attacked, calm = (
        ja.attack(f, x, y, constraint=ja.LInfBall(0.1), bounds=BOUNDS, starts=2, **QUIET)
        for f in (sure, network)
    )
    assert attacked.saturated.sum() >= 10
    assert f"at {attacked.saturated.sum()} inputs the gradient of the loss is 0" in str(attacked)
    assert not calm.saturated.any()
    # The largest logits decide: the smooth maximum of a steep network is nearly the maximum.
    assert abs(attacked.robust_accuracy - calm.robust_accuracy) <= 0.1


def test_several_sets_share_their_starts_and_larger_ones_do_more(trained):
    network, x, y = trained
    sets = [ja.LInfBall(radius) for radius in (0.0, 0.05, 0.2)]
    attacks = ja.attack(network, x, y, constraint=sets, bounds=BOUNDS, starts=2, **QUIET)
    none, small, large = (attack.robust_accuracy for attack in attacks)
    assert none == attacks[0].accuracy > small > large
    np.testing.assert_array_equal(attacks[0].perturbation, 0)
    (alone,) = ja.attack(network, x, y, constraint=sets[1:2], bounds=BOUNDS, starts=2, **QUIET)
    np.testing.assert_allclose(alone.loss, attacks[1].loss, rtol=1e-5)


def test_a_target_is_reached(trained):
    network, x, y = trained
    targets = (y + 1) % 3
    attacked = ja.attack(
        network, x, targets, constraint=ja.LInfBall(0.5), bounds=BOUNDS, starts=2, targeted=True,
        **QUIET,
    )  # fmt: skip
    answers = jax.vmap(network)(x + attacked.perturbation).argmax(axis=1)
    reached = answers == targets
    assert reached.mean() > 0.8
    assert not attacked.robust[np.asarray(reached)].any()
    assert (attacked.loss < attacked.dataset.clean_loss.values).mean() > 0.9
    assert f"targets reached at {1 - attacked.robust_accuracy:.1%} of the inputs" in str(attacked)


def test_single_outputs_have_signs_for_answers():
    network = ja.init_two_layer(jax.random.key(0), dim=6, width=32)
    x = jax.random.normal(jax.random.key(1), (8, 6))
    y = jnp.sign(jax.vmap(network)(x))
    attacked = ja.attack(
        network, x, y, constraint=ja.L2Ball(2.0), loss="logistic", starts=2, progress=False
    )
    assert attacked.accuracy == 1
    assert attacked.robust_accuracy < 1
    assert set(np.unique(attacked.kind)) <= set(ja.Kind)
    assert (attacked.kind == ja.Kind.BOUNDARY_MAX).any()


@pytest.mark.parametrize(
    ("classes", "targeted", "make_set", "bounds"),
    [
        (None, False, ja.L2Ball, None),
        (2, True, ja.LInfBall, BOUNDS),
        (4, False, ja.LInfBall, None),
        (4, True, ja.L2Ball, BOUNDS),
    ],
)
def test_what_is_proved_no_attack_breaks(classes, targeted, make_set, bounds):
    network = ja.init_two_layer(jax.random.key(0), dim=12, width=48, classes=classes)
    x = jax.random.uniform(jax.random.key(1), (20, 3, 4))
    outputs = np.asarray(jax.vmap(network)(x))
    right = np.sign(outputs) if classes is None else outputs.argmax(axis=1)
    wrong = -right if classes is None else (right + 1) % classes
    tiny, *others = ja.attack(
        network, x, wrong if targeted else right, bounds=bounds, starts=20, targeted=targeted,
        constraint=[make_set(radius) for radius in (1e-3, 0.03, 0.3, 2.0)], prove=True,
        loss="logistic" if classes is None else "cross-entropy", **QUIET,
    )  # fmt: skip
    assert tiny.proved.mean() > 0.8
    for one in (tiny, *others):
        assert not (one.proved & ~one.robust).any()
        assert one.robust_bounds == (one.proved.mean(), one.robust_accuracy)
        assert "(proved)" in str(one)
    assert others[-1].proved.mean() < 0.5


def test_proofs_need_a_network_whose_weights_can_be_read(trained):
    network, x, y = trained
    with pytest.raises(TypeError, match=r"network: proofs read the weights of a ja\.TwoLayer"):
        ja.attack(network, x, y, constraint=ja.L2Ball(0.1), prove=True, **QUIET)
    relu = ja.init_two_layer(jax.random.key(0), dim=16, width=8, activation="relu", classes=3)
    with pytest.raises(ValueError, match="activation: 'relu' has no known bounds of σ''"):
        ja.attack(relu, x, y, constraint=ja.L2Ball(0.1), prove=True, **QUIET)


def test_lanes_and_devices_change_nothing(trained, attacked):
    network, x, y = trained
    for options in ({"num_lanes": 3}, {"devices": 2}, {"num_lanes": 80, "devices": 1}):
        again = ja.attack(
            network, x, y, constraint=ja.LInfBall(0.1), bounds=BOUNDS, starts=4, key=3,
            **QUIET, **options,
        )  # fmt: skip
        np.testing.assert_allclose(again.loss, attacked.loss, rtol=1e-3)
        np.testing.assert_array_equal(again.robust, attacked.robust)


def test_a_stored_attack_is_resumed_and_opened(trained, tmp_path):
    network, x, y = trained
    settings = {"bounds": BOUNDS, "starts": 2, "store": tmp_path / "attack", **QUIET}
    one = ja.attack(network, x, y, constraint=[ja.LInfBall(0.1)], **settings)[0]
    grown = ja.attack(network, x, y, constraint=[ja.LInfBall(0.1), ja.LInfBall(0.2)], **settings)
    np.testing.assert_array_equal(grown[0].loss, one.loss)
    opened = ja.open(tmp_path / "attack")
    assert dict(opened.sizes) == {"cell": 2, "input": 20, "entry": 16, "start": 2, "tolerance": 1}
    np.testing.assert_array_equal(opened.loss.isel(cell=0), one.loss)
    with pytest.raises(ValueError, match="attack, an attack, on which there are no claims"):
        open_experiments(tmp_path)
    other = lambda image: jnp.tanh(network(image))  # noqa: E731  the same weights
    with pytest.raises(ValueError, match="was made with computation"):
        ja.attack(other, x, y, constraint=ja.LInfBall(0.1), **settings)
    with pytest.raises(ValueError, match="was made with labels"):
        ja.attack(network, x, (y + 1) % 3, constraint=ja.LInfBall(0.1), **settings)


def test_sets_of_arrays_are_told_apart_in_a_store(trained, tmp_path):
    """Python prints a long array in part."""
    network, x, y = trained
    settings = {"bounds": BOUNDS, "starts": 1, "store": tmp_path / "attack", **QUIET}
    bounds = [np.full((4, 4), 0.1), np.full((4, 4), 0.1)]
    bounds[0][1, 1], bounds[1][2, 2] = 0, 0
    one, other = (ja.Box(-bound, bound) for bound in bounds)
    first = ja.attack(network, x, y, constraint=one, **settings)
    second = ja.attack(network, x, y, constraint=other, **settings)
    assert (first.perturbation[:, 1, 1] == 0).all()
    assert (second.perturbation[:, 2, 2] == 0).all()
    assert (second.perturbation[:, 1, 1] != 0).any()


def test_the_dataset_has_the_shape_of_x(attacked):
    dataset = attacked.to_dataset()
    assert dataset.perturbation.dims == ("input", "axis_0", "axis_1")
    np.testing.assert_array_equal(dataset.perturbation, attacked.perturbation)
    assert dataset.perturbation.attrs["long_name"] == "worst perturbation, flattened"


def test_the_number_of_gradients_is_counted(attacked):
    assert attacked.gradient_evaluations == int(attacked.dataset.steps.sum()) + 80


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"x": np.ones(3)}, ValueError, r"x: shape \(3,\) must be \(input, ...\)"),
        ({"x": np.full((2, 4), np.nan)}, ValueError, "x: has entries that are not finite"),
        ({"x": np.full((2, 4), 1.5)}, ValueError, "x: has entries from 1.5 to 1.5, which are not"),
        ({"y": np.ones(3, int)}, ValueError, r"y: shape \(3,\) must be \(2,\), a label for each"),
        ({"y": np.array([0, 7])}, ValueError, "y: 7 must be a class"),
        ({"constraint": 0.1}, TypeError, "constraint: 0.1 must be a set of perturbations"),
        ({"constraint": []}, ValueError, "constraint: give at least one set"),
        ({"constraint": ja.L1Ball(0.1)}, TypeError, "L1Ball.* has no method 'within'"),
        ({"bounds": (1, 0)}, ValueError, "bounds: 1 must lie below 0"),
        ({"bounds": 1}, TypeError, "bounds: 1 must be two numbers"),
        ({"key": 0.5}, ValueError, "key: 0.5 must be a whole number"),
        ({"key": jnp.uint32(0)}, TypeError, "key: must be made by jax.random.key"),
        ({"network": jnp.sum, "loss": "quadratic"}, ValueError, "y: 0 must be -1 or 1"),
        ({"starts": 0}, ValueError, "starts: 0 must be a whole number from 1"),
        ({"loss": "cross"}, ValueError, "loss: unknown 'cross'"),
        ({"network": 3.0}, TypeError, "network: "),
    ],
)
def test_mistakes_are_one_line_that_names_the_argument(changes, error, message):
    network = ja.init_two_layer(jax.random.key(0), dim=4, width=8, classes=3)
    arguments = {
        "network": network, "x": np.full((2, 4), 0.5), "y": np.array([0, 1]), "bounds": BOUNDS,
        "constraint": ja.LInfBall(0.1), "progress": False, **changes,
    }  # fmt: skip
    with pytest.raises(error, match=message):
        ja.attack(**arguments)


def test_certified_ends_are_told_apart_and_measured(trained):
    """Against `certify` of single ends, a dense Hessian, and distances of polished maxima."""
    _, x, y = trained
    network = ja.init_mlp(jax.random.key(5), 16, (12,), "tanh", classes=3)
    network = jax.tree.map(lambda leaf: 3 * leaf, network)
    for constraint in (ja.L2Ball(2.0), ja.LInfBall(0.4)):
        method = ja.PGA(ja.NormalizedStep(0.1), 1e-4, 3000)
        one = ja.attack(
            network, x[:5], y[:5], constraint=constraint, starts=12, method=method, keep_ends=True,
            progress=False,
        )  # fmt: skip
        is_maximum = np.isin(one.kind, MAXIMA)
        assert is_maximum.mean() > 0.8
        np.testing.assert_array_equal(one.maximum >= 0, is_maximum)
        for number in range(5):
            ends = one.ends[number].reshape(12, -1)
            radius = float(constraint.circumradius(16))
            for start in np.flatnonzero(is_maximum[number]):
                near = np.linalg.norm(ends - ends[start], axis=1) < 1e-4 * radius
                assert one.maximum[number, start] == np.argmax(near & is_maximum[number])
            distinct = len(set(one.maximum[number][is_maximum[number]]))
            assert one.num_maxima[number] == distinct
            problem = ja.Problem(network, x[number], int(y[number]), constraint, ja.log_odds)
            with jax.enable_x64(True):
                double = cast_floats(problem, float)
                flat = lambda d, p=double: p.objective(d.reshape(4, 4))  # noqa: E731
                centre = jnp.zeros(16)
                hessian = np.asarray(jax.hessian(flat)(centre))
                gradient = np.linalg.norm(jax.grad(flat)(centre))
                kappa_0 = radius * np.abs(np.linalg.eigvalsh(hessian)).max() / gradient
            stored = float(one.dataset.kappa_0[number])
            assert stored == pytest.approx(kappa_0, rel=1e-3)
            start = int(np.argmax(is_maximum[number]))
            cert = ja.certify(
                problem, one.ends[number, start].astype("f4"), step_size=0.1, tolerance=1e-3
            )
            for name in ("curvature_ratio", "condition_number"):
                value = float(one.dataset[name][number, start])
                if np.isfinite(value):
                    assert value == pytest.approx(float(getattr(cert, name)), rel=2e-2), name
            if isinstance(constraint, ja.LInfBall):
                assert one.dataset.num_free[number, start] == cert.num_free
    assert np.isnan(one.dataset.num_free.values).sum() == 0
    plain = ja.attack(network, x[:2], y[:2], constraint=constraint, starts=2, progress=False)
    assert plain.ends is None
    assert plain.maximum.shape == (2, 2)
    quiet = ja.attack(network, x[:2], y[:2], constraint=constraint, starts=2, **QUIET)
    assert quiet.maximum is quiet.num_maxima is None
