"""`jaxadv attack`: attacks a network of the user's; a table, figures, the worst perturbations."""

import matplotlib as mpl

mpl.use("Agg")

import hashlib
import io
import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxadv.ascent.methods_by_name import maker_of
from jaxadv.attacks.attack import prepare
from jaxadv.attacks.result import Attack
from jaxadv.attacks.work import AttackWork
from jaxadv.cli.commands import Attacked, Devices, Kept
from jaxadv.cli.mistakes import note
from jaxadv.cli.output import write
from jaxadv.cli.process import what_goes_on
from jaxadv.data.images import as_pixels
from jaxadv.data.sources import SIZES, read
from jaxadv.devices import use_devices
from jaxadv.experiments.fields import grid, positive, whole
from jaxadv.experiments.moves import step_of
from jaxadv.grid.places import Place, place
from jaxadv.grid.run import run_grid
from jaxadv.problems.constraints import CONSTRAINTS
from jaxadv.problems.names import resolve
from jaxadv.problems.network_files import about_network, load_network
from jaxadv.problems.network_makers import is_network_file
from jaxadv.problems.networks import TwoLayer
from jaxadv.reports import attack as summary
from jaxadv.reports.attack_pictures import attack_pictures
from jaxadv.reports.notes import notes_on_kinds
from jaxadv.reports.pictures import save_pictures


def run(attacked: Attacked, kept: Kept, devices: Devices) -> None:
    """Attack, or do what is missing of it, and report."""
    # Before anything makes an array, which fixes the number of devices.
    use_devices(devices.devices)
    radii = grid("radii", attacked.radii, positive)
    work = work_of(attacked, radii)
    store = kept.store or f"results/attack-{_fingerprint(work)}"
    what_goes_on(store)
    dataset = run_grid(work, store, fresh=kept.fresh, devices=devices.devices).load()
    report(work, work.attacks(dataset), radii, place(store))


def report(
    work: AttackWork, attacks: Sequence[Attack], radii: Sequence[float], folder: Place
) -> None:
    """Print the table; write it, the worst perturbations and the figures."""
    table = summary.tabulate(attacks, radii)
    print(summary.as_text(table), flush=True)
    kinds = [attack.kind for attack in attacks if attack.kind is not None]
    for line in [*notes_on_kinds(kinds), *attacks[0].notes]:
        print(line)
    write(folder / "summary.csv", table.to_csv(index=False))
    arrays = io.BytesIO()
    worst = np.stack([attack.perturbation for attack in attacks])
    np.savez_compressed(arrays, radius=np.array(radii), perturbation=worst)
    (folder / "worst.npz").write_bytes(arrays.getvalue())
    print(folder / "worst.npz")
    for picture in save_pictures(attack_pictures(work, attacks, table), folder):
        print(folder / picture.file, flush=True)


def work_of(attacked: Attacked, radii: Sequence[float]) -> AttackWork:
    """The attack that flags ask for.

    Raises:
        ValueError, TypeError: for what cannot be used; names the flag.
    """
    x, y = _inputs(attacked)
    rule, size = step_of(attacked.method, "normalized", positive("step_size", attacked.step_size))
    tolerance = positive("tolerance", attacked.tolerance)
    max_steps = whole("steps", attacked.steps, least=0)
    maker = maker_of(
        attacked.method, rule, tolerances=(tolerance,), max_steps=max_steps, field="method"
    )
    make_set = resolve("constraint", attacked.constraint, CONSTRAINTS)
    return prepare(
        network_of(attacked.network),
        x.astype(np.float32),
        y,
        constraint=[make_set(radius) for radius in radii],
        loss=attacked.loss,
        bounds=attacked.bounds or None,
        method=maker(size),
        starts=attacked.starts,
        key=attacked.seed,
        targeted=attacked.targeted,
        certify=True,
        prove=attacked.prove,
        keep_ends=False,
        num_lanes=None,
        smooth=attacked.smooth,
    )


def network_of(name: str) -> Any:
    """The network that a flag names: a function, or a file of weights.

    Raises:
        ValueError: for what is neither.
    """
    if is_network_file(name):
        _note_units(name)
        return load_network(name)
    if not name.endswith(".npz"):
        if ":" not in name:
            raise ValueError(
                f"network: {name!r} must be module:function, FILE.safetensors or FILE.npz"
            )
        return resolve("network", name, {})
    try:
        with np.load(Path(name).expanduser(), allow_pickle=False) as arrays:
            hidden, output = arrays["hidden"], arrays["output"]
            activation = str(arrays["activation"]) if "activation" in arrays else "tanh"
    except FileNotFoundError:
        raise ValueError(f"network: there is no file {name!r}") from None
    except Exception as error:  # each kind of damage has errors of its own
        raise ValueError(
            f"network: {name!r} is no file with arrays hidden (m, d) and output (m,) or (m, "
            f"classes): {error}"
        ) from error
    if hidden.ndim != 2 or output.ndim not in {1, 2} or len(hidden) != len(output):
        raise ValueError(
            f"network: {name!r} has hidden {hidden.shape} and output {output.shape}; need (m, d) "
            "and (m,) or (m, classes)"
        )
    return TwoLayer(jnp.asarray(hidden, "f4"), jnp.asarray(output, "f4"), activation)


def _note_units(name: str) -> None:
    """Say so where a kept network was trained on other inputs than pixels as they are."""
    about = about_network(name)
    training = tomllib.loads(about.get("training", ""))
    if not training:
        return
    inputs, scale = training.get("inputs", "directions"), about.get("scale", 1.0)
    if (inputs, scale) != ("pixels", 1.0):
        note(
            f"network: {name!r} was trained on {inputs} times {scale:g}, and is attacked at the "
            "inputs as they are"
        )


def _inputs(attacked: Attacked) -> tuple[np.ndarray, np.ndarray]:
    """The inputs, and their labels: signs as they are, or numbers of classes."""
    if attacked.inputs in SIZES:
        raise ValueError(f"inputs: give the folder with the files of {attacked.inputs} itself")
    try:
        x, y, _ = read(attacked.inputs)
    except ValueError as error:
        raise ValueError(str(error).replace("data: ", "inputs: ", 1)) from error
    number = attacked.examples or len(x)
    if not 0 < number <= len(x):
        raise ValueError(f"examples: {number}, but {attacked.inputs!r} has {len(x)} inputs")
    return as_pixels(attacked.inputs, x[:number]), y[:number]


def _fingerprint(work: AttackWork) -> str:
    cells = [work.values_of(cell) for group in work.groups for cell in group]
    entries = json.dumps([dict(work.identity.entries), cells], sort_keys=True)
    return hashlib.sha256(entries.encode()).hexdigest()[:12]
