"""`jaxadv report`: turns stored experiments into verdicts: report.md, report.json and figures."""

import matplotlib as mpl

mpl.use("Agg")

import dataclasses
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import matplotlib.figure
import xarray as xr
from matplotlib.axes import Axes
from tqdm import tqdm

from jaxadv.analysis import report, training_figures
from jaxadv.analysis.cells import finished_networks, typical
from jaxadv.analysis.claims import claims_on
from jaxadv.analysis.judgements import judge
from jaxadv.analysis.lines import Along
from jaxadv.analysis.plots import growth, theory
from jaxadv.analysis.plots import sweeps as plots
from jaxadv.analysis.plots.style import alone, save
from jaxadv.analysis.report import Figure
from jaxadv.cli.commands import Report
from jaxadv.cli.process import command, stop_at_once
from jaxadv.landscape.runner import KIND as OF_LANDSCAPES
from jaxadv.stores.places import DATA
from jaxadv.stores.store import Store
from jaxadv.sweeps.runner import open_sweep, run_sweep
from jaxadv.sweeps.spec import Sweep
from jaxadv.sweeps.traces import run_traces
from jaxadv.training.runner import KIND as OF_TRAININGS
from jaxadv.training.runner import open_training

QUICK_NETWORKS = 40
LEAST_VALUES = 3
"""Of a setting, for a figure along it."""
CLAIM_OF: dict[Along, str] = {
    "dim": "C1-dim",
    "width": "C1-width",
    "tolerance": "C1-tolerance",
    "scale": "C3-steps",
}
"""Where steps against a setting are shown."""
CLAIM_OF_FIGURE = {
    "curves": "C2-first", "steps": "C2-early", "inner": "C2-late", "rates": "C2-late",
}  # fmt: skip
"""Where figures of training are shown, by how their names begin."""
STEPS: dict[Along, str] = {
    "dim": "Steps against the dimension: medians (filled), 99% (open), power laws (lines) and the "
    "mean field (crosses).",
    "width": "Steps against the width: medians (filled), 99% (open), power laws (lines) and the "
    "mean field (crosses).",
    "tolerance": "Steps against the accuracy: medians (filled), 99% (open) and powers of ln(1/tol) "
    "(lines).",
    "scale": "Steps against the scale: medians (filled), 99% (open) and the mean field (lines).",
}
OF_ALL: dict[str, tuple[str, str, Callable[..., Axes]]] = {
    "C1-maximum": (
        "distances.png",
        "Distance to the true maximum against the tolerance at which ascent ends.",
        growth.plot_distances,
    ),
    "M1": (
        "collapse.png",
        "Curvature ratios of all cells against κ₀, and the predicted curve.",
        theory.plot_collapse,
    ),
    "M2": (
        "collapse-steps.png",
        "Rescaled steps in wide networks, for small constant steps, and two predicted laws.",
        theory.plot_step_collapse,
    ),
    "M3": ("rates.png", "Measured against certified rates of convergence.", theory.plot_rates),
}
"""Figures of all sweeps together, by the claim that they belong to."""
AXES = {
    "dims": "dim",
    "widths": "width",
    "activations": "activation",
    "losses": "loss",
    "ratios": "ratio",
    "step_sizes": "step_size",
}
"""The grid axes of a sweep but for the scales, and the coordinates of its cells."""
Drawing = tuple[Figure, Callable[[], matplotlib.figure.Figure]]


def run(options: Report) -> None:
    """Run what is to be run, judge, write."""
    folder = options.folder
    stop_at_once(f"stopped; what {folder} has is kept, and {command()} goes on")
    if options.run:
        run_sweeps(options.run, folder, quick=options.quick)
    datasets = open_experiments(folder)
    judgements = [
        judge(claim, datasets) for claim in tqdm(claims_on(datasets), desc="judging", unit="claim")
    ]
    figures: dict[str, list[Figure]] = {}
    for claim, (figure, draw) in tqdm(
        list(drawings(folder, datasets)), desc="drawing", unit="figure"
    ):
        save(folder / figure.file, draw)
        figures.setdefault(claim, []).append(figure)
    text = report.as_markdown(judgements, datasets, figures, f"jaxadv report {folder.as_posix()}")
    (folder / "report.md").write_text(text, encoding="utf-8")
    findings = json.dumps(report.as_json(judgements), indent=1, ensure_ascii=False)
    (folder / "report.json").write_text(findings + "\n", encoding="utf-8")
    for judgement in judgements:
        print(f"{judgement.claim.name:<16}{judgement.verdict:<16}{judgement.claim.title}")
    print(folder / "report.md")


def run_sweeps(configs: Path, folder: Path, *, quick: bool) -> None:
    """Run or resume a sweep for each TOML file."""
    files = sorted(configs.glob("*.toml"))
    if not files:
        raise ValueError(f"run: no TOML files in {str(configs)!r}")
    # All are read before any is run, so that a mistake in the last is found at once.
    sweeps = {file.stem: Sweep(**Sweep.read_config(file)) for file in files}
    for name, sweep in sweeps.items():
        print(f"sweep {name}: {configs / name}.toml", flush=True)
        networks = min(sweep.networks, QUICK_NETWORKS) if quick else sweep.networks
        run_sweep(dataclasses.replace(sweep, networks=networks), folder / name)


