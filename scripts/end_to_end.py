"""Whole sweeps against the matrix products of their ascents, and what the time goes into."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from ceiling import products
from rivals import batch_of, certified
from tqdm import tqdm

import jaxadv as ja
from jaxadv import devices
from jaxadv.programs import keep_programs
from jaxadv.sweeps.plan import make_plan
from jaxadv.sweeps.program import SweepProgram
from jaxadv.sweeps.records import record

SIZES = ((64, 512), (256, 512), (784, 512), (256, 4096))
RIVAL_TRIALS = 192
WEIGHTS = 2**18  # that the networks of a device have together; there are at least two networks
PHASES = ("draw", "ascend", "certify", "prove", "record")


def sweep_of(dim: int, width: int, networks: int) -> ja.Sweep:
    """768 trials on each network: scales 0.1, 1, 3, tolerance 1e-3."""
    return ja.Sweep(
        data="gaussian",
        dims=(dim,),
        widths=(width,),
        scales=(0.1, 1.0, 3.0),
        networks=networks,
        examples=64,
        tolerances=(1e-3,),
    )


def measure_end_to_end(*, quick: bool) -> tuple[dict[str, Any], str]:
    """Useful steps per second of `run_sweep`, in memory, over what the products alone would do.

    Both are measured in turns, and the medians of five rounds (one, if quick) are reported. The
    shares are those of one device, whose phases are timed one after the other.
    """
    keep_programs()
    every = devices.use_devices()
    rounds = 1 if quick else 5
    head = f"{'dim':>5}{'width':>7}{'steps/s':>11}{'products':>11}{'ratio':>7}"
    lines = [head + "".join(f"{phase:>9}" for phase in PHASES)]
    sizes = []
    for dim, width in tqdm(SIZES, unit="size", leave=False):
        sweep = sweep_of(dim, width, networks=len(every) * max(2, WEIGHTS // (dim * width)))
        ways = {"sweep": _whole(sweep), "products": products(sweep, every)}
        speeds: dict[str, list[float]] = {name: [] for name in ways}
        for name, run in [*ways.items()] * rounds:
            steps, seconds = run()
            speeds[name].append(steps / seconds)
        ratios = [
            ours / most for ours, most in zip(speeds["sweep"], speeds["products"], strict=True)
        ]
        shares = _shares(sweep, every[0], rounds)
        row = {
            "dim": dim,
            "width": width,
            "steps_per_second": speeds,
            "ratio": {"median": statistics.median(ratios), "all": ratios},
            "shares": shares,
        }
        sizes.append(row)
        ours, most = (statistics.median(speeds[name]) for name in ways)
        lines.append(
            f"{dim:>5}{width:>7}{ours:>11.3g}{most:>11.3g}{row['ratio']['median']:>7.2f}"
            + "".join(f"{shares[phase]:>9.1%}" for phase in PHASES)
        )
    rival = certified(batch_of(sweep_of(*SIZES[0], networks=1)).first(RIVAL_TRIALS))
    clock = time.perf_counter()
    speed = int(rival().sum()) / (time.perf_counter() - clock)
    ours = statistics.median(sizes[0]["steps_per_second"]["sweep"])
    way = f"jit(vmap(while_loop)), W per trial, then vmap(certify) at {SIZES[0]}"
    lines += ["", f"{way}: {speed:.3g} steps/s, jaxadv is {ours / speed:.0f}x"]
    return {"sizes": sizes, "rival_steps_per_second": speed}, "\n".join(lines)


def _whole(sweep: ja.Sweep) -> Callable[[], tuple[int, float]]:
    """`run_sweep` in memory, with all programs compiled before."""

    def run() -> tuple[int, float]:
        clock = time.perf_counter()
        dataset = ja.run_sweep(sweep, progress=False)
        seconds = time.perf_counter() - clock
        return int(dataset.num_steps.isel(tolerance=-1).sum()), seconds

    run()
    return run


def _shares(sweep: ja.Sweep, device: Any, rounds: int) -> dict[str, float]:
    """The share of each phase in the time of one call on one device."""
    plan = make_plan(sweep, sweep.cells, device, sweep.networks)
    program = SweepProgram(sweep, sweep.cells, plan, [device])
    seconds: dict[str, list[float]] = {phase: [] for phase in PHASES}

    def timed(phase: str, function: Callable[..., Any], *args: Any) -> Any:
        clock = time.perf_counter()
        result = jax.block_until_ready(function(*args))
        seconds[phase].append(time.perf_counter() - clock)
        return result

    for _ in range(1 + rounds):
        draws = timed("draw", program.draw, [0], device)
        solutions, _ = timed("ascend", program.ascend, draws, device)
        certificates = timed("certify", program.certify, draws, solutions, device)
        proofs = timed("prove", program.prove, draws, solutions, device)
        timed("record", partial(record, in_box=False), solutions, certificates, proofs)
    # The first round is slower.
    medians = {phase: statistics.median(values[1:]) for phase, values in seconds.items()}
    return {phase: value / sum(medians.values()) for phase, value in medians.items()}
