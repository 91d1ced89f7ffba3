"""The program of an attack: ascents from many starts on some inputs, which share the network."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxadv.ascent import trial
from jaxadv.ascent.precision import as_double
from jaxadv.ascent.solution import Solution
from jaxadv.attacks.certificates import certify_inputs
from jaxadv.attacks.records import OF_CERTIFICATES, OF_ENDS, OF_INPUTS, OF_PROOFS, OF_TRIALS
from jaxadv.attacks.trials import Row, Rules, Target, problem_of, start_of
from jaxadv.batches import map_batches
from jaxadv.devices import Device, wait_for
from jaxadv.experiments.layout import usual_prove_lanes
from jaxadv.experiments.variables import filled
from jaxadv.grid.states import States
from jaxadv.grid.work import Finished, Tick
from jaxadv.lanes import lane_map
from jaxadv.problems.losses import Loss
from jaxadv.problems.networks import Network
from jaxadv.problems.norms import l2_norm
from jaxadv.proofs.eigenvalues import largest_square
from jaxadv.proofs.margins import is_proved
from jaxadv.proofs.readable import as_readable


class AttackProgram:
    """Ascents on some inputs in one set of perturbations, and their records.

    Args:
        target: network, set, method and key.
        rules: what the program is compiled for.
        inputs: all inputs, (input, ...).
        labels: their labels.
        inputs_per_call: how many inputs a call takes.
    """

    def __init__(
        self,
        target: Target,
        rules: Rules,
        inputs: np.ndarray,
        labels: np.ndarray,
        inputs_per_call: int,
    ) -> None:
        self._target, self._rules = target, rules
        self._inputs, self._labels = inputs, labels
        self._per_call = inputs_per_call

    @property
    def replicates_per_call(self) -> int:
        """How many inputs a call takes."""
        return self._per_call

    @property
    def layout(self) -> Mapping[str, Any]:
        """The set, the lanes and the size of a call."""
        return {
            "constraint": repr(self._target.constraint),
            "lanes": self._rules.lanes,
            "inputs_per_call": self._per_call,
        }

    def start(self, replicates: Sequence[int], states: States, device: Device) -> Any:
        """Begin the ascents on some inputs."""
        del states
        # Filled up to one shape with the last input, so that one program serves all calls.
        index = np.minimum(np.arange(self._per_call), len(replicates) - 1)
        chosen = np.asarray(replicates, np.int32)[index]
        arrays = self._target, self._inputs[chosen], self._labels[chosen], chosen
        target, x, y, numbers = jax.device_put(arrays, device)
        rows, solutions, records = attack_inputs(target, x, y, numbers, self._rules)
        if self._rules.certify:
            with jax.enable_x64(True):
                records |= certify_inputs(target, rows, solutions, self._rules)
        if self._rules.prove:
            with jax.enable_x64(True):
                proved = prove_inputs(target, x, y, self._rules)
            # A set need not hold 0, but the input itself counts as well.
            records["proved"] = proved & (records["correct"] != self._rules.targeted)
        return len(replicates), records

    def finish(self, running: Any, tick: Tick) -> Finished:
        """Wait for the ascents, and return their records."""
        del tick
        number, records = running
        wait_for(records)
        values = {name: filled(value)[:number] for name, value in records.items()}
        steps = values["steps"].sum(axis=1, dtype=np.int64)
        trials = np.full(number, self._rules.starts)
        return Finished(
            {name: value[None] for name, value in values.items()},
            {"trials_run": trials, "steps_run": steps, "gradients_run": steps + trials},
        )


@partial(jax.jit, static_argnames="rules")
def attack_inputs(
    target: Target,
    inputs: Float[Array, "input *shape"],
    labels: Array,
    numbers: Int[Array, " input"],
    rules: Rules,
) -> tuple[Row, Solution, dict[str, Array]]:
    """The trials on some inputs, their solutions, and the records but for the certificates."""
    num_inputs = len(inputs)
    of_input = jnp.repeat(jnp.arange(num_inputs), rules.starts)
    start = jnp.tile(jnp.arange(rules.starts), num_inputs)
    rows = Row(inputs[of_input], labels[of_input], numbers[of_input], start)

    def init(row: Row) -> tuple[Row, trial.State]:
        problem = problem_of(target, row, rules)
        return row, trial.init(problem, start_of(problem, target, row), target.method)

    def step(lane: tuple[Row, trial.State]) -> tuple[Row, trial.State]:
        row, state = lane
        return row, trial.step(problem_of(target, row, rules), state, target.method)

    def finish(lane: tuple[Row, trial.State]) -> Solution:
        row, state = lane
        return trial.finish(problem_of(target, row, rules), state, target.method)

    with jax.default_matmul_precision("highest"):
        solutions = lane_map(
            init, step, lambda lane: trial.done(lane[1]), finish, rows, num_lanes=rules.lanes
        )
        ends = jax.vmap(target.network)(rows.x + solutions.perturbation)
        losses = jax.vmap(rules.loss)(ends, rows.y)
        by_input = (num_inputs, rules.starts)
        ended = solutions, ends, losses
        records = _of_inputs(target, (inputs, labels), rules, ended)
    if rules.keep_ends:
        records["end"] = solutions.perturbation.reshape(*by_input, -1)
    for name in OF_TRIALS:
        values = losses if name == "loss_end" else getattr(solutions, name)
        records[name] = values.reshape(*by_input, *values.shape[1:])
    return rows, solutions, records


def _of_inputs(
    target: Target,
    examples: tuple[Float[Array, "input *shape"], Array],
    rules: Rules,
    ended: tuple[Solution, Float[Array, "trial *classes"], Float[Array, " trial"]],
) -> dict[str, Array]:
    """The records of each input, from how its trials ended: solutions, outputs and losses."""
    inputs, labels = examples
    by_input = (len(inputs), rules.starts)
    solutions, outputs, losses = ended[0], ended[1], ended[2].reshape(by_input)
    clean = jax.vmap(target.network)(inputs)
    is_correct = answer(clean) == labels
    answers = answer(outputs).reshape(by_input)
    is_label = answers == labels[:, None]
    succeeded = is_label if rules.targeted else ~is_label
    # The change of the answer counts before the loss.
    worst = jnp.lexsort((-losses if rules.targeted else losses, succeeded), axis=1)[:, -1]
    rows, perturbations = jnp.arange(len(inputs)), solutions.perturbation.reshape(*by_input, -1)
    return {
        "loss": losses[rows, worst],
        "clean_loss": jax.vmap(rules.loss)(clean, labels),
        "correct": is_correct,
        "robust": ~succeeded.any(axis=1) & (is_correct != rules.targeted),
        "changed": answers[rows, worst] != answer(clean),
        "saturated": _saturated(target.network, inputs, labels, rules.loss),
        "perturbation": perturbations[rows, worst],
    }


def answer(outputs: Float[Array, "row *classes"]) -> Array:
    """The class of the largest logit, or the sign of a single output."""
    return jnp.sign(outputs) if outputs.ndim == 1 else jnp.argmax(outputs, axis=1)


def _saturated(
    network: Network, inputs: Float[Array, "input *shape"], labels: Array, loss: Loss
) -> Bool[Array, " input"]:
    """Whether the gradient of the loss itself is 0 by rounding."""

    def norm(x: Float[Array, "*shape"], y: Array) -> Float[Array, ""]:
        return l2_norm(jax.grad(lambda x: loss(network(x), y))(x))

    return jax.vmap(norm)(inputs, labels) == 0


@partial(jax.jit, static_argnames="rules")
def prove_inputs(
    target: Target, inputs: Float[Array, "input *shape"], labels: Array, rules: Rules
) -> Bool[Array, " input"]:
    """At which inputs it is proved that no perturbation of the set is a success."""
    target, inputs = as_double((target, inputs))
    shared = as_readable(target.network, inputs[0])
    first = shared.weights[0]
    shared = dataclasses.replace(shared, square_norm=largest_square(first))

    def prove(row: tuple[Float[Array, "*shape"], Array]) -> Bool[Array, ""]:
        x, label = row
        problem = problem_of(target, Row(x, label, jnp.int32(0), jnp.int32(0)), rules)
        return is_proved(shared, x, label, problem.constraint, targeted=rules.targeted)

    lanes = usual_prove_lanes(first.shape[1], first.shape[0], len(inputs))
    with jax.default_matmul_precision("highest"):
        return map_batches(prove, (inputs, labels), lanes)


def variables_of(rules: Rules) -> dict[str, Any]:
    """The variables of an attack's dataset."""
    certificates = OF_CERTIFICATES if rules.certify else {}
    proofs = OF_PROOFS if rules.prove else {}
    ends = OF_ENDS if rules.keep_ends else {}
    return {**OF_INPUTS, **proofs, **OF_TRIALS, **certificates, **ends}
