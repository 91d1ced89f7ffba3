"""The pictures of the report on claims, each with the claim that it belongs to."""

import dataclasses
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import xarray as xr
from matplotlib.axes import Axes

from jaxadv.claims import tail
from jaxadv.claims.growth import with_width_powers
from jaxadv.claims.law_errors import law_errors, richest_in_shapes
from jaxadv.figures import growth, predictions, success
from jaxadv.figures.early_training import has_controls, has_law, plot_controls, plot_law
from jaxadv.figures.laws import plot_laws
from jaxadv.figures.maxima import LEAST_DIMS, plot_maxima
from jaxadv.figures.style import alone
from jaxadv.figures.sweeps import plot_residuals, plot_steps
from jaxadv.reports.pictures import Picture
from jaxadv.reports.training_pictures import training_pictures
from jaxadv.stats.cells import own_functions, typical
from jaxadv.stats.fits import LEAST_SIZES
from jaxadv.stats.lines import Along
from jaxadv.sweeps.spec import Sweep
from jaxadv.sweeps.traces import run_traces

# A picture along a setting needs so many of its values.
LEAST_VALUES = 3
# The claims on steps along a setting, and what their pictures show.
CLAIM_OF_STEPS: dict[Along, str] = {
    "dim": "C1-dim",
    "width": "C1-width",
    "tolerance": "C1-tolerance",
}
# The claims on steps against the scale, by the step rule.
CLAIM_OF_RULE = {
    "constant": "C3-steps",
    "inverse-curvature": "C3-steps-curvature",
    "normalized": "C3-steps-gradient",
}
STEPS: dict[Along, str] = {
    "dim": "Steps against the dimension: medians (filled), 90% (open), power laws (lines) and the "
    "mean field (crosses).",
    "width": "Steps against the width: medians (filled), 90% (open), power laws (lines) and the "
    "mean field (crosses).",
    "tolerance": "Steps against the accuracy: medians (filled), 90% (open) and powers of ln(1/tol) "
    "(lines).",
    "scale": "Steps against the scale: medians (filled), 90% (open) and the mean field (lines).",
}
# Pictures of all sweeps together: claim, file, caption.
OF_ALL: tuple[tuple[str, str, str, Callable[..., Axes]], ...] = (
    (
        "C1-maximum",
        "distances.png",
        "Distance to the true maximum against the tolerance at which ascent ends.",
        growth.plot_distances,
    ),
    (
        "M1",
        "collapse.png",
        "Curvature ratios of all cells against κ₀, and the predicted curve.",
        predictions.plot_collapse,
    ),
    (
        "M2",
        "collapse-steps.png",
        "Rescaled steps in wide networks, for small constant steps, and two predicted laws.",
        predictions.plot_step_collapse,
    ),
    ("M3", "rates.png", "Measured against certified rates of convergence.", predictions.plot_rates),
)
# The claims that pictures of training belong to, by the first word of their files.
OF_TRAINING = {
    "curves": "C2-first", "steps": "C2-early", "inner": "C2-late", "rates": "C2-late",
}  # fmt: skip
# The grid axes of a sweep but for the scales, and the coordinates of its cells.
AXES = {
    "dims": "dim",
    "widths": "width",
    "activations": "activation",
    "losses": "loss",
    "constraints": "constraint",
    "methods": "method",
    "ratios": "ratio",
    "step_sizes": "step_size",
}


def claims_pictures(
    folder: Path, datasets: Mapping[str, xr.Dataset]
) -> Iterator[tuple[str, Picture]]:
    """What can be drawn of experiments, with the name of the claim that it belongs to.

    Args:
        folder: the report's. Pictures of a training experiment that has a folder of its own in it
            go there, where the experiment's own report has them, too.
        datasets: sweeps and training experiments, of finished networks, by name.
    """
    sweeps = {name: dataset for name, dataset in datasets.items() if "sweep" in dataset.attrs}
    if sweeps:
        yield from _of_sweeps(sweeps)
    for name, dataset in datasets.items():
        if "landscape" in dataset.attrs and len(set(dataset.dim.values)) >= LEAST_DIMS:
            plot = partial(plot_maxima, dataset=dataset)
            text = "The number of distinct maxima against the dimension."
            yield "C3-maxima", _of_experiment("maxima", name, text, plot, kind="Landscape")
    trainings = {name: each for name, each in datasets.items() if "training" in each.attrs}
    yield from _of_early_training(trainings)
    for name in trainings:
        place = f"{name}/" if (folder / name).is_dir() else ""
        for picture in training_pictures(datasets[name]):
            claim = OF_TRAINING[picture.file.partition(".")[0].partition("-")[0]]
            text = f"{picture.caption} Experiment {name}."
            yield claim, Picture(f"{place}{picture.file}", text, picture.draw)


def _of_early_training(trainings: Mapping[str, xr.Dataset]) -> Iterator[tuple[str, Picture]]:
    """Training beside its law, where the most examples are, and beside its controls."""
    covered = {name: dataset for name, dataset in trainings.items() if has_law(dataset)}
    if covered:
        name = max(covered, key=lambda name: _num_examples(covered[name]))
        text = f"Held-out robust loss in early training, and the law. Experiment {name}."
        yield "M4", Picture("law.png", text, partial(plot_law, covered[name]))
    if has_controls(trainings):
        text = "Held-out robust loss after ten steps against the scale, beside controls."
        yield "M4", Picture("controls.png", text, partial(plot_controls, trainings))


def _num_examples(dataset: xr.Dataset) -> int:
    return tomllib.loads(dataset.attrs["training"])["examples"]