def open_experiments(folder: Path) -> dict[str, xr.Dataset]:
    """The sweeps and training experiments of a folder by name, read into memory."""
    places = [folder, *sorted(path for path in folder.glob("*") if path.is_dir())]
    datasets = {}
    for path in (path for path in places if (path / DATA).exists()):
        identity, name = Store.open(path).attributes["identity"], path.resolve().name
        if OF_LANDSCAPES in identity:
            print(f"left out: {name}, a landscape, on which there are no claims")
        else:
            opened = open_training if OF_TRAININGS in identity else open_sweep
            datasets[name] = opened(path)
    if not datasets:
        raise ValueError(f"folder: no sweep in {str(folder)!r}; --run scripts/configs runs some")
    begun = [name for name, dataset in datasets.items() if dataset.complete.all("cell").any()]
    for name in datasets.keys() - set(begun):
        print(f"left out: {name}, of which no network was run in every cell yet")
    if not begun:
        raise ValueError(f"folder: no finished networks in {str(folder)!r}; run the sweeps again")
    return {name: finished_networks(datasets[name]).load() for name in begun}


def drawings(folder: Path, datasets: Mapping[str, xr.Dataset]) -> Iterator[tuple[str, Drawing]]:
    """What can be drawn of these experiments, with the claim that it belongs to."""
    place = {name: f"{name}/" if (folder / name).is_dir() else "" for name in datasets}
    sweeps = {name: dataset for name, dataset in datasets.items() if "sweep" in dataset.attrs}
    if sweeps:
        yield from drawings_of_sweeps(sweeps)
    for name in (name for name in datasets if name not in sweeps):
        for figure, text, draw in training_figures.drawings(datasets[name]):
            claim = CLAIM_OF_FIGURE[figure.partition("-")[0]]
            # Where the experiment's own report has them, too.
            yield claim, (Figure(f"{place[name]}{figure}.png", f"{text} Experiment {name}."), draw)


def drawings_of_sweeps(datasets: Mapping[str, xr.Dataset]) -> Iterator[tuple[str, Drawing]]:
    """What can be drawn of sweeps."""
    for along, claim in CLAIM_OF.items():
        for name, dataset in richest(datasets, along).items():
            by = "ratio" if along == "scale" else "scale"
            figure = Figure(f"steps-{along}-{name}.png", f"{STEPS[along]} Sweep {name}.")
            draw = partial(growth.plot_growth, dataset=dataset, along=along, by=by)
            yield claim, (figure, alone(draw))
    for name, dataset in richest(datasets, "width").items():
        figure = Figure(f"failures-{name}.png", f"Failures against the width. Sweep {name}.")
        yield "C1-probability", (figure, alone(partial(growth.plot_failures, dataset=dataset)))
    for name, dataset in richest(datasets, "scale").items():
        figure = Figure(f"survival-{name}.png", f"Share of trials still running. Sweep {name}.")
        family = typical(dataset, ("scale",))
        yield "C3-steps", (figure, alone(partial(plots.plot_steps, dataset=family)))
        figure = Figure(f"curvature-{name}.png", f"Curvature at the maxima. Sweep {name}.")
        yield "C3-curvature", (figure, alone(partial(theory.plot_regularity, dataset=dataset)))
    for name, dataset in list(richest(datasets, "tolerance").items())[:1]:
        yield "M2-tolerance", drawing_of_traces(name, dataset)
    for claim, (file, text, plot) in OF_ALL.items():
        yield claim, (Figure(file, text), alone(partial(plot, datasets=datasets)))


def richest(datasets: Mapping[str, xr.Dataset], along: Along) -> dict[str, xr.Dataset]:
    """The sweeps with the most values of a setting, if these are enough for a figure."""
    numbers = {name: len(set(dataset[along].values)) for name, dataset in datasets.items()}
    most = max(numbers.values())
    if most < LEAST_VALUES:
        return {}
    return {name: dataset for name, dataset in datasets.items() if numbers[name] == most}


def drawing_of_traces(name: str, dataset: xr.Dataset) -> Drawing:
    """The residuals of a few trials of a sweep, step by step, other settings typical."""
    family = typical(dataset, ("scale",))
    first = family.isel(cell=0)
    one = {field: (first[axis].item(),) for field, axis in AXES.items()}
    sweep = Sweep(**tomllib.loads(dataset.attrs["sweep"]))
    sweep = dataclasses.replace(sweep, scales=tuple(family.scale.values.tolist()), **one)
    longest = int(family.num_steps.max())
    traces = run_traces(sweep, max_steps=longest).assign_coords(family.coords)
    figure = Figure(f"residuals-{name}.png", f"Residuals against the step. Sweep {name}.")
    return figure, alone(partial(plots.plot_residuals, traces=traces))
