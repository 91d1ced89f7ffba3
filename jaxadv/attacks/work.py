"""The grid of an attack: sets of perturbations times inputs."""

import dataclasses
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from jaxadv.attacks.program import AttackProgram, variables_of
from jaxadv.attacks.result import Attack
from jaxadv.attacks.trials import Rules, Target
from jaxadv.devices import Device
from jaxadv.experiments.layout import HIDDEN_UNITS, TRIALS_PER_LANE
from jaxadv.grid.identity import Identity
from jaxadv.grid.schema import TEXT, Coordinate, Schema
from jaxadv.problems.constraints import Constraint
from jaxadv.problems.names import label_of

BLOCK_TRIALS = 512  # about the fewest trials in a block
FEWEST_LANES, MOST_LANES = 16, 256


@dataclass(frozen=True, eq=False)
class AttackWork:
    """The grid of an attack, whose replicates are the inputs.

    Attributes:
        target: network, method and key; each cell has a set of its own.
        constraints: the sets.
        rules: what programs are compiled for.
        inputs: the inputs, (input, ...).
        labels: their labels.
    """

    target: Target
    constraints: tuple[Constraint, ...]
    rules: Rules
    inputs: np.ndarray
    labels: np.ndarray

    columns: ClassVar[Mapping[str, Coordinate]] = {
        "constraint": Coordinate("set of perturbations", TEXT),
        "circumradius": Coordinate("radius of the smallest ball that holds the set"),
    }

    @property
    def text(self) -> str:
        """What was asked for, as a TOML document."""
        rules, values = self.rules, [self.values_of(cell)[0] for cell in range(self._num_cells)]
        lines = {
            "constraints": values,
            "method": repr(self.target.method),
            "loss": label_of(rules.loss),
            "targeted": rules.targeted,
            "bounds": list(rules.bounds or ()),
            "starts": rules.starts,
            "inputs": len(self.inputs),
        }
        return "".join(f"{n} = {json.dumps(v, ensure_ascii=False)}\n" for n, v in lines.items())

    @property
    def identity(self) -> Identity:
        """Network and loss, inputs, labels, method, bounds, starts and key."""
        rules = self.rules
        return Identity(
            "attack",
            {
                "network": _digest(*jax.tree.leaves(self.target.network)),
                "computation": _digest_of_code(self._objective, self.inputs[0], self.labels[0]),
                "inputs": _digest(self.inputs),
                "labels": _digest(self.labels),
                "method": repr(self.target.method),
                "loss": label_of(rules.loss),
                "targeted": rules.targeted,
                "bounds": rules.bounds,
                "starts": rules.starts,
                "certify": rules.certify,
                "prove": rules.prove,
                "keep_ends": rules.keep_ends,
                "smooth": rules.smooth,
                "key": _digest(jax.random.key_data(self.target.key)),
            },
            defaults={"prove": False, "keep_ends": False},
        )

    def _objective(self, x: Any, y: Any) -> Any:
        """The loss at an input, whose computation tells networks of equal weights apart."""
        return self.rules.objective(self.target.network(x), y)

    @property
    def options(self) -> Mapping[str, Any]:
        """How trials are laid out."""
        return {"lanes": self.rules.lanes}

    @property
    def schema(self) -> Schema:
        """The dataset."""
        tolerances = self.target.method.tolerances
        return Schema(
            title="Attacks on a network",
            columns=self.columns,
            variables=variables_of(self.rules),
            sizes={
                "start": self.rules.starts,
                "tolerance": len(tolerances),
                "entry": int(np.prod(self.inputs.shape[1:])),
            },
            points={
                "tolerance": Coordinate("residual at which steps are counted", values=tolerances)
            },
            float_dtype=self.inputs.dtype.name,
            replicate="input",
        )

    @property
    def _num_cells(self) -> int:
        return len(self.constraints)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Each set is a group of its own."""
        return tuple((cell,) for cell in range(self._num_cells))

    @property
    def replicates(self) -> int:
        """The number of inputs."""
        return len(self.inputs)

    @property
    def replicates_per_block(self) -> int:
        """As many inputs as have enough trials for a block."""
        return max(1, BLOCK_TRIALS // self.rules.starts)

    @property
    def unit(self) -> str:
        """A trial."""
        return "trial"

    def units(self, cells: Sequence[int]) -> int:
        """How many trials there are on one input."""
        return len(cells) * self.rules.starts

    def cost(self, cells: Sequence[int]) -> float:
        """The number of trials."""
        return float(self.units(cells))

    def values_of(self, cell: int) -> tuple[Any, ...]:
        """The set in words, and its circumradius."""
        constraint = self.constraints[cell]
        text, leaves = " ".join(repr(constraint).split()), jax.tree.leaves(constraint)
        if any(np.size(leaf) > 1 for leaf in leaves):
            # What is printed of an array does not tell it from others.
            text = f"{type(constraint).__name__} of arrays {_digest(*leaves)}"
        size = int(np.prod(self.inputs.shape[1:]))
        return text, float(jnp.asarray(constraint.circumradius(size)))

    def program(self, cells: tuple[int, ...], devices: Sequence[Device]) -> AttackProgram:
        """The program for one set."""
        (cell,) = cells
        target = dataclasses.replace(self.target, constraint=self.constraints[cell])
        trials = self.rules.lanes * TRIALS_PER_LANE
        enough = -(-trials // self.rules.starts)
        share = -(-len(self.inputs) // len(devices))
        per_call = max(1, min(enough, share))
        return AttackProgram(target, self.rules, self.inputs, self.labels, per_call)

    def attacks(self, dataset: xr.Dataset) -> list[Attack]:
        """What was found, in one set after the other."""
        return [
            Attack(dataset.isel(cell=cell), self.inputs.shape[1:], self.rules.targeted)
            for cell in range(self._num_cells)
        ]

    def rate(self, counts: Counter[str], seconds: float) -> str:
        """Gradients per second."""
        return f"{counts['gradients_run'] / seconds if seconds else 0:.3g} gradients/s"

    def check(self, *, stored: bool) -> None:
        """Refuse sets that a store could not tell apart."""
        values = [self.values_of(cell) for cell in range(self._num_cells)]
        if stored and len(set(values)) < len(values):
            raise ValueError("constraint: two sets are the same; give each once")


def lanes_for(network: Any, shape: tuple[int, ...], dtype: Any, trials: int) -> int:
    """How many trials are under way at a time: as many as have activations that fit the caches."""
    jaxpr = jax.make_jaxpr(network)(jax.ShapeDtypeStruct(shape, dtype))
    sizes = [value.aval.size for equation in jaxpr.eqns for value in equation.outvars]
    units = max([1, *sizes])
    lanes = min(max(HIDDEN_UNITS // units, FEWEST_LANES), MOST_LANES)
    return min(lanes, trials)


def _digest_of_code(function: Any, *args: Any) -> str:
    """A hash of a function's computation, without the addresses of Python's functions in it."""
    text = re.sub(r" at 0x[0-9a-f]+", "", str(jax.make_jaxpr(function)(*args)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digest(*arrays: Any) -> str:
    """A hash of some arrays: of their bytes, shapes and types."""
    total = hashlib.sha256()
    for array in map(np.asarray, arrays):
        total.update(f"{array.dtype} {array.shape}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:16]
