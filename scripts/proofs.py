"""Which maxima are proved to be global: runs surveys, and writes a page with a figure.

Example:
    python scripts/proofs.py results/proofs
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import jax
import jax.numpy as jnp

import jaxadv as ja
from jaxadv.grid.places import place
from jaxadv.reports.pictures import save_pictures
from jaxadv.reports.proofs import as_markdown, pictures

CONFIGS = Path(__file__).parent / "proofs"
SURVEYS = ("random", "wide", "images", "digits", "boxes")
DIM, WIDTH, RATIO, STEP_SIZE, TOLERANCE, STARTS = 64, 512, 0.1, 0.1, 1e-3, 200


def main(folder: str = "results/proofs") -> None:
    """Run what is missing, and write the page."""
    surveys = {
        name: ja.run_landscape(
            ja.Landscape.from_toml(CONFIGS / f"{name}.toml"), f"{folder}/{name}"
        ).load()
        for name in SURVEYS
    }
    for picture in save_pictures(pictures(surveys["random"]), place(folder)):
        print(place(folder) / picture.file)
    page = as_markdown(surveys, list(measured_steps()), f"python scripts/proofs.py {folder}")
    (place(folder) / "report.md").write_text(page, encoding="utf-8")
    print(place(folder) / "report.md")


def measured_steps() -> Iterator[dict[str, Any]]:
    """The most steps of ascents from many starts, and the bound, at several scales."""
    method = ja.PGA(ja.ConstantStep(STEP_SIZE), TOLERANCE, 20_000)
    for scale in (0.03, 0.1, 0.2, 0.3, 0.5, 1.0):
        keys = jax.random.split(jax.random.key(0), 3)
        network = ja.init_two_layer(keys[0], DIM, WIDTH)
        direction = jax.random.normal(keys[1], (DIM,))
        x = scale * DIM**0.5 * direction / jnp.linalg.norm(direction)
        problem = ja.Problem(
            network, x, 1.0, ja.L2Ball(RATIO * jnp.linalg.norm(x)), loss="logistic"
        )
        starts = jax.vmap(lambda key, p=problem: ja.random_start(p.constraint, key, (DIM,)))(
            jax.random.split(keys[2], STARTS)
        )
        end = ja.ascend(problem, starts[0], method).perturbation
        starts = jnp.concatenate([starts, -end[None]])
        ends = jax.vmap(lambda start, p=problem: ja.ascend(p, start, method))(starts)
        proof = ja.prove(problem, end, step_size=STEP_SIZE, tolerance=TOLERANCE)
        yield {
            "d": DIM, "m": WIDTH, "ρ": RATIO, "s": scale, "step size": STEP_SIZE,
            "tolerance": TOLERANCE, "most": int(ends.num_steps.max()),
            "bound": float(proof.step_bound),
        }  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
