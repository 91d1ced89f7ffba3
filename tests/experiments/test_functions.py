"""Functions in specifications: kept by name or as they are, and tried as they will be run."""

import functools
import pickle
import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax

import jaxadv as ja
from jaxadv.pytrees import pytree
from jaxadv.training.program import shape_of

SPECS = (ja.Sweep, ja.Landscape, ja.Training)


@pytree
class HalfStep(ja.ConstantStep):
    """Half of a constant step."""

    def size(self, state, problem, gradient, steps):
        """Of a step."""
        return super().size(state, problem, gradient, steps) / 2


class Unregistered:
    """A step rule that is no pytree."""

    def __init__(self, step_size):
        self.step_size = step_size

    def init(self, problem, start):
        """The step size."""
        return jnp.asarray(self.step_size, start.dtype)

    def size(self, state, problem, gradient, steps):
        """Of a step."""
        return state


class Powers(list):
    """A function that can be iterated over, and has a hash."""

    __hash__ = object.__hash__

    def __call__(self, z):
        """The sum of powers."""
        return sum(z**power for power in self)


class NoHash(Powers):
    """The same without a hash."""

    __hash__ = None


def of_pixels(key, dim, width, activation):
    """A network for 28 × 28 pixels alone."""
    del dim
    return ja.init_two_layer(key, 784, width, activation)


def with_classes(key, dim, width, activation, classes=3):
    return ja.init_two_layer(key, dim, width, activation, classes=classes)


@pytest.fixture
def mine(monkeypatch):
    """A module of a user's."""
    module = types.ModuleType("mine")
    monkeypatch.setitem(sys.modules, "mine", module)
    return module


@pytest.mark.parametrize("spec", SPECS)
def test_known_functions_become_their_names(spec):
    assert spec(activations=jnp.tanh) == spec(activations="tanh")
    assert spec(activations=jnp.cos).to_dict()["activations"] == ("jax.numpy:cos",)


def test_every_field_of_functions_takes_the_function_itself():
    sweep = ja.Sweep(losses=ja.logistic, step=ja.NormalizedStep, network=of_pixels, dims=784)
    assert (sweep.losses, sweep.step) == (("logistic",), "normalized")
    assert sweep.network == f"{__name__}:of_pixels"
    spec = ja.Training(
        optimizers=(optax.adam, optax.sgd), constraints=ja.LInfBall, attack_step=ja.ConstantStep
    )
    assert spec.optimizers == ("adam", "sgd")
    assert (spec.constraints, spec.attack_step) == (("linf-ball",), "constant")
    assert len({cell for cell in spec.cells if cell.unit == "sharpness"}) > 0
    assert ja.Landscape(step=HalfStep).step == f"{__name__}:HalfStep"


@pytest.mark.parametrize("spec", SPECS)
def test_a_lambda_stays_and_no_file_or_store_takes_it(spec, tmp_path):
    own = spec(activations=lambda z: z**3)
    reason = r"^activations: <lambda> has no name under which a store could find it again; .*$"
    runs = {ja.Sweep: ja.run_sweep, ja.Landscape: ja.run_landscape, ja.Training: ja.run_training}
    for use in (
        own.to_dict,
        own.to_toml,
        lambda: own.fingerprint,
        lambda: runs[spec](own, tmp_path / "run", progress=False),
    ):
        with pytest.raises(ValueError, match=reason):
            use()
    assert list(tmp_path.iterdir()) == []
    assert "<lambda>" in own.text


def test_functions_are_values_of_an_axis():
    sweep = ja.Sweep(activations=(lambda z: z**3, "tanh", lambda z: z**2))
    assert len(set(sweep.cells)) == 9
    names = [sweep.label("activations", group.activation) for group in sweep.groups]
    assert names == ["<lambda>", "tanh", "<lambda> (2)"]
    cube = lambda z: z**3  # noqa: E731
    with pytest.raises(ValueError, match=r"^activations: <lambda>,<lambda> has a value twice$"):
        ja.Sweep(activations=(cube, cube))
    powers = Powers([1, 3])
    assert ja.Sweep(activations=powers).activations == (powers,)


def test_a_function_without_a_hash_is_refused():
    with pytest.raises(TypeError, match=r"^activations: NoHash has no hash, .*$"):
        ja.Sweep(activations=NoHash([1]))
    with pytest.raises(TypeError, match=r"^network: TwoLayer has no hash, .*$"):
        ja.Sweep(network=ja.init_two_layer(jax.random.key(0), 2, 2))


