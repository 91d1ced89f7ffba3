"""Many runs at once: a program for all optimisers, scales, ratios and rates of a group."""

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
from jaxadv.experiments.groups import Group
from jaxadv.experiments.variables import filled
from jaxadv.learning.optimizers import OPTIMIZERS, Optimizer
from jaxadv.problems.constraints import CONSTRAINTS
from jaxadv.problems.losses import EVERY_LOSS
from jaxadv.problems.names import Function, resolve
from jaxadv.training.evaluate import evaluate
from jaxadv.training.run import Rules, Settings, advance, begin
from jaxadv.training.spec import Training

Runs = Any
"""Of a group: a `run.Run` with axes (network, cell), for each optimiser in the cells' order."""
ACCELERATOR_RUNS = 2**10
"""On an accelerator, cells of a network that are side by side on a device."""
STRONG_STEP = 0.1
"""Of the attack that networks are evaluated with, in circumradii."""


class Shape(NamedTuple):
    """What the programs of a group are compiled for, beside the numbers of networks and cells.

    It has functions themselves, not their names, which may come to mean others.
    """

    source: Source
    rules: Rules
    optimizers: tuple[Optimizer, ...]
    at_once: int


class Engine:
    """The programs of a specification, one of each for every group.

    Args:
        spec: the specification.
        mesh: the devices; a call works on as many networks.

    Example:
        >>> from jaxadv.experiments.layout import mesh_of
        >>> spec = Training(scales=1, ratios=0, optimizers="adam", widths=8, networks=1, steps=1)
        >>> engine = Engine(spec, mesh_of(1))
        >>> _, records = engine.advance(engine.begin([0]), [0], 0)  # doctest: +SKIP
        >>> records["clean_loss"].shape  # (network, cell, split)  # doctest: +SKIP
        (1, 2, 2)
    """

    def __init__(self, spec: Training, mesh: Mesh) -> None:
        self.mesh = mesh
        with jax.enable_x64(True):
            self._of_groups = [self._of_group(spec, group) for group in spec.groups]

    def begin(self, networks: Sequence[int]) -> tuple[Runs, ...]:
        """All runs of some networks, before their first step, group by group."""
        rows = self._rows(networks)
        with jax.enable_x64(True):
            return tuple(
                programs.begin(rows, *arguments) for programs, *arguments in self._of_groups
            )

    def advance(
        self, runs: tuple[Runs, ...], networks: Sequence[int], num_steps: int
    ) -> tuple[tuple[Runs, ...], dict[str, np.ndarray]]:
        """The runs after so many steps, and their records, with axes (network, cell, …)."""
        rows, advanced, records = self._rows(networks), [], []
        with jax.enable_x64(True):
            for of_group, (programs, *arguments) in zip(runs, self._of_groups, strict=True):
                after, values = programs.advance(of_group, rows, *arguments, np.int32(num_steps))
                advanced.append(after)
                records.append({name: filled(value) for name, value in values.items()})
        cells = {
            name: np.concatenate([of_group[name] for of_group in records], axis=1)
            for name in records[0]
        }
        return tuple(advanced), {name: value[: len(networks)] for name, value in cells.items()}

    def _of_group(self, spec: Training, group: Group) -> tuple[Any, ...]:
        """A group's programs, and what they are given."""
        programs = _programs(shape_of(spec, group, self.mesh.devices.flat[0]), self.mesh)
        settings = tuple(settings_of(spec, group, optimizer) for optimizer in spec.optimizers)
        return programs, key_of(spec), given_of(spec, group), settings

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


def shape_of(spec: Training, group: Group, device: Device) -> Shape:
    """What the programs of a group are compiled for."""
    examples = spec.examples + spec.test_examples
    source = Source.of(spec, group, examples=examples, starts=spec.restarts)
    rules = Rules(
        loss=resolve("losses", group.loss, EVERY_LOSS),
        layers=cast(Any, spec.layers),
        batch=spec.batch,
        examples=spec.examples,
        pga=attack_of(spec),
        strong=PGA(NormalizedStep(STRONG_STEP), (SMALLEST,), spec.strong_steps),
        constraint=resolve("constraint", spec.constraint, CONSTRAINTS),
        has_answers=spec.has_answers(group.loss),
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


def given_of(spec: Training, group: Group) -> Given:
    """The real directions and labels, or classes; None where they are simulated."""
    real = spec.real_examples
    if real is None:
        return None
    if spec.classes_of(group.loss) is None or real.classes is None:
        return real.directions, real.labels
    return real.directions, real.classes.astype(np.float32)


def settings_of(spec: Training, group: Group, optimizer: Function) -> Settings:
    """The settings of the runs of an optimiser in a group, in the order of the cells."""
    cells = [cell for cell in spec.cells_of(group) if cell.optimizer == optimizer]
    columns = ("scale", "ratio", "rate")
    return Settings(
        *(jnp.array([getattr(c, name) for c in cells], spec.dtype) for name in columns),
        relative=jnp.array([cell.unit == "sharpness" for cell in cells]),
    )