def _of_sweeps(datasets: Mapping[str, xr.Dataset]) -> Iterator[tuple[str, Picture]]:
    yield from _of_steps(datasets)
    yield from _of_success(datasets)
    yield from _of_scales(datasets)
    name = richest_in_shapes(datasets)
    if name is not None and len(errors := law_errors(datasets[name])):
        text = f"Errors of the law of the curvature and of its rival. Sweep {name}."
        plot = partial(plot_laws, errors, datasets[name].sizes["network"])
        yield "M1", Picture("laws.png", text, plot)
    for name, dataset in _richest(datasets, "tolerance").items():
        if not own_functions(dataset):
            text = "Residuals against the step."
            plot = partial(plot_residuals, dataset=typical_traces(dataset))
            yield "M2-tolerance", _of_experiment("residuals", name, text, plot)
            break
    for claim, file, text, plot in OF_ALL:
        yield claim, Picture(file, text, alone(partial(plot, datasets=datasets)))


def _of_steps(datasets: Mapping[str, xr.Dataset]) -> Iterator[tuple[str, Picture]]:
    """Steps along each setting, and along the dimension where the width grows with it."""
    for along, claim in CLAIM_OF_STEPS.items():
        for name, dataset in _richest(datasets, along).items():
            plot = partial(growth.plot_growth, dataset=dataset, along=along)
            yield claim, _of_experiment(f"steps-{along}", name, STEPS[along], plot)
    for name, dataset in datasets.items():
        shapes = with_width_powers(dataset)
        if len(set(shapes.dim.values)) >= LEAST_SIZES and len(set(shapes.width.values)) > 1:
            text = "Steps against the dimension, in networks whose width grows with it."
            plot = partial(growth.plot_growth, dataset=shapes, along="dim", by="width")
            yield "C1-shapes", _of_experiment("shapes", name, text, plot)


def _of_scales(datasets: Mapping[str, xr.Dataset]) -> Iterator[tuple[str, Picture]]:
    """Steps and condition numbers against the scale, of the sweeps of several scales.

    Of these, those with the most ratios are drawn.
    """
    several = {
        name: dataset
        for name, dataset in datasets.items()
        if len(set(dataset.scale.values)) >= LEAST_VALUES
    }
    for name, dataset in _richest(several, "ratio", least=1).items():
        text = "Condition numbers of the maxima against the scale."
        plot = partial(predictions.plot_condition_numbers, dataset=dataset)
        yield "C3-condition", _of_experiment("condition", name, text, plot)
        claim = CLAIM_OF_RULE.get(dataset.step_rule.values[0], "C3-steps")
        plot = partial(growth.plot_growth, dataset=dataset, along="scale", by="ratio")
        yield claim, _of_experiment("steps-scale", name, STEPS["scale"], plot)
        plot = partial(plot_steps, dataset=typical(dataset, ("scale",)))
        yield claim, _of_experiment("survival", name, "Share of trials still running.", plot)


def _of_success(datasets: Mapping[str, xr.Dataset]) -> Iterator[tuple[str, Picture]]:
    """How often ascent succeeds, and how many steps it takes with high probability."""
    for name, dataset in datasets.items():
        if dataset.sizes["network"] >= tail.LEAST_FOR_TAIL:
            text = "Steps that suffice but for a failure probability."
            plot = partial(success.plot_tail, dataset=_simple(dataset))
            yield "C1-probability", _of_experiment("tail", name, text, plot)
    for name, dataset in _richest(datasets, "scale").items():
        plot = partial(success.plot_success, dataset=_simple(dataset))
        yield "C1-success", _of_experiment("success", name, "Success against κ₀.", plot)
    for name, dataset in _richest(datasets, "width").items():
        plot = partial(success.plot_failures, dataset=dataset)
        yield "C1-success", _of_experiment("failures", name, "Failures against the width.", plot)


def _simple(dataset: xr.Dataset) -> xr.Dataset:
    """The cells with typical settings but for shape, scale and step size."""
    return typical(dataset, ("dim", "width", "scale", "step_size"))


def _of_experiment(
    file: str, name: str, text: str, plot: Callable[[Axes], Axes], kind: str = "Sweep"
) -> Picture:
    return Picture(f"{file}-{name}.png", f"{text} {kind} {name}.", alone(plot))


def _richest(
    datasets: Mapping[str, xr.Dataset], along: str, least: int = LEAST_VALUES
) -> dict[str, xr.Dataset]:
    """The sweeps with the most values of a setting, the others typical, if enough for a picture."""
    numbers = {
        name: len(set(typical(dataset, (along,))[along].values))
        for name, dataset in datasets.items()
    }
    most = max(numbers.values(), default=0)
    if most < least:
        return {}
    return {name: dataset for name, dataset in datasets.items() if numbers[name] == most}


def typical_traces(dataset: xr.Dataset) -> xr.Dataset:
    """The paths of a few trials of a sweep at each scale, other settings typical, drawn again.

    Args:
        dataset: a sweep's.

    Raises:
        ValueError: if the sweep names functions that are not built in: they would have to be
            imported and called.
    """
    if own := own_functions(dataset):
        raise ValueError(f"dataset: {own[0]!r} is not built in, and is not imported from a dataset")
    family = typical(dataset, ("scale",))
    first = family.isel(cell=0)
    one = {field: (first[axis].item(),) for field, axis in AXES.items()}
    sweep = Sweep(**tomllib.loads(dataset.attrs["sweep"]))
    sweep = dataclasses.replace(sweep, scales=tuple(family.scale.values.tolist()), **one)
    longest = int(family.num_steps.max())
    return run_traces(sweep, max_steps=longest).assign_coords(family.coords)