def test_what_is_no_function_is_refused_and_an_object_asked_for_its_class():
    with pytest.raises(TypeError, match=r"^activations: 3 must be a name or a function$"):
        ja.Sweep(activations=(3,))
    with pytest.raises(TypeError, match=r"^step: .* must be a .*; give ConstantStep itself$"):
        ja.Sweep(step=ja.ConstantStep(0.1))
    with pytest.raises(TypeError, match=r"^constraints: .*; give LInfBall itself$"):
        ja.Training(constraints=ja.LInfBall(0.1))


def test_a_network_is_tried_at_the_shapes_that_are_run():
    assert ja.Sweep(network=of_pixels, dims=784).dims == (784,)
    message = (
        f"network: '{__name__}:of_pixels' must map (key, dim, width, activation) to a network that "
        "maps an input to a scalar: at dim 64, width 8 and activation sin, "
    )
    for spec in (
        lambda: ja.Sweep(network=of_pixels, dims=(784, 64), widths=8, activations="sin"),
        lambda: ja.Landscape(network=of_pixels, dims=64, widths=8, activations="sin"),
        lambda: ja.Training(network=of_pixels, dims=64, widths=8, activations="sin"),
    ):
        with pytest.raises(ValueError, match=r"\A[^\n]*\Z") as error:
            spec()
        assert str(error.value).startswith(message)
        # The error's own words, of JAX or of the run-time checks of shapes.
        assert len(str(error.value)) > len(message)


def test_a_network_is_tried_with_each_activation():
    def picky(key, dim, width, activation):
        if activation is jnp.sin:
            raise ValueError("no sine\nplease")
        return ja.init_two_layer(key, dim, width, activation)

    ja.Sweep(network=picky)
    with pytest.raises(ValueError, match=r"^network: 'picky' .* and activation sin, no sine$"):
        ja.Sweep(network=picky, activations=("tanh", "sin"))


def test_outputs_are_a_number_or_one_for_each_class():
    with pytest.raises(ValueError, match=r"maps an input to a scalar: .* it gives shape \(3,\)"):
        ja.Sweep(network=with_classes)
    data = {"data": "digits", "losses": "cross-entropy"}
    ja.Training(network=with_classes, **data)
    with pytest.raises(ValueError, match=r"each of 10 classes: .* it gives shape \(3,\), not"):
        ja.Training(
            network=lambda key, dim, width, activation, classes: with_classes(
                key, dim, width, activation
            ),
            **data,
        )


def test_trying_allocates_no_weights():
    huge = {"dims": 10**6, "widths": 10**6}

    def init(key, dim, width, activation):
        return ja.init_two_layer(key, dim, width, activation)

    assert ja.Training(network=init, **huge).dims == (10**6,)


def test_an_activation_is_tried_at_every_width():
    def scaled(z):
        return jnp.tanh(z) * jnp.arange(8.0)

    ja.Sweep(activations=scaled, widths=8)
    with pytest.raises(ValueError, match=r"^activations: 'scaled' must map .*: at width 9, .+$"):
        ja.Sweep(activations=scaled, widths=(8, 9))
    with pytest.raises(ValueError, match=r"^activations: 'scaled' must map .*: at width 9, .+$"):
        ja.Landscape(activations=scaled, widths=9)


def test_functions_are_tried_in_the_double_precision_of_certificates():
    def single(z):
        return lax.mul(z, jnp.full(z.shape, 2, jnp.float32))

    with pytest.raises(ValueError, match=r"^activations: 'single' must .*same dtypes.*$"):
        ja.Sweep(activations=single)


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (lambda output: output, r".*takes 1 positional argument but 2 were given"),
        (lambda output, label: (output, label), r"it gives tuple, not shape \(\)"),
        (lambda output, label: output > label, r"its derivatives: grad requires real-valued .*"),
        (lambda output, label: jnp.stack([output, label]), r"it gives shape \(2,\), not .*"),
    ],
)
def test_a_loss_that_is_none_is_refused_in_its_own_words(loss, reason):
    what = r"losses: '<lambda>' must map \(output, label\) to a scalar: at an output of shape \(\)"
    with pytest.raises(ValueError, match=f"^{what}, {reason}$"):
        ja.Sweep(losses=loss)


