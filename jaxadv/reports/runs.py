"""What was run, as tables of a report on claims."""

import tomllib
from collections.abc import Iterator, Mapping

import xarray as xr

from jaxadv.reports.markdown import minutes, show, show_table, show_values
from jaxadv.reports.notes import note_on_own_functions
from jaxadv.stats.cells import finished_networks, is_maximum


def what_was_run(
    sweeps: Mapping[str, xr.Dataset],
    trainings: Mapping[str, xr.Dataset],
    landscapes: Mapping[str, xr.Dataset],
) -> Iterator[str]:
    """Tables of the experiments."""
    if sweeps or not (trainings or landscapes):
        yield show_table(
            ["sweep", "d", "m", "s", "ρ", "activations", "losses", "steps", "networks × trials",
             "tolerance", "budget", "confirmed"],
            [_description(name, dataset) for name, dataset in sweeps.items()],
        )  # fmt: skip
        yield _totals(sweeps)
        yield from (note_on_own_functions(sweeps[name], f"Sweep {name}") for name in sweeps)
    if trainings:
        yield show_table(
            ["training", "data", "d", "m", "layers", "s", "ρ", "optimisers", "rates",
             "rates·λ₁", "networks", "examples", "batch", "steps", "diverged"],
            [_training(name, dataset) for name, dataset in trainings.items()],
        )  # fmt: skip
        runs = sum(dataset.diverged_step.size for dataset in trainings.values())
        yield f"In all {runs:,} runs, which took {minutes(trainings.values()):.0f} minutes."
    if landscapes:
        yield show_table(
            ["landscape", "d", "m", "s", "ρ", "activations", "losses",
             "networks × inputs × starts", "minutes"],
            [_landscape(name, dataset) for name, dataset in landscapes.items()],
        )  # fmt: skip


def _landscape(name: str, dataset: xr.Dataset) -> list[str]:
    """A survey of landscapes in one row."""
    sizes = finished_networks(dataset).sizes
    axes = ("dim", "width", "scale", "ratio", "activation", "loss")
    return [
        name,
        *(show_values(dataset[axis].values.tolist()) for axis in axes),
        f"{sizes['network']} × {sizes['example']} × {sizes['start']}",
        f"{minutes([dataset]):.0f}",
    ]


def _training(name: str, dataset: xr.Dataset) -> list[str]:
    """A training experiment in one row."""
    spec = tomllib.loads(dataset.attrs["training"])
    columns = ("scales", "ratios", "optimizers", "rates", "sharpness_rates")
    finished = finished_networks(dataset)
    return [
        name,
        spec["data"],
        *(show_values(dataset[name].values.tolist()) for name in ("dim", "width")),
        spec["layers"],
        *(show_values(spec[field]) for field in columns),
        str(finished.sizes["network"]),
        str(spec["examples"]),
        str(spec["batch"] or "all"),
        str(spec["steps"]),
        f"{float((finished.diverged_step >= 0).mean()):.1%}",
    ]


def _description(name: str, dataset: xr.Dataset) -> list[str]:
    """A sweep in one row."""
    finished = finished_networks(dataset)
    sizes = finished.sizes
    axes = ("dim", "width", "scale", "ratio", "activation", "loss", "step_rule")
    return [
        name,
        *(show_values(dataset[axis].values.tolist()) for axis in axes),
        f"{sizes['network']} × {sizes['example'] * sizes['start']}",
        show(float(dataset.tolerance[-1])),
        str(tomllib.loads(dataset.attrs["sweep"])["max_steps"]),
        f"{float(is_maximum(finished).mean()):.1%}",
    ]


def _totals(datasets: Mapping[str, xr.Dataset]) -> str:
    """How many ascents there were in all, and how long they took."""
    ascents = sum(dataset.kind.size for dataset in datasets.values())
    return (
        f"In all {ascents:,} ascents, which took {minutes(datasets.values()):.0f} minutes. The "
        f"manifest.json of each sweep has the versions, the commit, the machine and the time."
    )
