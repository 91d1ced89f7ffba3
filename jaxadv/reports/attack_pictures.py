"""The pictures of attacks on one network."""

from collections.abc import Iterator, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxadv.attacks.program import answer
from jaxadv.attacks.result import Attack
from jaxadv.attacks.traces import run_traces
from jaxadv.attacks.work import AttackWork
from jaxadv.figures import attacks as plots
from jaxadv.figures.style import alone
from jaxadv.reports.pictures import Picture


def attack_pictures(
    work: AttackWork, attacks: Sequence[Attack], table: pd.DataFrame
) -> Iterator[Picture]:
    """The accuracy if there are several sets; and in the largest, losses and the worst images.

    Args:
        work: the attack. Its network is called.
        attacks: what it found in each set.
        table: `jaxadv.reports.attack.tabulate`.
    """
    largest = int(np.argmax(table.radius))
    inputs, starts = attacks[0].status.shape
    what = f"{inputs} inputs, {starts} starts each, {type(work.target.method).__name__}"
    if len(attacks) > 1 and "robust" in table:
        yield Picture(
            "accuracy.png",
            "The share of inputs that stay right, against the radius.",
            alone(partial(plots.plot_accuracy, table=table, what=what)),
        )
    where = f"{what}, {attacks[largest].dataset.constraint.item()}"
    yield Picture(
        "losses.png",
        "The loss against the step, from all starts at a few inputs.",
        lambda: plots.plot_losses(run_traces(work, largest), where),
    )
    if plots.are_images(work.inputs.shape[1:]):
        yield Picture(
            "worst.png",
            "The images with the largest losses, their perturbations, and their sums.",
            lambda: _worst(work, attacks[largest], where),
        )


def _worst(work: AttackWork, attack: Attack, where: str) -> plots.Figure:
    """The images with the largest losses; with targets, with the smallest."""
    order = np.argsort(attack.loss if attack.targeted else -attack.loss)
    # Inputs whose answers changed come first.
    order = order[np.argsort(~attack.changed[order], kind="stable")][: plots.MOST_IMAGES]
    x, delta = work.inputs[order], attack.perturbation[order]
    with jax.default_matmul_precision("highest"):
        before, after = (
            np.asarray(answer(jax.vmap(work.target.network)(jnp.asarray(images))))
            for images in (x, x + delta)
        )
    titles = [f"{first:g} → {second:g}" for first, second in zip(before, after, strict=True)]
    return plots.plot_worst(x, delta, titles, where)
