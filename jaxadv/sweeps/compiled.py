"""The compiled programs of a sweep, for one group of cells and one device.

One draws networks, inputs and starts, one ascends, one certifies the ends, one proves what it can.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jaxadv.ascent import trial as ascent
from jaxadv.ascent.certificate import Certificate
from jaxadv.ascent.certifying import certify_each
from jaxadv.ascent.precision import as_double
from jaxadv.ascent.solution import End, Solution
from jaxadv.ascent.trial import State
from jaxadv.batches import map_batches
from jaxadv.devices import Device, in_batches
from jaxadv.experiments.draws import Draws, Given, Source, draw, like_seeds
from jaxadv.lanes import Loops, run_lanes
from jaxadv.problems.problem import Problem
from jaxadv.programs import lower_for
from jaxadv.proofs.ends import Proved, has_proofs, prove_ends, square_norm_of
from jaxadv.sweeps.plan import Plan
from jaxadv.sweeps.trials import Rules, Settings, Trial, trial_of

Numbers = Int[Array, "trial 3"]  # the (cell, example, start) of each trial


class Programs(NamedTuple):
    """A group's compiled programs for one device, and the bytes that two calls of them need."""

    draw: Any
    ascend: Any
    certify: Any
    prove: Any
    num_bytes: int


def compile_programs(
    source: Source,
    rules: Rules,
    plan: Plan,
    device: Device,
    *,
    num_cells: int,
    num_given: int | None,
) -> Programs:
    """Compile a group's programs for a device, before anything runs.

    Args:
        source: how trials are drawn.
        rules: what the trials have in common.
        plan: the layout.
        device: the device.
        num_cells: how many cells the group has.
        num_given: how many real examples there are; None where they are simulated.
    """
    num_trials = num_cells * source.examples * source.starts
    column = np.zeros(num_cells, source.dtype)
    numbers = np.zeros((num_trials, 3), np.int32)
    trials = (Settings(column, column, column), numbers)
    # A program is compiled while the next one is traced.
    with ThreadPoolExecutor() as threads:
        with jax.enable_x64(source.dtype == "float64"):
            indices = np.zeros(plan.networks_per_call, np.int32)
            seeds = like_seeds(num_given, source.dim)
            drawing = lower_for(device, partial(draw_networks, source, plan), indices, *seeds)
            waiting = [threads.submit(drawing.compile)]
            draws = drawing.out_info
            ascending = lower_for(device, partial(ascend_all, rules, plan), draws, *trials)
            waiting.append(threads.submit(ascending.compile))
        with jax.enable_x64(True):
            ends = (draws, ascending.out_info[0])
            certifying = lower_for(device, partial(certify_all, rules, plan), ends, *trials)
            waiting.append(threads.submit(certifying.compile))
            found = (draws, ascending.out_info[0].perturbation)
            proving = lower_for(device, partial(prove_all, rules, plan), found, *trials)
            waiting.append(threads.submit(proving.compile))
        compiled = [program.result() for program in waiting]
    needs: list[Any] = [program.memory_analysis() for program in compiled]
    kept = sum(need.output_size_in_bytes for need in needs)
    temporary = max(need.temp_size_in_bytes for need in needs)
    return Programs(*compiled, num_bytes=2 * kept + temporary)


def draw_networks(
    source: Source,
    plan: Plan,
    indices: Int[Array, " network"],
    key: Key[Array, ""],
    given: Given,
) -> Draws:
    """`Source.draw` for some networks."""
    return in_batches(lambda index: draw(source, index, key, given), indices, plan.networks_at_once)


def ascend_all(
    rules: Rules, plan: Plan, draws: Draws, settings: Settings, numbers: Numbers
) -> tuple[Solution, Float[Array, " network"]]:
    """`ja.ascend` for all trials on some networks, and the steps that their lanes were held for."""

    def one_network(draws: Draws) -> tuple[Solution, Float[Array, ""]]:
        # The network is closed over without a batch axis: W z of all lanes is one matrix product.
        def init(number: Int[Array, " 3"]) -> tuple[Trial, State]:
            trial = trial_of(draws, settings, *number)
            problem, method = rules.problem(draws.network, trial)
            return trial, ascent.init(problem, trial.start, method)

        def step(lane: tuple[Trial, State]) -> tuple[Trial, State]:
            problem, method = rules.problem(draws.network, lane[0])
            return lane[0], ascent.step(problem, lane[1], method)

        def done(lane: tuple[Trial, State]) -> Bool[Array, ""]:
            return ascent.done(lane[1])

        def finish(lane: tuple[Trial, State]) -> Solution:
            problem, method = rules.problem(draws.network, lane[0])
            return ascent.finish(problem, lane[1], method)

        return run_lanes(
            Loops(init, step, done, finish),
            numbers,
            num_lanes=plan.num_lanes,
            check_every=plan.check_every,
        )

    with jax.default_matmul_precision("highest"):
        return in_batches(one_network, draws, plan.networks_at_once)


def certify_all(
    rules: Rules,
    plan: Plan,
    ends: tuple[Draws, Solution],
    settings: Settings,
    numbers: Numbers,
) -> Certificate:
    """`ja.certify` for the ends of all trials, at the tolerance and step sizes of their ascents."""

    def one_network(ends: tuple[Draws, Solution]) -> Certificate:
        draws, solutions = ends

        def trial(row: tuple[Int[Array, " 3"], Solution]) -> tuple[Problem, End]:
            number, solution = row
            problem, _ = rules.problem(draws.network, trial_of(draws, settings, *number))
            return problem, solution.end

        return certify_each(
            trial,
            (numbers, solutions),
            tolerance=rules.method.tolerances[-1],
            lanes=plan.certify_lanes,
        )

    return in_batches(one_network, ends, plan.networks_at_once)


def prove_all(
    rules: Rules,
    plan: Plan,
    ends: tuple[Draws, Float[Array, "network trial dim"]],
    settings: Settings,
    numbers: Numbers,
) -> Int[Array, "network trial"]:
    """The `Proved` of the ends of all trials."""
    starts = ends[0].start.shape[2]

    def one_network(ends: tuple[Draws, Float[Array, "trial dim"]]) -> Int[Array, " trial"]:
        draws, perturbations = ends
        network = as_double(draws.network)

        def problem_of(number: Int[Array, " 3"]) -> Problem:
            return rules.problem(network, trial_of(draws, settings, *number))[0]

        if not (rules.prove and has_proofs(problem_of(numbers[0]))):
            return jnp.full(len(numbers), Proved.NOT_TRIED, jnp.int8)
        square_norm = square_norm_of(problem_of(numbers[0]))
        # All starts on an input follow each other, and share what is costly.
        grouped = tuple(
            rows.reshape(-1, starts, rows.shape[1]) for rows in (numbers, perturbations)
        )
        proofs = map_batches(
            lambda rows: prove_ends(problem_of(rows[0][0]), rows[1], square_norm).proved,
            grouped,
            plan.prove_lanes,
        )
        return proofs.ravel()

    return in_batches(one_network, ends, plan.networks_at_once)
