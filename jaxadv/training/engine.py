"""Many runs at once: one program for all optimisers, scales, ratios and rates of some networks."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Int

from jaxadv.ascent.pga import PGA
from jaxadv.ascent.steps import STEP_RULES, NormalizedStep
from jaxadv.devices import Device, in_batches, on_devices
from jaxadv.experiments.draws import Given, Source, Tag, draw, key_of
from jaxadv.experiments.fields import SMALLEST
from jaxadv.experiments.variables import filled
from jaxadv.learning.optimizers import OPTIMIZERS, Optimizer
from jaxadv.problems.constraints import CONSTRAINTS
from jaxadv.problems.losses import EVERY_LOSS
from jaxadv.problems.names import Function, resolve
from jaxadv.training.evaluate import evaluate
from jaxadv.training.run import Rules, Settings, advance, begin
from jaxadv.training.spec import Training

Runs = Any
"""A `run.Run` with axes (network, cell), for each optimiser in the order of the cells."""
ACCELERATOR_RUNS = 2**10
"""On an accelerator, cells of a network that are side by side on a device."""
STRONG_STEP = 0.1
"""Of the attack that networks are evaluated with, in circumradii."""


class Shape(NamedTuple):
    """What programs are compiled for, beside the numbers of networks and cells.

    It has functions themselves, not their names, which may come to mean others.
    """

    source: Source
    rules: Rules
    optimizers: tuple[Optimizer, ...]
    at_once: int


class Engine:
    """The programs of a specification.

    Args:
        spec: the specification.
        mesh: the devices; a call works on as many networks.

    Example:
        >>> from jaxadv.experiments.layout import mesh_of
        >>> spec = Training(scales=1.0, ratios=0.0, optimizers="adam", width=8, networks=1, steps=1)
        >>> engine = Engine(spec, mesh_of(1))
        >>> _, records = engine.advance(engine.begin([0]), [0], 0)  # doctest: +SKIP
        >>> records["clean_loss"].shape  # (network, cell, split)  # doctest: +SKIP
        (1, 2, 2)
    """

    def __init__(self, spec: Training, mesh: Mesh) -> None:
        self.mesh = mesh
        self._shape = shape_of(spec, mesh.devices.flat[0])
        with jax.enable_x64(True):
            self._shared = key_of(spec), given_of(spec)
            self._settings = tuple(settings_of(spec, optimizer) for optimizer in spec.optimizers)

    def begin(self, networks: Sequence[int]) -> Runs:
        """All runs of some networks, before their first step."""
        with jax.enable_x64(True):
            return _programs(self._shape, self.mesh).begin(
                self._rows(networks), *self._shared, self._settings
            )

    def advance(
        self, runs: Runs, networks: Sequence[int], num_steps: int
    ) -> tuple[Runs, dict[str, np.ndarray]]:
        """The runs after so many steps, and their records, with axes (network, cell, …)."""
        with jax.enable_x64(True):
            runs, records = _programs(self._shape, self.mesh).advance(
                runs, self._rows(networks), *self._shared, self._settings, np.int32(num_steps)
            )
            return runs, {n: filled(value)[: len(networks)] for n, value in records.items()}

    def _rows(self, networks: Sequence[int]) -> Int[np.ndarray, " row"]:
        """A last call with fewer networks repeats one: one shape, one compilation."""
        return np.resize(np.asarray(networks, np.int32), self.mesh.size)


class Programs(NamedTuple):
    """What begins runs, and what advances and then evaluates them; rows are networks."""

    begin: Callable[..., Any]
    advance: Callable[..., Any]


@lru_cache(maxsize=32)
def _programs(shape: Shape, mesh: Mesh) -> Programs:
    """The programs of a shape."""
    source, rules, at_once = shape.source, shape.rules, shape.at_once

    def begin_all(index: Array, key: Array, given: Given, settings: Any) -> Runs:
        draws = draw(source, index, key, given)
        return tuple(
            in_batches(
                lambda one, optimizer=optimizer: begin(
                    draws, one, optimizer=optimizer, rules=rules
                ),
                own,
                at_once,
            )
            for optimizer, own in zip(shape.optimizers, settings, strict=True)
        )

    def advance_all(
        row: Any, key: Array, given: Given, settings: Any, num_steps: Array
    ) -> tuple[Runs, Any]:
        index, runs = row
        draws = draw(source, index, key, given)
        batches = source.key_for(key, Tag.BATCH, index)
        stepped = tuple(
            in_batches(
                lambda cell, optimizer=optimizer: advance(
                    cell[0], draws, batches, cell[1], num_steps, optimizer=optimizer, rules=rules
                ),
                (own_runs, own),
                at_once,
            )
            for optimizer, own_runs, own in zip(shape.optimizers, runs, settings, strict=True)
        )
        # Only the states of the optimisers differ in their structure: one evaluation serves all.
        without = [dataclasses.replace(own_runs, optimizer=()) for own_runs in stepped]
        every = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *without)
        numbers = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *settings)
        records = in_batches(
            lambda cell: evaluate(cell[0], draws, cell[1], rules), (every, numbers), at_once
        )
        return stepped, records

    return Programs(
        begin=jax.jit(lambda rows, *shared: on_devices(begin_all, mesh, rows, *shared)),
        advance=jax.jit(
            lambda runs, indices, *shared: on_devices(advance_all, mesh, (indices, runs), *shared),
            donate_argnums=0,
        ),
    )


def shape_of(spec: Training, device: Device) -> Shape:
    """What the programs of a specification are compiled for."""
    source = Source.of(
        spec,
        spec.activation,
        dim=cast(int, spec.dim),
        width=spec.width,
        signed=spec.loss == "logistic",
        examples=spec.examples + spec.test_examples,
        starts=spec.restarts,
        dtype=spec.dtype,
        classes=spec.classes,
    )
    rules = Rules(
        loss=resolve("loss", spec.loss, EVERY_LOSS),
        layers=cast(Any, spec.layers),
        batch=spec.batch,
        examples=spec.examples,
        pga=attack_of(spec),
        strong=PGA(NormalizedStep(STRONG_STEP), (SMALLEST,), spec.strong_steps),
        constraint=resolve("constraint", spec.constraint, CONSTRAINTS),
        smooth=spec.smooth,
    )
    # The products of one run keep a core busy: side by side, runs were no faster there.
    at_once = 1 if device.platform == "cpu" else ACCELERATOR_RUNS
    optimizers = tuple(resolve("optimizers", name, OPTIMIZERS) for name in spec.optimizers)
    return Shape(source, rules, optimizers, at_once)


def attack_of(spec: Training) -> PGA:
    """The settings of the inner ascent."""
    rule = resolve("attack_step", spec.attack_step, STEP_RULES)(spec.attack_step_size)
    return PGA(rule, (spec.attack_tolerance or SMALLEST,), spec.attack_steps)


def given_of(spec: Training) -> Given:
    """The real directions and labels, or classes; None where they are simulated."""
    real = spec.real_examples
    if real is None:
        return None
    if spec.classes is None or real.classes is None:
        return real.directions, real.labels
    return real.directions, real.classes.astype(np.float32)


def settings_of(spec: Training, optimizer: Function) -> Settings:
    """The settings of an optimiser's runs, in the order of the cells."""
    cells = [cell for cell in spec.cells if cell.optimizer == optimizer]
    columns = ("scale", "ratio", "rate")
    return Settings(
        *(jnp.array([getattr(c, name) for c in cells], spec.dtype) for name in columns),
        relative=jnp.array([cell.unit == "sharpness" for cell in cells]),
    )
