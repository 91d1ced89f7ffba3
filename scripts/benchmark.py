"""How fast jaxadv is, against what a user would write instead, on the same trials in one run.

Example:
    python scripts/benchmark.py --quick
"""

import matplotlib as mpl

mpl.use("Agg")

import dataclasses
import json
import platform
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from attack_speed import measure_attacks
from ceiling import FLOP_PER_WEIGHT, each_in_a_thread, products
from comparison import CEILING, ONE, OURS, draw, table
from end_to_end import measure_end_to_end
from growth import draw_growth, grow
from proof_speed import measure_proofs
from rivals import RIVALS, batch_of, missing
from tqdm import tqdm
from training_speed import measure_training

import jaxadv as ja
from jaxadv import devices
from jaxadv.cli.flags import ask, flags_of, form_of, values_of
from jaxadv.cli.mistakes import errors_in_one_line
from jaxadv.grid.states import States
from jaxadv.programs import keep_programs
from jaxadv.sweeps.plan import make_plan
from jaxadv.sweeps.program import Running, SweepProgram


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        quick: fewer steps (a budget of 2,000 instead of 20,000) and one round: under two minutes.
        rounds: how often each way is timed, in turns; medians are reported.
        end_to_end: measure whole sweeps, with their draws, certificates and records, instead.
        growth: measure time and memory against trials, dim, width and devices instead.
        training: measure a hundred runs of training, at once and one after the other, instead.
        attacks: measure attacks on a trained network against Foolbox and torchattacks instead.
        proofs: measure proofs beside the ascents on the same inputs instead.
        folder: where the JSON, the table and the figure go.
    """

    quick: bool = False
    rounds: int = 3
    end_to_end: bool = False
    growth: bool = False
    training: bool = False
    attacks: bool = False
    proofs: bool = False
    folder: Path = Path("results/benchmarks")

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ValueError(f"rounds: {self.rounds} must be 1 or more")


def main() -> None:
    """Measure, write, print."""
    with errors_in_one_line():
        form, known = form_of([Options]), flags_of([Options])
        values = ask(form, known, "benchmark.py", __doc__ or "", sys.argv[1:])
        options = Options(**values_of(Options, values))
    other = {
        "end-to-end": (options.end_to_end, measure_end_to_end),
        "growth": (options.growth, grow),
        "training": (options.training, measure_training),
        "attacks": (options.attacks, measure_attacks),
        "proofs": (options.proofs, measure_proofs),
    }
    asked = [name for name, (is_asked, _) in other.items() if is_asked]
    if asked:
        measured, text = other[asked[0]][1](quick=options.quick)
        measured["machine"] = _machine(devices.use_devices())
    else:
        measured, text = compare(options)
    print(text)
    name = "-".join([_device_name(), *asked[:1], *["quick"] * options.quick])
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    (folder / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
    pictures = {(): draw, ("growth",): draw_growth}
    if tuple(asked) in pictures:
        pictures[tuple(asked)](measured, folder / f"{name}.png")
    print(folder / f"{name}.json")


def workload(*, quick: bool) -> ja.Sweep:
    """4 networks x 768 trials, d = 64, m = 512, tanh, scales 0.1, 1, 10, tolerance 1e-3."""
    return ja.Sweep(
        data="gaussian",
        networks=4,
        examples=64,
        tolerances=(1e-3,),
        max_steps=2_000 if quick else 20_000,
    )


def compare(options: Options) -> tuple[dict[str, Any], str]:
    """Useful steps per second of every way, and the share of it that the device could do."""
    keep_programs()
    every = devices.use_devices()
    sweep = workload(quick=options.quick)
    group = sweep.groups[0]
    flop = FLOP_PER_WEIGHT * group.dim * group.width
    ours = {OURS: prepare(sweep, every)}
    ways = {CEILING: products(sweep, every)}
    if len(every) > 1:
        ours[OURS + ONE] = prepare(sweep, every[:1])
        ways[CEILING + ONE] = products(sweep, every[:1])
    ways |= {name: lambda ascend=ascend: ascend().ascent for name, ascend in ours.items()}
    batch, skipped = batch_of(sweep), []
    for rival, (prepare_rival, trials) in RIVALS.items():
        package = missing(rival)
        if package is None:
            ways[rival] = partial(_timed, prepare_rival(batch.first(trials)))
        else:
            skipped.append(f"{rival}: skipped, {package} is not installed (extra bench)")
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    rounds = 1 if options.quick else options.rounds
    for name, run in tqdm([*ways.items()] * rounds, unit="run", leave=False):
        steps, seconds = run()
        speeds[name].append(steps / seconds)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    default = prepare(ja.Sweep(networks=4 if options.quick else 16), every)()
    measured = {
        "workload": sweep.to_dict(),
        "machine": _machine(every),
        "steps_per_second": {
            name: {"median": medians[name], "all": values} for name, values in speeds.items()
        },
        "flop_per_step": flop,
        "flop_share": medians[OURS] / medians[CEILING],
        "occupancy": ours[OURS]().occupancy,
        "certify_share": default.certify_share,
        "skipped": skipped,
    }
    return measured, table(measured)


class Ours(NamedTuple):
    """One run of jaxadv.

    Attributes:
        ascent: the steps of all ascents, and the seconds until the last one had ended.
        certify_share: of the devices' time, the share that certificates take.
        occupancy: of the lanes.
    """

    ascent: tuple[int, float]
    certify_share: float
    occupancy: float


def prepare(sweep: ja.Sweep, chosen: list[Any]) -> Callable[[], Ours]:
    """All networks of a sweep in one call; the time of the certificates is taken apart."""
    plan = make_plan(sweep, sweep.cells, chosen[0], sweep.networks)
    plan = dataclasses.replace(plan, networks_per_call=-(-sweep.networks // len(chosen)))
    program = SweepProgram(sweep, sweep.cells, plan, chosen)
    networks = np.arange(plan.networks_per_call * len(chosen)).reshape(len(chosen), -1)

    def call(networks: np.ndarray, device: Any) -> tuple[Running, float, float]:
        running = program.start(networks.tolist(), States(None, {}), device)
        jax.block_until_ready(running.solutions)
        ascended = time.perf_counter()
        jax.block_until_ready(running.certificates)
        return running, ascended, time.perf_counter()

    def run() -> Ours:
        clock = time.perf_counter()
        every, ascended, certified = zip(*each_in_a_thread(call, networks, chosen), strict=True)
        totals = sum((program.finish(r, lambda *_: None).total for r in every), Counter())
        certifying = sum(certified) - sum(ascended)
        return Ours(
            ascent=(totals["steps_run"], max(ascended) - clock),
            certify_share=certifying / (sum(certified) - len(every) * clock),
            occupancy=float(totals["steps_run"] / totals["lane_steps_run"]),
        )

    run()
    return run


def _timed(run: Callable[[], np.ndarray]) -> tuple[int, float]:
    """The steps of a rival, and the seconds they took."""
    clock = time.perf_counter()
    steps = int(run().sum())
    return steps, time.perf_counter() - clock


def _machine(every: list[Any]) -> dict[str, Any]:
    return {
        "name": _device_name(),
        "device_kind": every[0].device_kind,
        "device_count": len(every),
        "processor": platform.processor() or platform.machine(),
        "python_version": platform.python_version(),
        **{f"{package}_version": version(package) for package in ("jax", "jaxlib", "numpy")},
    }


def _device_name() -> str:
    every = devices.use_devices()
    kind = every[0].device_kind.lower().replace(" ", "-")
    return f"{len(every)}-{kind}"


if __name__ == "__main__":
    main()