def test_a_step_rule_is_tried_with_an_ascent():
    for spec, field in ((ja.Sweep, "step"), (ja.Landscape, "step"), (ja.Training, "attack_step")):
        for rule, reason in (
            (ja.L2Ball, "it gives L2Ball, which has not both init and size"),
            (
                lambda size, more: ja.ConstantStep(size),
                ".*missing 1 required positional argument.*",
            ),
        ):
            with pytest.raises(ValueError, match=f"^{field}: .* must map a step size .* {reason}$"):
                spec(**{field: rule})
        spec(**{field: HalfStep})
        spec(**{field: Unregistered})
    with pytest.raises(ValueError, match=r"^step: unknown 'normalised'; did you mean 'normalized'"):
        ja.Sweep(step="normalised")


def test_a_set_is_tried_with_an_ascent():
    for make, reason in (
        (lambda radius: radius, ".*takes 1 positional argument but 2 were given"),
        # The run-time checks of types, which tests have, may speak first.
        (lambda radius, dim: radius, r"(it gives shape \(\), which is none|Type-check error .*)"),
    ):
        what = r"constraints: '<lambda>' must map \(circumradius, dim\) to a Constraint: .*"
        with pytest.raises(ValueError, match=f"^{what} {reason}$"):
            ja.Training(constraints=make)
    ja.Training(constraints=lambda radius, dim: ja.L2Ball(radius / 2))
    ja.Training(constraints="jaxadv:LInfBall")
    with pytest.raises(ValueError, match=r"^constraints: unknown 'l2ball'; did you mean 'l2-ball'"):
        ja.Training(constraints="l2ball")


def test_weights_are_looked_for_in_any_network():
    def plain(key, dim, width, activation):
        del key, dim, width
        return lambda z: jnp.sum(activation(z))

    with pytest.raises(
        ValueError, match=r"^layers: 'plain' has no field of weights named 'hidden'"
    ):
        ja.Training(network=plain)
    with pytest.raises(
        ValueError, match=r"^output_scale: 'plain' has no field of weights named 'output'; give 1"
    ):
        ja.Training(network=plain, layers="both", output_scale=0.3)


def test_the_pickle_of_a_specification_has_its_fields_and_not_its_data():
    """A task of an executor has it, so that it is sent for every block."""
    spec = ja.Sweep(scales=1.0, data="digits", networks=2, widths=8)
    assert len(spec.real_examples.labels) > 1000
    assert len(pickle.dumps(spec)) < 1000
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_specifications_pickle_unless_a_function_does_not():
    for spec in (
        ja.Sweep(activations=(jnp.tanh, jnp.cos), network=of_pixels, dims=784, step=HalfStep),
        ja.Landscape(losses=ja.logistic),
        ja.Training(optimizers=optax.adam, constraints=ja.LInfBall),
    ):
        assert len(spec.cells) > 0  # kept by the specification, and not in the pickle
        assert pickle.loads(pickle.dumps(spec)) == spec
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(ja.Sweep(activations=lambda z: z))


def test_programs_are_kept_by_functions_and_not_by_their_names(mine):
    mine.tune = optax.sgd
    mine.disc = lambda radius, dim: ja.L2Ball(radius)
    mine.rule = ja.ConstantStep
    spec = ja.Training(
        optimizers="mine:tune", constraints="mine:disc", attack_step="mine:rule", sharpness_rates=()
    )
    device = jax.devices()[0]
    before = shape_of(spec, spec.groups[0], spec.optimizers, device)
    assert shape_of(spec, spec.groups[0], spec.optimizers, device) == before
    for name, other in (
        ("tune", lambda rate: optax.sgd(2 * rate)),
        ("disc", lambda radius, dim: ja.L2Ball(radius / 2)),
        ("rule", HalfStep),
    ):
        setattr(mine, name, other)
        after = shape_of(spec, spec.groups[0], spec.optimizers, device)
        assert after != before
        before = after


def test_one_function_gives_one_program():
    """However often it is looked up, built-in sets included."""
    spec, own = (ja.Training(constraints=of) for of in ("linf-ball", ja.LInfBall))
    device = jax.devices()[0]
    one, other = (shape_of(s, s.groups[0], s.optimizers, device) for s in (spec, own))
    assert one == other


def test_a_partial_is_a_function():
    own = ja.Sweep(activations=functools.partial(jnp.clip, min=-1))
    assert own.label("activations", own.activations[0]) == "clip"
    np.testing.assert_equal(own.labelled()["activations"], ("clip",))
